"""`report.html`: the report for people, in one file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from rig.case import CaseResult
from rig.judge.catalogue import Level
from rig.judge.verdict import Outcome
from rig.report.messages import Row, rows
from rig.report.verdict import RunResult
from rig.trace import TraceError, read_trace

TEMPLATE = "report.html.jinja"


@dataclass(frozen=True)
class CasePage:
    """What the page shows of one case; `trouble` says why there are no messages."""

    case: CaseResult
    violated: tuple[str, ...]
    messages: tuple[Row, ...]
    trouble: str


def report_html(
    result: RunResult,
    *,
    device: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> str:
    """The page. Traces are read from the files that the cases name."""
    levels = [
        (level.value, {outcome.value: result.count(level, outcome) for outcome in Outcome})
        for level in Level
    ]
    return _template().render(
        result=result,
        device=device,
        provenance=provenance,
        levels=levels,
        outcomes=[outcome.value for outcome in Outcome],
        pages=[_page(case) for case in result.cases],
    )


def write_report_html(page: str, path: Path) -> None:
    """Write the page made by `report_html`; lone surrogates of a device are shown as escapes."""
    path.write_text(page, encoding="utf-8", errors="backslashreplace")


def _page(case: CaseResult) -> CasePage:
    violating = [v for v in case.verdicts.values() if v.outcome is Outcome.VIOLATED]
    marked = {line for verdict in violating for line in verdict.events}
    violated = tuple(f"{verdict.requirement}: {verdict.why}" for verdict in violating)
    if case.trace is None:
        return CasePage(case, violated, (), "no trace was kept")
    try:
        return CasePage(case, violated, rows(read_trace(case.trace), marked), "")
    except TraceError as error:
        return CasePage(case, violated, (), str(error))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        # All of a report may come from a hostile device: everything is escaped.
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE)
