"""The sweep over the reference agent's slots, sound and with what makes files durable left out."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from rig.powercut.agent_slots import RUNS, DiskOutcome, record, sweep
from rig.powercut.disk import RecordingFilesystem, Survival
from rig.signing import SigningKey

KEY = SigningKey.generate()


class NoSync(RecordingFilesystem):
    def sync(self, fd: int) -> None:
        pass


class NoDirectorySync(RecordingFilesystem):
    def sync_directory(self, path: Path) -> None:
        pass


class WriteInPlace(RecordingFilesystem):
    """The boot record itself is overwritten, not replaced."""

    def create(self, path: Path) -> int:
        return super().create(path.with_suffix(".json") if path.suffix == ".new" else path)

    def replace(self, source: Path, target: Path) -> None:
        pass


def bricks(run: str, fs: RecordingFilesystem) -> list[DiskOutcome]:
    recording = record(run, KEY, fs)
    outcomes = list(sweep(recording, KEY, Random(1)))
    assert len(outcomes) == len(Survival) * (len(recording.log) + 1) > 50
    return [outcome for outcome in outcomes if outcome.flaw]


@pytest.mark.parametrize("run", list(RUNS))
def test_sound_agent(run: str) -> None:
    assert bricks(run, RecordingFilesystem()) == []


@pytest.mark.parametrize(
    ("run", "fs", "told"),
    [
        ("update", NoSync, "nothing boots"),
        ("update", NoDirectorySync, "the wrong image runs"),
        ("update", WriteInPlace, "nothing boots"),
        ("file", NoDirectorySync, "the file that was reported as received is not there"),
    ],
)
def test_agent_that_forgets(run: str, fs: type[RecordingFilesystem], told: str) -> None:
    assert any(outcome.flaw.startswith(told) for outcome in bricks(run, fs()))
