"""What a rule is, and how its findings become a verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rig.judge.story import Seen, Story
from rig.judge.verdict import Outcome, Verdict

# More lines than this help nobody; the first ones are where to look.
MAX_EVENTS = 12


@dataclass(frozen=True, slots=True)
class Finding:
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

    def judge(self, story: Story) -> Verdict:
        """One broken occasion violates, else one kept satisfies; silence does neither."""
        findings = list(self.find(story))
        for outcome, wanted in ((Outcome.VIOLATED, False), (Outcome.SATISFIED, True)):
            decisive = [finding for finding in findings if finding.kept is wanted]
            if decisive:
                lines = sorted({line for finding in decisive for line in finding.lines})
                more = f" (and {len(decisive) - 1} more)" if len(decisive) > 1 else ""
                why = f"{decisive[0].why}{more}"
                return Verdict(self.requirement, outcome, tuple(lines[:MAX_EVENTS]), why)
        if findings:
            return Verdict(
                self.requirement, Outcome.NOT_OBSERVED, findings[0].lines, findings[0].why
            )
        why = f"the trace does not show {self.needs}"
        return Verdict(self.requirement, Outcome.NOT_OBSERVED, (), why)


def _lines(evidence: tuple[Seen | None, ...]) -> tuple[int, ...]:
    return tuple(seen.line for seen in evidence if seen is not None)
