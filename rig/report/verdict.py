"""The verdict on a run: one pure function that all forms of the report show.

A requirement violated in any case is violated; satisfied is one that some case satisfied and
none violated. What a case shows counts only when the bench did its work in it. A binding
requirement that is waived, flaky, or whose own cases were left out or skipped never certifies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from rig.case import CaseOutcome, CaseResult
from rig.judge.catalogue import Catalogue, Level, Profile, Requirement
from rig.judge.verdict import Outcome
from rig.report.caveat import Caveat, caveat_of
from rig.report.waivers import Waiver

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
    WAIVED = "waived"
    """Nothing is wrong or missing but what somebody answers for; that is no certificate."""

    @property
    def exit_code(self) -> int:
        """The exit code of `otarig certify`."""
        return _EXIT_CODES[self]


_EXIT_CODES = {
    RunVerdict.CONFORMANT: 0,
    RunVerdict.NOT_CONFORMANT: 1,
    RunVerdict.WAIVED: 1,
    RunVerdict.BENCH_ERROR: 3,
    RunVerdict.INCOMPLETE: 4,
}


@dataclass(frozen=True)
class RequirementResult:
    """One requirement over all cases.

    `cases` are the names of those that decided: the violating ones, else the satisfying ones.
    `in_profile` tells whether the run had to observe it, `caveat` what keeps it from certifying
    whatever its outcome; `why` then begins with that.
    """

    requirement: Requirement
    outcome: Outcome
    cases: tuple[str, ...]
    why: str
    in_profile: bool
    caveat: Caveat | None = None

    @property
    def word(self) -> str:
        """The one word that reports show for it."""
        return self.outcome.value if self.caveat is None else self.caveat.value

    @property
    def certifies(self) -> bool:
        return self.outcome is Outcome.SATISFIED and self.caveat is None


@dataclass(frozen=True)
class RunResult:
    """The verdict, each requirement, and the reasons for the verdict, worst first.

    `left_out` are scenarios that exist but were not selected; `waivers` all that were given.
    """

    verdict: RunVerdict
    profile: Profile
    requirements: Mapping[str, RequirementResult]
    reasons: tuple[str, ...]
    cases: tuple[CaseResult, ...] = field(repr=False)
    left_out: tuple[CaseResult, ...] = field(default=(), repr=False)
    waivers: tuple[Waiver, ...] = ()
    bench_errors: tuple[str, ...] = ()
    interrupted: bool = False
    strict: bool = False

    @property
    def binding(self) -> frozenset[Level]:
        return binding_levels(strict=self.strict)

    def words(self, level: Level) -> Counter[str]:
        """How many requirements of the profile and level are shown with which word."""
        return Counter(
            result.word
            for result in self.requirements.values()
            if result.in_profile and result.requirement.level is level
        )

    def count(self, level: Level, outcome: Outcome) -> int:
        """How many requirements of the profile have this level and outcome."""
        return sum(
            result.in_profile and result.requirement.level is level and result.outcome is outcome
            for result in self.requirements.values()
        )


def binding_levels(*, strict: bool) -> frozenset[Level]:
    """The levels that a device must keep to: `strict` makes a SHOULD as binding as a MUST."""
    return frozenset({Level.MUST, Level.SHOULD} if strict else {Level.MUST})


def decide(
    catalogue: Catalogue,
    profile: Profile,
    cases: Sequence[CaseResult],
    *,
    bench_errors: Sequence[str] = (),
    interrupted: bool = False,
    strict: bool = False,
    left_out: Sequence[CaseResult] = (),
    waivers: Sequence[Waiver] = (),
) -> RunResult:
    """Decide a run. `bench_errors` are failures of the bench outside any case.

    An `interrupted` run is incomplete, whatever it had observed; so is one in which a scenario
    was `left_out` that is there for a binding requirement.
    A binding requirement that is violated, or a case that the device failed, makes the run not
    conformant, also outside the profile and also when the bench failed elsewhere; else a failure
    of the bench decides, else what is missing, else what is waived. `waivers` take a requirement
    out of the first three and into the last.
    """
    binding = binding_levels(strict=strict)
    in_profile = {requirement.id for requirement in catalogue.profile(profile)}
    waived = {waiver.requirement: waiver for waiver in waivers}
    requirements = {
        requirement.id: _requirement_result(
            requirement, cases, left_out, waived.get(requirement.id), requirement.id in in_profile
        )
        for requirement in catalogue.requirements.values()
    }
    bound = [r for r in requirements.values() if r.requirement.level in binding]
    violations = [
        f"{result.requirement.id} violated: {result.why}"
        for result in bound
        if result.outcome is Outcome.VIOLATED and result.caveat is not Caveat.WAIVED
    ]
    failures = [
        _failure(case)
        for case in cases
        if case.outcome is CaseOutcome.FAILED and not _is_waived(case, waived)
    ]
    errors = [f"{BENCH_REASON}{message}" for message in bench_errors]
    errors += _case_errors(cases)
    missing = [
        f"{result.requirement.id} {result.word}: {result.why}"
        for result in bound
        if result.in_profile
        and result.outcome is not Outcome.VIOLATED
        and not result.certifies
        and result.caveat is not Caveat.WAIVED
    ]
    if interrupted:
        missing.insert(0, "the run was interrupted before its end")
    excused = [
        f"{result.requirement.id} waived: {result.why}"
        for result in bound
        if result.caveat is Caveat.WAIVED
        and (result.in_profile or result.outcome is Outcome.VIOLATED)
    ]
    if violations or failures:
        verdict = RunVerdict.NOT_CONFORMANT
    elif errors:
        verdict = RunVerdict.BENCH_ERROR
    elif missing:
        verdict = RunVerdict.INCOMPLETE
    elif excused:
        verdict = RunVerdict.WAIVED
    else:
        verdict = RunVerdict.CONFORMANT
    return RunResult(
        verdict,
        profile,
        requirements,
        (*violations, *failures, *errors, *missing, *excused),
        tuple(cases),
        tuple(left_out),
        tuple(waivers),
        tuple(bench_errors),
        interrupted,
        strict,
    )


def _is_waived(case: CaseResult, waived: Mapping[str, Waiver]) -> bool:
    """Whether all that the failed case is there for is waived."""
    return bool(case.requirements) and waived.keys() >= set(case.requirements)


def _case_errors(cases: Sequence[CaseResult]) -> list[str]:
    """One reason for each kind of trouble, however many devices side by side have it."""
    names: dict[str, list[str]] = {}
    for case in cases:
        if case.outcome is CaseOutcome.ERROR:
            names.setdefault(case.message, []).append(case.name)
    return [
        f"{BENCH_REASON}case{'s' * (len(having) > 1)} {', '.join(having)}: {message}"
        for message, having in names.items()
    ]


def _failure(case: CaseResult) -> str:
    named = ", ".join(case.requirements) or "no requirement named"
    return f"case {case.name} failed ({named}): {case.message}"


def _requirement_result(
    requirement: Requirement,
    cases: Sequence[CaseResult],
    left_out: Sequence[CaseResult],
    waiver: Waiver | None,
    in_profile: bool,
) -> RequirementResult:
    outcome, names, why = _evidence(requirement, cases)
    caveat, because = caveat_of(requirement.id, outcome, cases, left_out, waiver)
    if because:
        why = f"{because}; {why}"
    return RequirementResult(requirement, outcome, names, why, in_profile, caveat)


def _evidence(
    requirement: Requirement, cases: Sequence[CaseResult]
) -> tuple[Outcome, tuple[str, ...], str]:
    """The outcome over all cases, the cases that decided it, and why."""
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
            return outcome, tuple(case.name for case, _ in deciding), deciding[0][1].why
    return Outcome.NOT_OBSERVED, (), _why_not_observed(requirement.id, cases)


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
