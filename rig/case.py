"""One case of a run: a scenario's test, how it ended, and what the judge says of its trace."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from rig.judge import Verdict

SOAK_CASE = "soak-update-"
"""How the cases of updates in a row are called; a number follows."""


class CaseOutcome(Enum):
    """How a case ended; the three kinds of failure never mix."""

    PASSED = "passed"
    FAILED = "failed"
    """The device did not do what the scenario demands, or broke a rule."""
    ERROR = "error"
    """The bench failed: nothing can be said of the device."""
    NOT_RUN = "not run"
    """The device lacks a capability that the scenario needs; `message` says which."""


@dataclass
class CaseResult:
    """What the report tells of one case; `seconds` are wall time.

    `repeats` names the first attempt, for a case that was run again; each attempt is a case.
    """

    name: str
    story: str
    requirements: tuple[str, ...]
    outcome: CaseOutcome = CaseOutcome.NOT_RUN
    message: str = "was not reached"
    seconds: float = 0.0
    trace: Path | None = None
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    repeats: str = ""
