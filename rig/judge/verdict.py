"""What the judge says of one requirement."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """The three verdicts; silence of the trace is never satisfaction."""

    SATISFIED = "satisfied"
    VIOLATED = "violated"
    NOT_OBSERVED = "not observed"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One requirement held against one trace.

    `events` are the lines of the trace file that show it (the header is line 1), `why` is one
    line for people: what was seen, or what the trace would have to show.
    """

    requirement: str
    outcome: Outcome
    events: tuple[int, ...]
    why: str
