"""The fleet on a terminal, at the widths that terminals have."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from rig.cli.fleet_screen import fleet_screen, job_screen
from rig.jobs.engine import ExecutionStatus
from rig.jobs.fleet_view import (
    AbortRule,
    Failure,
    FleetView,
    JobDetail,
    JobView,
    Pace,
    ThingView,
)

NOW = 1_700_000_000.0
WIDTHS = pytest.mark.parametrize("width", [40, 80, 200])
JOB = JobView(
    job_id="lamp-2-0-1",
    status="IN_PROGRESS",
    selection="SNAPSHOT",
    targets=("thing/lamp",),
    target_count=90,
    description=None,
    comment=None,
    reason_code=None,
    aborted=False,
    created_at=NOW,
    completed_at=None,
    things=90,
    counts={status.value: 0 for status in ExecutionStatus}
    | {"SUCCEEDED": 17, "IN_PROGRESS": 10, "FAILED": 3, "QUEUED": 10},
    pace=Pace(rate=40, next_rate=80, maximum=1000, notified=40, waiting=50, next_at=NOW + 34),
    abort=(AbortRule("FAILED", 20.0, 30, executed=20, failed=3),),
)
DETAIL = JobDetail(
    NOW,
    JOB,
    queued_last_minute=40,
    ended_last_minute=20,
    failures=(Failure("FAILED", "0x000000e3: 0x00000000", 2), Failure("FAILED", None, 1)),
    things=(ThingView("lamp-1", "SUCCEEDED", 1, "reason: accepted", NOW),),
)


def lines(screen: RenderableType, width: int = 80) -> list[str]:
    """What the screen is on a terminal without colours."""
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False).print(screen)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def fleet(*jobs: JobView) -> FleetView:
    return FleetView(NOW, "us-east-1", "arn:", len(jobs), 90, jobs)


def test_a_job_in_a_few_lines() -> None:
    told = lines(fleet_screen(fleet(JOB)))
    assert told[0].startswith("Fleet  1 jobs, 90 things, us-east-1")
    assert told[2] == "lamp-2-0-1  in progress"
    assert told[4:] == [
        "17 succeeded, 10 in progress, 10 queued, 50 waiting, 3 failed",
        "rollout: 40 a minute, next 80 in 34 s",
        "abort: 15.0 % failed of 20 ended, strikes at 20 % from 30",
    ]


@WIDTHS
@pytest.mark.parametrize("counts", [{}, {"SUCCEEDED": 1}, {"SUCCEEDED": 1, "FAILED": 99_999}])
def test_a_bar_is_as_wide_as_the_terminal(width: int, counts: dict[str, int]) -> None:
    job = replace(JOB, counts=counts, pace=replace(JOB.pace, waiting=0))
    (bar,) = [line for line in lines(fleet_screen(fleet(job)), width) if "━" in line]
    assert bar == "━" * width


@WIDTHS
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    long = replace(
        DETAIL,
        job=replace(JOB, description="x" * 300, comment="y " * 150),
        failures=(Failure("FAILED", "z" * 300, 1),),
        things=(ThingView("t" * 128, "TIMED_OUT", 3, "d" * 300, NOW),),
    )
    told = lines(job_screen(long), width)
    assert max(map(len, told)) <= width
    # Folded, not cut off.
    assert sum(line.count("z") for line in told) == 300


def test_a_job_says_what_goes_wrong_in_it() -> None:
    told = lines(job_screen(DETAIL))
    assert told[told.index("Failures by reason") + 1 :][:3] == [
        "things  state   reason",
        "2       failed  0x000000e3: 0x00000000",
        "1       failed  none given",
    ]
    assert told[-1] == "lamp-1  succeeded  reason: accepted"
    assert "last minute: 40 queued, 20 ended" in told


def test_an_aborted_job_says_so() -> None:
    job = replace(JOB, status="CANCELED", aborted=True, comment="FAILED reached 20 %")
    assert "lamp-2-0-1  aborted" in lines(fleet_screen(fleet(job)))
    assert "FAILED reached 20 %" in lines(job_screen(replace(DETAIL, job=job)))


@pytest.mark.parametrize(
    "bad", ["\x1b]0;pwned\x07", "[red]no[/red]", "\u202egnp", "a\nb\rc", "\x9b2J"]
)
def test_hostile_texts_are_shown_and_not_obeyed(bad: str) -> None:
    detail = replace(
        DETAIL,
        job=replace(JOB, description=bad, comment=bad),
        failures=(Failure("FAILED", bad, 1),),
        things=(ThingView("lamp", "FAILED", 1, bad, NOW),),
    )
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, color_system="truecolor")
    console.print(job_screen(detail))
    told = out.getvalue()
    assert "pwned" not in told or "\\x1b]0;pwned\\x07" in told
    for sign in "\x07\u202e\r\x9b":
        assert sign not in told
    assert "\x1b]" not in told
    if bad.startswith("[red]"):
        assert told.count(bad) == 4


def test_an_empty_fleet() -> None:
    assert lines(fleet_screen(fleet()))[-1] == "There is no job yet."
