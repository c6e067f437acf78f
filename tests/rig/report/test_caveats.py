"""What keeps a satisfied, or a known, requirement from making a device conformant."""

from __future__ import annotations

from datetime import date

import pytest

from rig.case import CaseOutcome, CaseResult
from rig.report.caveat import Caveat
from rig.report.verdict import RunVerdict
from rig.report.waivers import Waiver
from tests.rig.report.test_verdict import BAD, GOOD, MUST, OTHER_MUST, SHOULD, SILENT, case, run

DAY = date(2030, 1, 31)


def waiver(requirement: str = MUST) -> Waiver:
    return Waiver(requirement, "mended in 3.5", "Firmware team", DAY)


def left_out(*requirements: str) -> CaseResult:
    return CaseResult("absent", "", requirements)


def test_a_waived_violation_is_no_certificate() -> None:
    result = run(case(BAD), waivers=[waiver()])
    assert result.verdict is RunVerdict.WAIVED
    assert result.verdict.exit_code == 1
    assert result.requirements[MUST].word == "waived"
    assert result.requirements[MUST].outcome is BAD
    assert result.reasons == (
        f"{MUST} waived: waived by Firmware team until 2030-01-31: mended in 3.5; violated in one",
    )


@pytest.mark.parametrize(
    ("cases", "waived", "verdict"),
    [
        pytest.param([case(SILENT)], MUST, RunVerdict.WAIVED, id="not observed"),
        pytest.param([case(GOOD)], MUST, RunVerdict.CONFORMANT, id="waiver not needed"),
        pytest.param([case(BAD)], SHOULD, RunVerdict.NOT_CONFORMANT, id="another is waived"),
        pytest.param([case(GOOD, BAD)], OTHER_MUST, RunVerdict.WAIVED, id="outside the profile"),
        pytest.param([case(BAD, BAD)], MUST, RunVerdict.NOT_CONFORMANT, id="one of two"),
        pytest.param([case(GOOD, SILENT, BAD)], SHOULD, RunVerdict.CONFORMANT, id="not binding"),
        pytest.param(
            [case(SILENT, ended=CaseOutcome.FAILED, requirements=(MUST,))],
            MUST,
            RunVerdict.WAIVED,
            id="a failed case for nothing else",
        ),
        pytest.param(
            [case(GOOD), case(ended=CaseOutcome.FAILED, name="b", requirements=(MUST, SHOULD))],
            MUST,
            RunVerdict.NOT_CONFORMANT,
            id="a failed case for more",
        ),
        pytest.param(
            [case(BAD), case(ended=CaseOutcome.FAILED, name="b")],
            MUST,
            RunVerdict.NOT_CONFORMANT,
            id="a failed case for nothing named",
        ),
        pytest.param(
            [case(BAD), case(name="b", ended=CaseOutcome.ERROR)],
            MUST,
            RunVerdict.BENCH_ERROR,
            id="and a bench error",
        ),
    ],
)
def test_waivers(cases: list[CaseResult], waived: str, verdict: RunVerdict) -> None:
    assert run(*cases, waivers=[waiver(waived)]).verdict is verdict


def test_a_part_of_the_suite_does_not_certify() -> None:
    result = run(case(GOOD), left_out=[left_out(MUST)])
    assert result.verdict is RunVerdict.INCOMPLETE
    assert result.requirements[MUST].caveat is Caveat.PARTIAL
    assert result.reasons == (
        f"{MUST} partial: scenario absent for it was left out of this run; satisfied in one",
    )


def test_what_is_left_out_for_others_does_not_matter() -> None:
    result = run(case(GOOD), left_out=[left_out(SHOULD, OTHER_MUST)])
    assert result.verdict is RunVerdict.CONFORMANT


def test_a_must_whose_own_scenario_was_skipped_does_not_certify() -> None:
    skipped = case(
        name="own", ended=CaseOutcome.NOT_RUN, requirements=(MUST,), message="no power switch"
    )
    result = run(case(GOOD), skipped)
    assert result.verdict is RunVerdict.INCOMPLETE
    assert result.requirements[MUST].caveat is Caveat.SKIPPED
    assert result.reasons[0].startswith(
        f"{MUST} skipped: scenario own for it did not run: no power switch"
    )
    other = case(GOOD, name="other", requirements=(MUST,))
    assert run(other, skipped).verdict is RunVerdict.CONFORMANT


@pytest.mark.parametrize("first", [CaseOutcome.FAILED, CaseOutcome.ERROR])
def test_attempts_that_disagree_do_not_certify(first: CaseOutcome) -> None:
    attempts = [
        case(GOOD, ended=first, requirements=(MUST,), message="late"),
        case(GOOD, name="one-attempt-2", requirements=(MUST,)),
    ]
    attempts[1].repeats = "one"
    result = run(*attempts)
    assert result.verdict is not RunVerdict.CONFORMANT
    assert result.requirements[MUST].caveat is Caveat.FLAKY
    assert f"{first.value} in one but satisfied in one-attempt-2" in result.requirements[MUST].why


def test_a_should_that_is_flaky_is_told_and_certifies() -> None:
    again = case(GOOD, SILENT, GOOD, name="again")
    again.repeats = "one"
    result = run(case(GOOD, SILENT, BAD), again)
    assert result.requirements[SHOULD].word == "flaky"
    assert result.verdict is RunVerdict.CONFORMANT


def test_two_scenarios_that_disagree_are_not_flaky() -> None:
    result = run(case(BAD), case(GOOD, name="two"))
    assert result.requirements[MUST].caveat is None
    assert result.verdict is RunVerdict.NOT_CONFORMANT
