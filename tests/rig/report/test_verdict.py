"""The verdict on a run."""

from __future__ import annotations

from typing import Any

import pytest

from rig.case import CaseOutcome, CaseResult
from rig.judge import Outcome, Verdict
from rig.judge.catalogue import Catalogue, Level, Profile, parse_catalogue
from rig.report.verdict import RunResult, RunVerdict, decide

# Id → level and whether it is core; MUST-1 and SHOULD-1 are core, MUST-2 is not.
ENTRIES = {
    "OTA-CTL-001": ("MUST", True),
    "OTA-CTL-002": ("MUST", False),
    "OTA-CTL-003": ("SHOULD", True),
    "OTA-CTL-004": ("TOL", True),
}
MUST, OTHER_MUST, SHOULD, TOL = ENTRIES
GOOD, BAD, SILENT = Outcome.SATISFIED, Outcome.VIOLATED, Outcome.NOT_OBSERVED


def catalogue() -> Catalogue:
    entries: list[dict[str, Any]] = [
        {
            "id": identifier,
            "level": level,
            "statement": "It does.",
            "source": "OTA spec §1",
            "channels": ["mqtt"],
            "core": core,
        }
        for identifier, (level, core) in ENTRIES.items()
    ]
    return parse_catalogue({"requirement": entries}, "test")


def case(
    *outcomes: Outcome,
    name: str = "one",
    ended: CaseOutcome = CaseOutcome.PASSED,
    requirements: tuple[str, ...] = (),
    message: str = "",
) -> CaseResult:
    """A case with these outcomes for the entries in their order, the rest not observed."""
    padded = [*outcomes, *[SILENT] * (len(ENTRIES) - len(outcomes))]
    verdicts = {
        identifier: Verdict(identifier, outcome, (7,), f"{outcome.value} in {name}")
        for identifier, outcome in zip(ENTRIES, padded, strict=True)
    }
    return CaseResult(name, "", requirements, ended, message, 0.5, None, verdicts)


def run(*cases: CaseResult, **options: Any) -> RunResult:
    return decide(catalogue(), options.pop("profile", Profile.CORE), cases, **options)


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (RunVerdict.CONFORMANT, 0),
        (RunVerdict.NOT_CONFORMANT, 1),
        (RunVerdict.BENCH_ERROR, 3),
        (RunVerdict.INCOMPLETE, 4),
    ],
)
def test_exit_codes(verdict: RunVerdict, code: int) -> None:
    assert verdict.exit_code == code


@pytest.mark.parametrize(
    ("cases", "options", "verdict"),
    [
        pytest.param([case(GOOD)], {}, RunVerdict.CONFORMANT, id="every core MUST satisfied"),
        pytest.param([case(GOOD)], {"profile": Profile.FULL}, RunVerdict.INCOMPLETE, id="full"),
        pytest.param([], {}, RunVerdict.INCOMPLETE, id="no case"),
        pytest.param([case(SILENT)], {}, RunVerdict.INCOMPLETE, id="a MUST not observed"),
        pytest.param([case(BAD)], {}, RunVerdict.NOT_CONFORMANT, id="a MUST violated"),
        pytest.param(
            [case(GOOD), case(BAD, name="two")], {}, RunVerdict.NOT_CONFORMANT, id="once violated"
        ),
        pytest.param(
            [case(GOOD, BAD)], {}, RunVerdict.NOT_CONFORMANT, id="violated outside the profile"
        ),
        pytest.param([case(GOOD, SILENT, BAD)], {}, RunVerdict.CONFORMANT, id="SHOULD violated"),
        pytest.param(
            [case(GOOD, SILENT, BAD)], {"strict": True}, RunVerdict.NOT_CONFORMANT, id="strict"
        ),
        pytest.param(
            [case(GOOD)], {"strict": True}, RunVerdict.INCOMPLETE, id="strict, SHOULD not observed"
        ),
        pytest.param(
            [case(GOOD, SILENT, GOOD)], {"strict": True}, RunVerdict.CONFORMANT, id="strict, all"
        ),
        pytest.param(
            [case(GOOD), case(GOOD, name="two", ended=CaseOutcome.FAILED)],
            {},
            RunVerdict.NOT_CONFORMANT,
            id="a failed case",
        ),
        pytest.param(
            [case(GOOD), case(name="two", ended=CaseOutcome.ERROR)],
            {},
            RunVerdict.BENCH_ERROR,
            id="a bench error",
        ),
        pytest.param(
            [case(GOOD)], {"bench_errors": ["no port"]}, RunVerdict.BENCH_ERROR, id="no bench"
        ),
        pytest.param(
            [case(BAD), case(name="two", ended=CaseOutcome.ERROR)],
            {},
            RunVerdict.NOT_CONFORMANT,
            id="violated, and a bench error elsewhere",
        ),
        pytest.param(
            [case(GOOD, ended=CaseOutcome.ERROR)], {}, RunVerdict.BENCH_ERROR, id="error alone"
        ),
        pytest.param(
            [case(BAD, ended=CaseOutcome.ERROR)],
            {},
            RunVerdict.BENCH_ERROR,
            id="what a broken bench shows does not count",
        ),
        pytest.param(
            [case(GOOD), case(name="two", ended=CaseOutcome.NOT_RUN)],
            {},
            RunVerdict.CONFORMANT,
            id="a case that could not run, its requirements shown elsewhere",
        ),
    ],
)
def test_verdict(cases: list[CaseResult], options: dict[str, Any], verdict: RunVerdict) -> None:
    assert run(*cases, **options).verdict is verdict


def test_reasons_name_the_requirement_and_the_case() -> None:
    result = run(
        case(BAD, name="first"),
        case(
            GOOD,
            name="second",
            ended=CaseOutcome.FAILED,
            requirements=(SHOULD,),
            message="it did not answer",
        ),
        bench_errors=["the broker died"],
    )
    assert result.reasons == (
        f"{MUST} violated: violated in first",
        f"case second failed ({SHOULD}): it did not answer",
        "bench: the broker died",
    )


def test_cases_that_decide_are_named() -> None:
    result = run(case(GOOD, name="a"), case(GOOD, name="b"), case(SILENT, name="c"))
    assert result.requirements[MUST].cases == ("a", "b")
    assert result.requirements[OTHER_MUST].cases == ()
    assert result.requirements[MUST].in_profile
    assert not result.requirements[OTHER_MUST].in_profile


def test_a_failed_case_does_not_vouch_for_what_it_is_there_to_show() -> None:
    failed = case(
        GOOD,
        GOOD,
        ended=CaseOutcome.FAILED,
        requirements=(MUST,),
        message="it stopped",
    )
    result = run(failed)
    assert result.requirements[MUST].outcome is SILENT
    assert result.requirements[MUST].why == "case one failed: it stopped"
    assert result.requirements[OTHER_MUST].outcome is GOOD


def test_a_case_that_could_not_run_says_why() -> None:
    result = run(
        case(name="power", ended=CaseOutcome.NOT_RUN, requirements=(MUST,), message="no power")
    )
    assert result.requirements[MUST].why == "case power not run: no power"
    assert result.verdict is RunVerdict.INCOMPLETE


def test_counts_are_those_of_the_profile() -> None:
    result = run(case(GOOD, GOOD, BAD))
    assert result.count(Level.MUST, GOOD) == 1
    assert result.count(Level.SHOULD, BAD) == 1
    assert result.count(Level.TOL, SILENT) == 1
