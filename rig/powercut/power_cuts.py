"""Power cuts as a scenario of the suite has them: one watched run, and every cut in it tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

from rig.bench import Bench
from rig.interruption import interruption
from rig.powercut import agent_slots
from rig.powercut.cuts import Cut, chosen, cuts
from rig.powercut.disk import RecordingFilesystem
from rig.powercut.follow_up import device_page, followed, worth_following
from rig.powercut.lines import chip_brick, file_brick
from rig.powercut.operations import Layout
from rig.powercut.recording import Recording, layout_of, watched
from rig.powercut.sweep import sweep
from rig.scenario import Scenario
from rig.scenario.device import DeviceFailure
from rig.signing import SigningKey

SEED = 1
BRICKS_TOLD = 5
UPDATES = 12
"""So many cuts of a run are followed by updates here; `otarig powercut` takes all that matter."""


@dataclass(frozen=True)
class PowerCuts:
    """The cuts for the device on this bench; the scenario's trace is that of the watched run."""

    bench: Bench
    scenario: Scenario

    def at_every_operation_of(self, name: str) -> None:
        """Of the `update` or the `rollback`. Raises `DeviceFailure` for a brick, `BenchError`."""
        bricks = self._of_files(name) if self._has_files else self._of_chip(name)
        told = list(islice(bricks, BRICKS_TOLD))
        if told:
            raise DeviceFailure("\n".join(told))

    @property
    def _has_files(self) -> bool:
        return self.bench.board.driver == "process"

    def _of_files(self, name: str) -> Iterator[str]:
        key, count = SigningKey.generate(), 0
        recording = agent_slots.record(name, key, RecordingFilesystem())
        for outcome in agent_slots.sweep(recording, key, Random(SEED)):
            interruption.check()
            count += 1
            if outcome.flaw:
                yield file_brick(name, outcome)
        self.scenario.note(
            f"power cuts: {count} at the {len(recording.log)} file operations of the {name}, each "
            "with updates thereafter"
        )

    def _of_chip(self, name: str) -> Iterator[str]:
        board = self.bench.board
        layout = layout_of(board)
        recording = watched(self.scenario, layout, name)
        # Off, so that the chip is free for what follows.
        self.scenario.end()
        yield from self._boots(recording, layout)
        yield from self._updates(recording, layout)

    def _boots(self, recording: Recording, layout: Layout) -> Iterator[str]:
        random, count = Random(SEED), 0
        places = chosen(recording.log, layout, random)
        contents = cuts(recording.before, recording.log, places, layout, random)
        for outcome in sweep(self.bench.board, contents, recording, 1):
            interruption.check()
            count += 1
            if outcome.flaw:
                yield chip_brick(recording.name, layout, outcome.cut, outcome.flaw)
        self.scenario.note(
            f"power cuts: {count} at the {len(recording.log)} flash operations of the "
            f"{recording.name}, a whole image boots after each"
        )

    def _updates(self, recording: Recording, layout: Layout) -> Iterator[str]:
        board = self.bench.board
        page = device_page(board)
        sample = _sample(recording, layout)
        succeeded = 0
        for turn, cut in enumerate(sample):
            interruption.check()
            after = followed(self.bench, board, turn, cut, recording, page, turn)
            succeeded += after.status == "SUCCEEDED"
            if after.flaw:
                yield chip_brick(recording.name, layout, cut, after.flaw)
        self.scenario.note(
            f"updates after {len(sample)} of these cuts: {succeeded} succeeded, "
            f"{len(sample) - succeeded} were reported and followed by one that succeeded"
        )


def _sample(recording: Recording, layout: Layout) -> list[Cut]:
    """Spread over the run, of those that updates are worth following on."""
    random = Random(SEED)
    places = chosen(recording.log, layout, random)
    every = list(cuts(recording.before, recording.log, places, layout, random))
    worth = worth_following(every, recording, layout)
    return [worth[turn * len(worth) // UPDATES] for turn in range(UPDATES)] if worth else []
