"""Broken agents: what the reference agent tells of its deliberate faults, and their boards."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.errors import BenchError
from targets.board import Board, Declares, ProcessSettings

TABLE = (sys.executable, "-m", "agent.faults")
TABLE_TIME_S = 30.0
# What a broken device never does is waited for until these are over; so they are short. They leave
# the judge enough silence to call a device silent (its request timer and 5 s).
SHORT = {"request_timer_s": 0.4, "self_test_timer_s": 1.5, "trial_time_s": 2.0, "momentum": 2}
SLACK_S = 1.5


@dataclass(frozen=True)
class Mutant:
    """One broken agent: the requirements it breaks, the scenarios that are enough to catch it.

    `declares` are fields of its board that must have another value for that, `slack_s` among them.
    """

    name: str
    description: str
    breaks: tuple[str, ...]
    scenarios: tuple[str, ...]
    declares: Mapping[str, float] = field(default_factory=dict)

    def board(self, like: Board) -> Board:
        """The board with this broken agent on it."""
        changed = dict(self.declares)
        slack = changed.pop("slack_s", SLACK_S)
        declares = Declares.model_validate(like.declares.model_dump() | SHORT | changed)
        process = ProcessSettings(command=like.process.command, faults=(self.name,))
        return like.model_copy(update={"declares": declares, "process": process, "slack_s": slack})


def load_mutants() -> dict[str, Mutant]:
    """All broken agents by name, in the order of the agent's table. Raises `BenchError`."""
    try:
        done = subprocess.run(
            TABLE, capture_output=True, text=True, timeout=TABLE_TIME_S, check=True
        )
        table = json.loads(done.stdout)
        return {
            name: Mutant(
                name,
                row["description"],
                tuple(row["breaks"]),
                tuple(row["scenarios"]),
                row["declares"],
            )
            for name, row in table.items()
        }
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        raise BenchError(f"{' '.join(TABLE[1:])} does not tell its faults: {error}") from None
