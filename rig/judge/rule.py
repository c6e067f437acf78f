"""What a rule is, and how its findings become a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rig.judge.story import Seen, Story
from rig.judge.verdict import Outcome, Verdict

# More lines than this help nobody; the first ones are where to look.
MAX_EVENTS = 12


class Finding(NamedTuple):
    """One occasion on which the trace puts a requirement to the test.

    `kept` None means that the occasion is there but undecided: a witness is missing, or the trace
    ends too early. `lines` are lines of the trace file.
    """

    kept: bool | None
    lines: tuple[int, ...]
    why: str


def kept(why: str, *evidence: Seen | None) -> Finding:
    """The device did as the requirement wants."""
    return Finding(True, _lines(evidence), why)


def broken(why: str, *evidence: Seen | None) -> Finding:
    """The device broke the requirement."""
    return Finding(False, _lines(evidence), why)


def open_end(why: str, *evidence: Seen | None) -> Finding:
    """The occasion was there, but the trace does not show how it ended."""
    return Finding(None, _lines(evidence), why)


Findings = Iterator[Finding]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one requirement is judged.

    `find` yields a finding for every occasion; `needs` says what a trace must show for there to
    be one, and is the reason given when there is none.
    """

    requirement: str
    find: Callable[[Story], Iterable[Finding]]
    needs: str
    _unseen: Verdict = field(init=False, repr=False)
    """The verdict on most traces: one for all of them, as a long run keeps those of every case."""

    def __post_init__(self) -> None:
        why = f"the trace does not show {self.needs}"
        unseen = Verdict(self.requirement, Outcome.NOT_OBSERVED, (), why)
        object.__setattr__(self, "_unseen", unseen)

    def judge(self, story: Story) -> Verdict:
        """One broken occasion violates, else one kept satisfies; silence does neither."""
        tallies = {Outcome.VIOLATED: _Tally(), Outcome.SATISFIED: _Tally()}
        undecided: Finding | None = None
        for finding in self.find(story):
            if finding.kept is None:
                undecided = undecided or finding
            else:
                outcome = Outcome.SATISFIED if finding.kept else Outcome.VIOLATED
                tallies[outcome].add(finding)
        for outcome, tally in tallies.items():
            if tally.count:
                more = f" (and {tally.count - 1} more)" if tally.count > 1 else ""
                lines = tuple(sorted(tally.lines)[:MAX_EVENTS])
                return Verdict(self.requirement, outcome, lines, f"{tally.why}{more}")
        if undecided is not None:
            lines, why = undecided.lines, undecided.why
            return Verdict(self.requirement, Outcome.NOT_OBSERVED, lines, why)
        return self._unseen


@dataclass(slots=True)
class _Tally:
    """What is kept of the findings of one kind: traces may give a hundred thousand."""

    count: int = 0
    why: str = ""
    lines: set[int] = field(default_factory=set)

    def add(self, finding: Finding) -> None:
        self.why = self.why or finding.why
        self.count += 1
        if len(self.lines) < MAX_EVENTS:
            self.lines.update(finding.lines)


def _lines(evidence: tuple[Seen | None, ...]) -> tuple[int, ...]:
    return tuple([seen.line for seen in evidence if seen is not None])
