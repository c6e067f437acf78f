"""What the report tells of many updates in a row: a plot and a trend for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rig.case import SOAK_CASE, CaseOutcome, CaseResult
from rig.endurance.phases import PHASES, UpdateMeasures, measures_of
from rig.endurance.trend import FEWEST, Trend, trend
from rig.trace import TraceError, read_trace

WIDTH, HEIGHT, MARGIN = 320, 90, 6  # of a plot, in CSS pixels
MEMORY = {
    "rig": "resident memory of the rig",
    "stack": "the device's stack at its deepest",
    "resident": "resident memory of the device's process at its most",
}


@dataclass(frozen=True)
class Series:
    """One measure over all updates; `values` in seconds or bytes, by the unit."""

    name: str
    meaning: str
    unit: str
    values: tuple[float, ...]
    trend: Trend

    def text(self, value: float) -> str:
        """A value for people."""
        if self.unit == "s":
            return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
        if value >= 10 * 1024**2:
            return f"{value / 1024**2:.1f} MiB"
        return f"{value:.0f} B" if value < 10_000 else f"{value / 1024:.0f} KiB"

    @property
    def points(self) -> str:
        """The line of the plot, as SVG takes it; the plot begins at zero."""
        top = max(self.values) or 1.0
        step = (WIDTH - 2 * MARGIN) / (len(self.values) - 1)
        return " ".join(
            f"{MARGIN + number * step:.1f},{HEIGHT - MARGIN - value / top * _ROOM:.1f}"
            for number, value in enumerate(self.values)
        )

    @property
    def drift(self) -> str:
        return f"{self.trend.drift:+.1%}"

    @property
    def highest(self) -> str:
        return self.text(max(self.values))


_ROOM = HEIGHT - 2 * MARGIN


@dataclass(frozen=True)
class Endurance:
    """`made` updates were accepted of those that were begun."""

    made: int
    begun: int
    series: tuple[Series, ...]

    @property
    def growing(self) -> tuple[Series, ...]:
        return tuple(series for series in self.series if series.trend.grows)

    def lines(self) -> list[str]:
        """What is told on the terminal."""
        told = [f"{self.made} of {self.begun} updates in a row were accepted"]
        for series in self.series:
            grows = "  grows" if series.trend.grows else ""
            told.append(
                f"  {series.name:<10} median {series.text(series.trend.median)}, at most "
                f"{series.highest}, drift {series.drift}{grows}"
            )
        return told

    def as_json(self) -> dict[str, Any]:
        return {
            "begun": self.begun,
            "made": self.made,
            "series": {
                series.name: {
                    "unit": series.unit,
                    "median": series.trend.median,
                    "drift": round(series.trend.drift, 4),
                    "grows": series.trend.grows,
                    "values": [round(value, 6) for value in series.values],
                }
                for series in self.series
            },
        }


def endurance(cases: Sequence[CaseResult]) -> Endurance | None:
    """None for a run without `--soak`. Traces are read from the files that the cases name."""
    soaked = [case for case in cases if case.name.startswith(SOAK_CASE)]
    if not soaked:
        return None
    made = [case for case in soaked if case.outcome is CaseOutcome.PASSED]
    measures = [found for case in made if (found := _measures(case)) is not None]
    return Endurance(len(made), len(soaked), tuple(_series(measures)))


def _measures(case: CaseResult) -> UpdateMeasures | None:
    if case.trace is None:
        return None
    try:
        return measures_of(read_trace(case.trace))
    except TraceError:
        return None


def _series(measures: Sequence[UpdateMeasures]) -> list[Series]:
    if len(measures) < FEWEST:
        return []
    found = []
    for name, meaning in PHASES.items():
        seconds = tuple(each.seconds[name] for each in measures)
        found.append(Series(name, meaning, "s", seconds, trend(seconds)))
    for name in measures[0].memory:
        sizes = tuple(float(each.memory.get(name, 0)) for each in measures)
        meaning = MEMORY.get(name, "memory of the device")
        found.append(Series(name, meaning, "B", sizes, trend(sizes)))
    return found
