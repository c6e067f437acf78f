"""The boot record is read back as stored, and a cut at any operation leaves old or new."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.platform.boot_state import BootState, BootStateError, BootStateStore, Trial, TrialPhase
from agent.platform.filesystem import OsFilesystem
from agent.platform.slots import Slot
from tests.agent.platform.power_cut import CuttingFilesystem, PowerCut

OLD = BootState(Slot.A, Trial(Slot.B, TrialPhase.RUNNING, "11" * 32))
NEW = BootState(Slot.B)


def test_no_record_is_a_factory_device(tmp_path: Path) -> None:
    assert BootStateStore(tmp_path, OsFilesystem()).load() == BootState(Slot.A, None)


@pytest.mark.parametrize("state", [OLD, NEW])
def test_record_is_read_back(tmp_path: Path, state: BootState) -> None:
    store = BootStateStore(tmp_path, OsFilesystem())
    store.save(state)
    assert store.load() == state
    assert store.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("cut_at", range(5))
def test_power_cut_leaves_old_or_new(tmp_path: Path, cut_at: int, torn: bool) -> None:
    BootStateStore(tmp_path, OsFilesystem()).save(OLD)
    fs = CuttingFilesystem(cut_at, torn)
    with pytest.raises(PowerCut):
        BootStateStore(tmp_path, fs).save(NEW)
    survivor = BootStateStore(tmp_path, OsFilesystem()).load()
    renamed = "replace" in fs.operations[:-1] or (torn and fs.operations[-1] == "replace")
    assert survivor == (NEW if renamed else OLD)
    BootStateStore(tmp_path, OsFilesystem()).save(NEW)
    assert BootStateStore(tmp_path, OsFilesystem()).load() == NEW


def test_saving_is_exactly_five_steps(tmp_path: Path) -> None:
    fs = CuttingFilesystem()
    BootStateStore(tmp_path, fs).save(NEW)
    assert fs.operations == ["create", "write_at", "sync", "replace", "sync_directory"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b'{"active":"C","trial":null}', b'{"active":"A"}', b"\xff\xfe",
     b'{"active":"A","trial":{"slot":"B"}}', b'{"active":"A","trial":7}', b"[" * 4000],
)  # fmt: skip
def test_nonsense_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    store = BootStateStore(tmp_path, OsFilesystem())
    store.path.write_bytes(content)
    with pytest.raises(BootStateError, match=r"boot_state\.json"):
        store.load()
