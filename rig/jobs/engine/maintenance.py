"""Maintenance windows: AWS's cron expressions and how long each window is open (§3).

`cron(minutes hours day-of-month month day-of-week year)`, in UTC. Each field takes `*`, `?`,
values, lists `a,b`, ranges `a-b` and steps `a/n`; months and days of the week also by name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_EXPRESSION = re.compile(r"cron\(([^()]*)\)")
_MINUTE_S = 60.0
_HORIZON_DAYS = 731
"""As far ahead as a job's schedule may reach."""


@dataclass(frozen=True)
class _Field:
    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()


_FIELDS = (
    _Field("minutes", 0, 59),
    _Field("hours", 0, 23),
    _Field("day-of-month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("day-of-week", 1, 7, tuple(_DAYS)),
    _Field("year", 1970, 2199),
)


@dataclass(frozen=True)
class Cron:
    """The moments that an expression names."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    years: frozenset[int]

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Raises `ValueError` saying which field is wrong."""
        match = _EXPRESSION.fullmatch(text.strip())
        parts = match[1].split() if match else []
        if len(parts) != len(_FIELDS):
            raise ValueError(f"{text!r} is not cron() with six fields")
        return cls(*(_values(field, part) for field, part in zip(_FIELDS, parts, strict=True)))

    def starts_on(self, day: date) -> list[float]:
        """The moments of this day, in epoch seconds and in order."""
        weekday = day.isoweekday() % 7 + 1
        if not (
            day.day in self.days
            and day.month in self.months
            and weekday in self.weekdays
            and day.year in self.years
        ):
            return []
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
        return [
            midnight + (hour * 60 + minute) * _MINUTE_S
            for hour in sorted(self.hours)
            for minute in sorted(self.minutes)
        ]


@dataclass(frozen=True)
class MaintenanceWindow:
    """Open for `minutes` (at most a day) from each moment that `start` names."""

    start: str
    minutes: int

    def __post_init__(self) -> None:
        Cron.parse(self.start)

    def next_open(self, time: float) -> float | None:
        """`time` itself if the window is open then, else its next opening within two years."""
        cron = Cron.parse(self.start)
        length = self.minutes * _MINUTE_S
        day = datetime.fromtimestamp(time, UTC).date() - timedelta(days=1)
        for _ in range(_HORIZON_DAYS):
            for start in cron.starts_on(day):
                if time < start + length:
                    return max(start, time)
            day += timedelta(days=1)
        return None


def _values(field: _Field, text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(field, step_text, named=False) if slash else 1
        if step < 1:
            raise ValueError(f"the step of {field.name} in {part!r} is not at least 1")
        if span in {"*", "?"}:
            first, last = field.first, field.last
        else:
            low, dash, high = span.partition("-")
            first = _number(field, low)
            last = _number(field, high) if dash else (field.last if slash else first)
        if not field.first <= first <= last <= field.last:
            raise ValueError(f"{field.name} {part!r} is not {field.first} to {field.last}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(field: _Field, text: str, *, named: bool = True) -> int:
    if named and text.upper() in field.names:
        return field.first + field.names.index(text.upper())
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError(f"{field.name} {text!r} is none that a maintenance window can have")
    return int(text)
