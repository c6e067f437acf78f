"""Two runs of the suite, scenario by scenario."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.compare.acts import acts_of
from rig.compare.difference import Difference, first_difference
from rig.errors import UsageError
from rig.report.conformance_json import read_conformance
from rig.trace import read_trace


@dataclass(frozen=True)
class Compared:
    """One scenario: so many acts of the first device, and where the second parts from it."""

    name: str
    acts: int
    difference: Difference | None


def boards_of(first: Path, second: Path) -> tuple[str, str]:
    """The names of the two boards. Raises `UsageError`, or `ReportError` for what is no report."""
    names = [str(read_conformance(path)["device"].get("board", path)) for path in (first, second)]
    return names[0], names[1]


def compare_reports(first: Path, second: Path) -> Iterator[Compared]:
    """Every scenario that both have a trace of, in the order of the first.

    Raises `UsageError` if there is none, or a trace cannot be read.
    """
    names = [name for name in _cases(first) if name in _cases(second)]
    if not names:
        raise UsageError(f"{first} and {second} have no scenario in common that left a trace")
    for name in names:
        ours, theirs = (
            acts_of(read_trace(path / "traces" / f"{name}.jsonl")) for path in (first, second)
        )
        yield Compared(name, len(ours), first_difference(ours, theirs))


def _cases(report: Path) -> list[str]:
    """The report's scenarios with a trace; a name is never taken for a path."""
    cases: dict[str, Any] = read_conformance(report)["cases"]
    there = {path.stem for path in (report / "traces").glob("*.jsonl")}
    return [name for name in cases if name in there]
