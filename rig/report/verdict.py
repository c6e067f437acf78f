"""The verdict on a run: one pure function that all forms of the report show.

A requirement violated in any case is violated; satisfied is one that some case satisfied and
none violated. What a case shows counts only when the bench did its work in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rig.case import CaseOutcome, CaseResult
from rig.judge.catalogue import Catalogue, Level, Profile, Requirement
from rig.judge.verdict import Outcome

BENCH_REASON = "bench: "
"""How the reasons begin that are the bench's own failures."""


class RunVerdict(Enum):
    """What a run says of a device. The values are the words of the reports."""

    CONFORMANT = "conformant"
    NOT_CONFORMANT = "not conformant"
    INCOMPLETE = "incomplete"
    """Some binding requirement was not observed."""
    BENCH_ERROR = "bench error"
    """The bench failed, and nothing else was found against the device."""

    @property
    def exit_code(self) -> int:
        """The exit code of `otarig certify`."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    RunVerdict.CONFORMANT: 0,
    RunVerdict.NOT_CONFORMANT: 1,
    RunVerdict.BENCH_ERROR: 3,
    RunVerdict.INCOMPLETE: 4,
}


@dataclass(frozen=True)
class RequirementResult:
    """One requirement over all cases.

    `cases` are the names of those that decided: the violating ones, else the satisfying ones.
    `in_profile` tells whether the run had to observe it.
    """

    requirement: Requirement
    outcome: Outcome
    cases: tuple[str, ...]
    why: str
    in_profile: bool


@dataclass(frozen=True)
class RunResult:
    """The verdict, each requirement, and the reasons for the verdict, worst first."""

    verdict: RunVerdict
    profile: Profile
    requirements: Mapping[str, RequirementResult]
    reasons: tuple[str, ...]
    cases: tuple[CaseResult, ...] = field(repr=False)

    def count(self, level: Level, outcome: Outcome) -> int:
        """How many requirements of the profile have this level and outcome."""
        return sum(
            result.in_profile and result.requirement.level is level and result.outcome is outcome
            for result in self.requirements.values()
        )


def decide(
    catalogue: Catalogue,
    profile: Profile,
    cases: Sequence[CaseResult],
    *,
    bench_errors: Sequence[str] = (),
    interrupted: bool = False,
    strict: bool = False,
) -> RunResult:
    """Decide a run. `bench_errors` are failures of the bench outside any case.

    An `interrupted` run is incomplete, whatever it had observed.
    `strict` makes a SHOULD as binding as a MUST. A binding requirement that is violated, or a
    case that the device failed, makes the run not conformant, also outside the profile and also
    when the bench failed elsewhere; else a failure of the bench decides, else what is missing.
    """
    binding = {Level.MUST, Level.SHOULD} if strict else {Level.MUST}
    in_profile = {requirement.id for requirement in catalogue.profile(profile)}
    requirements = {
        requirement.id: _requirement_result(requirement, cases, requirement.id in in_profile)
        for requirement in catalogue.requirements.values()
    }
    violations = [
        f"{result.requirement.id} violated: {result.why}"
        for result in requirements.values()
        if result.outcome is Outcome.VIOLATED and result.requirement.level in binding
    ]
    failures = [_failure(case) for case in cases if case.outcome is CaseOutcome.FAILED]
    errors = [f"{BENCH_REASON}{message}" for message in bench_errors]
    errors += [
        f"{BENCH_REASON}case {case.name}: {case.message}"
        for case in cases
        if case.outcome is CaseOutcome.ERROR
    ]
    missing = [
        f"{result.requirement.id} not observed: {result.why}"
        for result in requirements.values()
        if result.outcome is Outcome.NOT_OBSERVED
        and result.in_profile
        and result.requirement.level in binding
    ]
    if interrupted:
        missing.insert(0, "the run was interrupted before its end")
    if violations or failures:
        verdict = RunVerdict.NOT_CONFORMANT
    elif errors:
        verdict = RunVerdict.BENCH_ERROR
    elif missing:
        verdict = RunVerdict.INCOMPLETE
    else:
        verdict = RunVerdict.CONFORMANT
    reasons = (*violations, *failures, *errors, *missing)
    return RunResult(verdict, profile, requirements, reasons, tuple(cases))


def _failure(case: CaseResult) -> str:
    named = ", ".join(case.requirements) or "no requirement named"
    return f"case {case.name} failed ({named}): {case.message}"


def _requirement_result(
    requirement: Requirement, cases: Sequence[CaseResult], in_profile: bool
) -> RequirementResult:
    judged = [
        (case, case.verdicts[requirement.id])
        for case in cases
        if case.outcome in (CaseOutcome.PASSED, CaseOutcome.FAILED)
        and requirement.id in case.verdicts
    ]
    violating = [(c, v) for c, v in judged if v.outcome is Outcome.VIOLATED]
    # A failed case cannot vouch for the requirements that it is there to show.
    satisfying = [
        (case, verdict)
        for case, verdict in judged
        if verdict.outcome is Outcome.SATISFIED
        and not (case.outcome is CaseOutcome.FAILED and requirement.id in case.requirements)
    ]
    for outcome, deciding in (
        (Outcome.VIOLATED, violating),
        (Outcome.SATISFIED, satisfying),
    ):
        if deciding:
            names = tuple(case.name for case, _ in deciding)
            return RequirementResult(requirement, outcome, names, deciding[0][1].why, in_profile)
    why = _why_not_observed(requirement.id, cases)
    return RequirementResult(requirement, Outcome.NOT_OBSERVED, (), why, in_profile)


def _why_not_observed(identifier: str, cases: Sequence[CaseResult]) -> str:
    """The best reason: a case that was for it and did not get there, else what a judge missed."""
    for case in cases:
        if identifier in case.requirements and case.outcome is not CaseOutcome.PASSED:
            return f"case {case.name} {case.outcome.value}: {case.message}"
    reasons = [case.verdicts[identifier].why for case in cases if identifier in case.verdicts]
    # A reason with evidence beats the general one that nothing was seen.
    for reason in reasons:
        if not reason.startswith("the trace does not show"):
            return reason
    return reasons[0] if reasons else "no case was judged"
