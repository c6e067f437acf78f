"""What the page shows of one case: its story, what it was for, what was seen, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.case import CaseResult
from rig.judge.verdict import Outcome, Verdict
from rig.report.console import Boot, boots
from rig.report.messages import Row, rows
from rig.report.states import Tour, tour
from rig.report.verdict import RequirementResult, RunResult
from rig.report.witnesses import Sighting, sightings
from rig.trace import TraceError, read_trace

_STEP = re.compile(r"\d+\.\s+")
_EVENTS_SHOWN = 3


@dataclass(frozen=True)
class Evidence:
    """A requirement in this case: expected is its statement, seen what the verdict says.

    `lines` are the lines of the trace that show it and have a row, as (line, row's line).
    """

    entry: RequirementResult
    word: str
    seen: str
    lines: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class CasePage:
    """One case; `trouble` says why there are no messages."""

    number: int
    case: CaseResult
    summary: str
    steps: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    satisfied: int
    messages: tuple[Row, ...] = ()
    boots: tuple[Boot, ...] = ()
    witnesses: tuple[Sighting, ...] = ()
    tour: Tour = field(default_factory=lambda: Tour(frozenset(), False))
    trouble: str = ""

    @property
    def anchors(self) -> frozenset[int]:
        """The rows that something points to."""
        return frozenset(row for entry in self.evidence for _, row in entry.lines)

    @property
    def violated(self) -> int:
        return sum(entry.word == Outcome.VIOLATED.value for entry in self.evidence)


def case_page(number: int, case: CaseResult, result: RunResult) -> CasePage:
    """The page of a case; its trace is read from the file that it names."""
    violating = [v for v in case.verdicts.values() if v.outcome is Outcome.VIOLATED]
    marked: dict[int, list[str]] = {}
    for verdict in violating:
        for line in verdict.events:
            marked.setdefault(line, []).append(verdict.requirement)
    summary, steps = story(case.story)
    satisfied = sum(v.outcome is Outcome.SATISFIED for v in case.verdicts.values())
    trouble = "no trace was kept"
    if case.trace is not None:
        try:
            trace = read_trace(case.trace)
        except TraceError as error:
            trouble = str(error)
        else:
            shown = rows(trace, marked)
            evidence = _evidence(case, violating, result.requirements, shown)
            return CasePage(
                number,
                case,
                summary,
                steps,
                evidence,
                satisfied,
                shown,
                boots(trace),
                sightings(trace),
                tour(trace),
            )
    evidence = _evidence(case, violating, result.requirements, ())
    return CasePage(number, case, summary, steps, evidence, satisfied, trouble=trouble)


def story(text: str) -> tuple[str, tuple[str, ...]]:
    """A scenario's story as its summary and its numbered steps."""
    summary: list[str] = []
    steps: list[str] = []
    for line in text.splitlines():
        words = line.strip()
        if match := _STEP.match(words):
            steps.append(words[match.end() :])
        elif steps and words:
            steps[-1] += f" {words}"
        elif words:
            summary.append(words)
    return " ".join(summary), tuple(steps)


def _evidence(
    case: CaseResult,
    violating: list[Verdict],
    requirements: Mapping[str, RequirementResult],
    shown: tuple[Row, ...],
) -> tuple[Evidence, ...]:
    """What was violated first, then what the scenario is there for."""
    violated = [verdict.requirement for verdict in violating]
    names = [*violated, *(name for name in case.requirements if name not in violated)]
    found = []
    for name in names:
        if name not in requirements:
            continue
        verdict = case.verdicts.get(name)
        if verdict is None:
            found.append(Evidence(requirements[name], "not observed", "was not judged", ()))
            continue
        lines = [
            (line, row.line)
            for line in verdict.events
            for row in shown
            if row.line <= line <= row.last_line
        ]
        found.append(
            Evidence(
                requirements[name],
                verdict.outcome.value,
                verdict.why,
                tuple(lines[:_EVENTS_SHOWN]),
            )
        )
    return tuple(found)
