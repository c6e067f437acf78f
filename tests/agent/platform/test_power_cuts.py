"""The power fails at every operation of an update, of its self-test and of its rollback.

Whatever the moment: some image boots, it is the old one or the new one on trial, the boot record
can be read, and a new image is permanent only after it was committed.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from agent.platform.boot_loader import choose_boot
from agent.platform.boot_state import BootState, BootStateStore, Trial, TrialPhase
from agent.platform.filesystem import OsFilesystem
from agent.platform.slots import Slot
from agent.protocol.codes import ImageState
from tests.agent.platform.device import Device, image, receive, sign
from tests.agent.platform.power_cut import CuttingFilesystem, PowerCut, kill_this_process

NEW = image("1.0.1")


def whole_update(root: Path, fs: CuttingFilesystem, decision: ImageState) -> None:
    """Receive, activate, boot, decide, boot: all that writes to the medium."""
    device = Device(root, fs)
    running = choose_boot(device.store)
    old = device.run(running.slot)
    assert receive(old, NEW, sign(NEW)) == 0
    old.activate()
    trial = device.run(choose_boot(device.store).slot)
    trial.set_image_state(ImageState.TESTING)
    trial.set_image_state(decision)
    choose_boot(device.store)


def operations(root: Path, decision: ImageState) -> list[str]:
    fs = CuttingFilesystem()
    whole_update(root, fs, decision)
    return fs.operations


def committed(names: list[str], decision: ImageState) -> bool:
    """Whether the third replacement of the boot record (armed, started, committed) was done."""
    return decision is ImageState.ACCEPTED and names.count("replace") >= 3


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("decision", [ImageState.ACCEPTED, ImageState.REJECTED])
def test_cut_at_every_operation(tmp_path: Path, decision: ImageState, torn: bool) -> None:
    (tmp_path / "dry").mkdir()
    names = operations(tmp_path / "dry", decision)
    assert len(names) > 20
    for cut_at in range(len(names)):
        root = tmp_path / str(cut_at)
        root.mkdir()
        fs = CuttingFilesystem(cut_at, torn)
        with pytest.raises(PowerCut):
            whole_update(root, fs, decision)
        done = names[: cut_at + 1] if torn and names[cut_at] == "replace" else names[:cut_at]
        check_after_power_on(root, committed(done, decision))


def check_after_power_on(root: Path, was_committed: bool) -> None:
    device = Device(root, OsFilesystem())
    first = choose_boot(device.store)
    versions = [str(first.header.version)]
    if first.trial:
        versions.append(str(choose_boot(device.store).header.version))
    if was_committed:
        assert versions == ["1.0.1"]
    else:
        assert versions in (["1.0.0"], ["1.0.1", "1.0.0"])
    assert Slot.A.path(root).read_bytes() == image("1.0.0")
    again = device.run(choose_boot(device.store).slot)
    assert receive(again, image("1.0.2"), sign(image("1.0.2"))) == 0


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("cut_at", range(5))
def test_killed_for_real_while_the_record_is_saved(tmp_path: Path, cut_at: int, torn: bool) -> None:
    old = BootState(Slot.A, Trial(Slot.B, TrialPhase.RUNNING, "11" * 32))
    new = BootState(Slot.B)
    BootStateStore(tmp_path, OsFilesystem()).save(old)
    child = os.fork()
    if child == 0:
        BootStateStore(tmp_path, CuttingFilesystem(cut_at, torn, kill_this_process)).save(new)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    renamed = cut_at == 4 or (cut_at == 3 and torn)
    assert BootStateStore(tmp_path, OsFilesystem()).load() == (new if renamed else old)
