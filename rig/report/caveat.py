"""What keeps a requirement from certifying a device although its evidence might."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from rig.case import CaseOutcome, CaseResult
from rig.judge.verdict import Outcome
from rig.report.waivers import Waiver


class Caveat(Enum):
    """The values are the words of the reports."""

    WAIVED = "waived"
    """It is not satisfied, and somebody answers for that until a day."""
    FLAKY = "flaky"
    """Attempts at one and the same scenario do not agree."""
    PARTIAL = "partial"
    """It is satisfied, but a scenario that is there for it was left out of the run."""
    SKIPPED = "skipped"
    """It is satisfied in passing only: none of the scenarios that are there for it could run."""


def caveat_of(
    identifier: str,
    outcome: Outcome,
    cases: Sequence[CaseResult],
    left_out: Sequence[CaseResult],
    waiver: Waiver | None,
) -> tuple[Caveat | None, str]:
    """The caveat of a requirement with this outcome, and one line of why; ("" without one)."""
    if waiver is not None and outcome is not Outcome.SATISFIED:
        return Caveat.WAIVED, waiver.text
    if disagreement := _disagreement(identifier, cases):
        return Caveat.FLAKY, disagreement
    if outcome is not Outcome.SATISFIED:
        return None, ""
    if missed := [case.name for case in left_out if identifier in case.requirements]:
        return Caveat.PARTIAL, f"scenario {missed[0]} for it was left out of this run"
    own = [case for case in cases if identifier in case.requirements]
    if own and all(case.outcome is CaseOutcome.NOT_RUN for case in own):
        return Caveat.SKIPPED, f"scenario {own[0].name} for it did not run: {own[0].message}"
    return None, ""


def _disagreement(identifier: str, cases: Sequence[CaseResult]) -> str:
    """Which attempts at one scenario disagree on the requirement, "" if none do."""
    seen: dict[str, tuple[str, str]] = {}
    for case in cases:
        said = _said(identifier, case)
        if said is None:
            continue
        first, before = seen.setdefault(case.repeats or case.name, (case.name, said))
        if said != before:
            return f"{before} in {first} but {said} in {case.name}"
    return ""


def _said(identifier: str, case: CaseResult) -> str | None:
    """What an attempt says of the requirement; None when it says nothing."""
    if identifier in case.requirements and case.outcome in (CaseOutcome.FAILED, CaseOutcome.ERROR):
        return str(case.outcome.value)
    verdict = case.verdicts.get(identifier)
    if verdict is None or case.outcome in (CaseOutcome.NOT_RUN, CaseOutcome.ERROR):
        return None
    outcome: Outcome = verdict.outcome
    return outcome.value if outcome in (Outcome.SATISFIED, Outcome.VIOLATED) else None
