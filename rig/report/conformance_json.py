"""`conformance.json`: the verdict for machines (design of the command line, last section).

Together with the traces it holds all that the verdict was decided from: `read_conformance` and
`decide_again` are the way back, for a verifier who trusts nothing but the traces.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.case import CaseOutcome, CaseResult
from rig.errors import UsageError
from rig.judge import judge
from rig.judge.catalogue import Profile, default_catalogue
from rig.report.verdict import RequirementResult, RunResult, decide
from rig.report.waivers import Waiver, parse_stored_waivers
from rig.trace import read_trace

FILE_NAME = "conformance.json"
TRACES = "traces"
MAX_BYTES = 32 * 1024 * 1024
_JUDGED = frozenset({CaseOutcome.PASSED, CaseOutcome.FAILED, CaseOutcome.ERROR})


class ReportError(UsageError):
    """A report that cannot be read; the message names file, field and what is wrong."""


def conformance(
    result: RunResult,
    *,
    suite: Mapping[str, Any],
    device: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The report as JSON values. `suite` holds `version` and `digest` of the scenarios."""
    return {
        "suite": dict(suite),
        "device": dict(device),
        "profile": result.profile.value,
        "verdict": result.verdict.value,
        "reasons": list(result.reasons),
        "requirements": {
            identifier: _requirement(entry) for identifier, entry in result.requirements.items()
        },
        "cases": {case.name: _case(case) for case in result.cases},
        "run": {
            "strict": result.strict,
            "interrupted": result.interrupted,
            "bench_errors": list(result.bench_errors),
            "left_out": {case.name: list(case.requirements) for case in result.left_out},
            "waivers": [waiver.as_json() for waiver in result.waivers],
        },
        "provenance": dict(provenance),
    }


def _requirement(entry: RequirementResult) -> dict[str, Any]:
    return {
        "level": entry.requirement.level.value,
        "verdict": entry.outcome.value,
        "caveat": None if entry.caveat is None else entry.caveat.value,
        "cases": list(entry.cases),
        "why": entry.why,
        "in_profile": entry.in_profile,
    }


def _case(case: CaseResult) -> dict[str, Any]:
    return {
        "outcome": case.outcome.value,
        "message": case.message,
        "seconds": round(case.seconds, 3),
        "requirements": list(case.requirements),
        "repeats": case.repeats or None,
        "trace": None if case.trace is None else f"{TRACES}/{case.trace.name}",
    }


def write_conformance_json(document: Mapping[str, Any], path: Path) -> None:
    """Write the document made by `conformance`."""
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def read_conformance(path: Path) -> dict[str, Any]:
    """Read such a file, or that of a report's directory. Raises `ReportError`."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        with file.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise ReportError(f"cannot read the report {file}: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise ReportError(f"{file}: is longer than {MAX_BYTES} bytes; it is no report of a run")
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise ReportError(f"{file}: is not JSON; is it the report of a run?") from None
    if not isinstance(document, dict):
        raise ReportError(f"{file}: is not a JSON object; is it the report of a run?")
    for name, kind in (
        ("verdict", str),
        ("profile", str),
        ("suite", dict),
        ("device", dict),
        ("requirements", dict),
        ("cases", dict),
        ("provenance", dict),
    ):
        if not isinstance(document.get(name), kind):
            raise ReportError(f"{file}: {name!r} is missing or not as a run writes it")
    for name in ("requirements", "cases"):
        if not all(isinstance(entry, dict) for entry in document[name].values()):
            raise ReportError(f"{file}: {name!r} holds something that is not a JSON object")
    return document


def decide_again(document: Mapping[str, Any], directory: Path) -> RunResult:
    """The verdict that follows from the traces, judged anew, by this suite's rules.

    How a scenario's own demands ended is taken from the document: the scenario is not run again.
    Raises `ReportError`, and `TraceError` for a trace that cannot be read.
    """
    try:
        run = document["run"]
        cases = [
            _stored_case(name, stored, directory) for name, stored in document["cases"].items()
        ]
        return decide(
            default_catalogue(),
            Profile(document["profile"]),
            cases,
            bench_errors=[str(message) for message in run["bench_errors"]],
            interrupted=bool(run["interrupted"]),
            strict=bool(run["strict"]),
            left_out=[
                CaseResult(name, "", tuple(map(str, identifiers)))
                for name, identifiers in run["left_out"].items()
            ],
            waivers=_stored_waivers(run["waivers"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportError(
            f"{directory / FILE_NAME}: is not as a run writes it ({type(error).__name__}: {error})"
        ) from None


def _stored_waivers(stored: Any) -> tuple[Waiver, ...]:
    return parse_stored_waivers(stored, FILE_NAME, default_catalogue())


def _stored_case(name: str, stored: Mapping[str, Any], directory: Path) -> CaseResult:
    case = CaseResult(
        name,
        "",
        tuple(map(str, stored["requirements"])),
        CaseOutcome(stored["outcome"]),
        str(stored["message"]),
        repeats=stored.get("repeats") or "",
    )
    if stored["trace"] is not None:
        case.trace = directory / TRACES / Path(stored["trace"]).name
        if case.outcome in _JUDGED:
            case.verdicts = judge(read_trace(case.trace))
    return case
