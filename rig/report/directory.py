"""What a run leaves behind: a directory with all forms of its report, signed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.case import CaseResult
from rig.report.conformance_json import FILE_NAME, conformance, write_conformance_json
from rig.report.endurance import Endurance
from rig.report.html import report_html, write_report_html
from rig.report.junit import junit, write_junit
from rig.report.statement import statement, write_statement
from rig.report.verdict import RunResult
from rig.signing import SigningKey
from rig.trace import read_trace


def write_report(
    out: Path,
    result: RunResult,
    *,
    suite: Mapping[str, Any],
    device: Mapping[str, Any],
    provenance: Mapping[str, Any],
    key: SigningKey,
    endurance: Endurance | None = None,
) -> dict[str, Any]:
    """Write the report beside the traces in `out`/traces; returns conformance.json's document.

    `device` holds at least `board`. Raises `OSError`, and `TraceError` for a trace not as written.
    """
    document = conformance(result, suite=suite, device=device, provenance=provenance)
    if endurance is not None:
        document["endurance"] = endurance.as_json()
    write_conformance_json(document, out / FILE_NAME)
    properties = {
        "board": str(device.get("board", "")),
        "suite": f"{suite.get('version')} {suite.get('digest')}",
        **{name: str(value) for name, value in provenance.items()},
    }
    write_junit(junit(result, properties, result.bench_errors), out / "junit.xml")
    page = report_html(result, device=device, provenance=provenance, endurance=endurance)
    write_report_html(page, out / "report.html")
    _write_console(result.cases, out / "console.log")
    write_statement(statement(result, document, out), key, out)
    return document


def _write_console(cases: tuple[CaseResult, ...], path: Path) -> None:
    """All that devices printed, for people who search; control characters shown as escapes."""
    with path.open("w", encoding="utf-8", errors="backslashreplace") as log:
        for case in cases:
            if case.trace is None:
                continue
            log.write(f"== {case.name}\n")
            for event in read_trace(case.trace).events:
                if event.channel == "console":
                    text = _visible(str(event.data.get("text")))
                    log.write(f"{event.t:9.3f} boot {event.boot}: {text}\n")


def _visible(text: str) -> str:
    return "".join(
        c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text
    )
