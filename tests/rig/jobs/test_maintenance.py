"""AWS's cron expressions, as maintenance windows have them (job service §3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rig.jobs.engine.maintenance import MaintenanceWindow


def at(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()


NEXT = {
    "open now": ("cron(0 2 * * ? *)", 60, "2026-11-23 02:59", "2026-11-23 02:59"),
    "just closed": ("cron(0 2 * * ? *)", 60, "2026-11-23 03:00", "2026-11-24 02:00"),
    "over midnight": ("cron(30 23 * * ? *)", 60, "2026-11-24 00:10", "2026-11-24 00:10"),
    "by weekday": ("cron(0 0 ? * SUN *)", 10, "2026-11-23 00:00", "2026-11-29 00:00"),
    "by number": ("cron(0 0 ? * 2 *)", 10, "2026-11-24 00:00", "2026-11-30 00:00"),
    "days of work": ("cron(0 8 ? * MON-FRI *)", 10, "2026-11-27 09:00", "2026-11-30 08:00"),
    "by month": ("cron(0 0 1 JAN,jul ? *)", 10, "2026-11-23 00:00", "2027-01-01 00:00"),
    "every quarter": ("cron(0/15 10 * * ? *)", 5, "2026-11-23 10:20", "2026-11-23 10:30"),
    "a leap day": ("cron(0 0 29 2 ? *)", 5, "2026-11-23 00:00", "2028-02-29 00:00"),
}


@pytest.mark.parametrize("name", NEXT)
def test_when_a_window_opens_next(name: str) -> None:
    expression, minutes, now, expected = NEXT[name]
    assert MaintenanceWindow(expression, minutes).next_open(at(now)) == at(expected)


def test_a_window_that_never_opens() -> None:
    assert MaintenanceWindow("cron(0 0 30 2 ? *)", 5).next_open(at("2026-11-23 00:00")) is None
    assert MaintenanceWindow("cron(0 0 1 1 ? 2025)", 5).next_open(at("2026-11-23 00:00")) is None


BAD = {
    "no cron": ("0 2 * * ? *", "is not cron"),
    "five fields": ("cron(0 2 * * ?)", "six fields"),
    "minute": ("cron(60 2 * * ? *)", "minutes '60' is not 0 to 59"),
    "upside down": ("cron(0 5-2 * * ? *)", "hours '5-2'"),
    "no step": ("cron(0/0 2 * * ? *)", "step of minutes"),
    "last day": ("cron(0 2 L * ? *)", "day-of-month 'L'"),
    "a name in the wrong place": ("cron(MON 2 * * ? *)", "minutes 'MON'"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_expression(name: str) -> None:
    expression, message = BAD[name]
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        MaintenanceWindow(expression, 5)
