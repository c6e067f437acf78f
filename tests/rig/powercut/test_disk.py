"""What a disk holds after a cut: synced for sure, the rest as it comes."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from rig.powercut.disk import Call, FileOperation, RecordingFilesystem, Survival, after_cut

BEFORE = {"record": b"old"}
LOG = (
    FileOperation(Call.CREATE, "new"),
    FileOperation(Call.WRITE, "new", 0, b"fresh"),
    FileOperation(Call.SYNC, "new"),
    FileOperation(Call.RENAME, "new", target="record"),
    FileOperation(Call.SYNC_DIRECTORY, ""),
)


def held(number: int, survival: Survival, seed: int = 0) -> dict[str, bytes]:
    return after_cut(BEFORE, LOG, number, survival, Random(seed))


@pytest.mark.parametrize(
    ("number", "lost", "kept"),
    [
        (0, {"record": b"old"}, {"record": b"old"}),
        (1, {"record": b"old"}, {"record": b"old", "new": b""}),
        (2, {"record": b"old"}, {"record": b"old", "new": b"fresh"}),
        (4, {"record": b"old"}, {"record": b"fresh"}),
        (5, {"record": b"fresh"}, {"record": b"fresh"}),
    ],
)
def test_lost_and_kept(number: int, lost: dict[str, bytes], kept: dict[str, bytes]) -> None:
    assert held(number, Survival.LOST) == lost
    assert held(number, Survival.KEPT) == kept


def test_torn_write_has_a_part_of_it() -> None:
    found = {held(1, Survival.TORN, seed).get("new") for seed in range(200)}
    assert {None, b"", b"fresh"} < found
    assert all(b"fresh".startswith(content) for content in found if content is not None)


def test_rename_of_what_was_synced_is_never_torn() -> None:
    found = {held(3, Survival.TORN, seed)["record"] for seed in range(50)}
    assert found == {b"old", b"fresh"}


def test_truncated_file_may_still_have_its_bytes() -> None:
    log = (FileOperation(Call.CREATE, "record"), FileOperation(Call.RESIZE, "record", 2))
    assert after_cut(BEFORE, log, 2, Survival.LOST, Random(0)) == {"record": b"old"}
    assert after_cut(BEFORE, log, 2, Survival.KEPT, Random(0)) == {"record": b"\0\0"}


def test_log_leads_to_what_is_there(tmp_path: Path) -> None:
    fs = RecordingFilesystem()
    fd = fs.create(tmp_path / "a")
    fs.resize(fd, 6)
    fs.write_at(fd, b"xy", 3)
    fs.sync(fd)
    fs.close(fd)
    fs.replace(tmp_path / "a", tmp_path / "b")
    fs.sync_directory(tmp_path)
    assert (tmp_path / "b").read_bytes() == b"\0\0\0xy\0"
    for survival in Survival:
        found = after_cut({}, fs.log, len(fs.log), survival, Random(0))
        assert found == {"b": b"\0\0\0xy\0"}
