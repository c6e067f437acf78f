"""`otarig judge TRACE…`: verdicts from stored traces, alone."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.errors import UsageError
from rig.judge.catalogue import Catalogue, Level, default_catalogue
from rig.judge.judge import judge
from rig.judge.verdict import Outcome, Verdict
from rig.trace import read_trace

EXIT_CONFORMANT, EXIT_NOT_CONFORMANT, EXIT_INCOMPLETE = 0, 1, 4
_WORST_FIRST = (Outcome.VIOLATED, Outcome.SATISFIED, Outcome.NOT_OBSERVED)


@dataclass(frozen=True)
class _Judged:
    """The verdicts on one trace file."""

    path: Path
    scenario: str
    device: str
    verdicts: Mapping[str, Verdict]


def judge_files(paths: Sequence[Path], *, json: bool = False, strict: bool = False) -> int:
    """Judge trace files, print the verdicts, and return the exit code.

    0: every MUST satisfied; 1: a MUST violated; 4: some MUST not observed, as is usual for a
    single trace. `strict` counts a SHOULD as a MUST. `json` prints one object and nothing else.
    Raises `rig.trace.TraceError` for a file that is not a trace, before anything is printed.
    """
    if not paths:
        raise UsageError("no trace to judge; name at least one trace file")
    catalogue = default_catalogue()
    judged = []
    for path in paths:
        trace = read_trace(path)
        header = trace.header
        judged.append(_Judged(path, header.scenario, header.kind, judge(trace)))
    combined = {identifier: _combine(identifier, judged) for identifier in catalogue.requirements}
    if json:
        print(json_format.dumps(_as_json(catalogue, judged, combined), indent=1))
    else:
        for entry in judged:
            print(_as_text(catalogue, entry))
    return _exit_code(catalogue, combined, strict=strict)


def _combine(identifier: str, judged: Sequence[_Judged]) -> tuple[Path, Verdict]:
    """The verdict over several traces: violated in any is violated, else satisfied in any."""
    ranked = ((entry.path, entry.verdicts[identifier]) for entry in judged)
    return min(ranked, key=lambda pair: _WORST_FIRST.index(pair[1].outcome))


def _exit_code(
    catalogue: Catalogue, combined: Mapping[str, tuple[Path, Verdict]], *, strict: bool
) -> int:
    binding = {Level.MUST, Level.SHOULD} if strict else {Level.MUST}
    outcomes = {
        verdict.outcome
        for identifier, (_, verdict) in combined.items()
        if catalogue[identifier].level in binding
    }
    if Outcome.VIOLATED in outcomes:
        return EXIT_NOT_CONFORMANT
    return EXIT_INCOMPLETE if Outcome.NOT_OBSERVED in outcomes else EXIT_CONFORMANT


def _as_json(
    catalogue: Catalogue,
    judged: Sequence[_Judged],
    combined: Mapping[str, tuple[Path, Verdict]],
) -> dict[str, Any]:
    several = len(judged) > 1
    requirements: dict[str, Any] = {}
    for identifier, (path, verdict) in combined.items():
        requirements[identifier] = _entry(catalogue, verdict)
        if several:
            # Line numbers mean nothing without the file they are of.
            requirements[identifier]["trace"] = str(path)
    document: dict[str, Any] = {"requirements": requirements}
    if several:
        document["traces"] = {
            str(entry.path): {
                "requirements": {
                    identifier: _entry(catalogue, verdict)
                    for identifier, verdict in entry.verdicts.items()
                }
            }
            for entry in judged
        }
    return document


def _entry(catalogue: Catalogue, verdict: Verdict) -> dict[str, Any]:
    return {
        "level": catalogue[verdict.requirement].level.value,
        "verdict": verdict.outcome.value,
        "events": list(verdict.events),
        "why": verdict.why,
    }


def _as_text(catalogue: Catalogue, entry: _Judged) -> str:
    lines = [f"{entry.path}: {printable(entry.scenario)}, {printable(entry.device)}"]
    counts = []
    for outcome in _WORST_FIRST:
        found = [v for v in entry.verdicts.values() if v.outcome is outcome]
        counts.append(f"{len(found)} {outcome.value}")
        if outcome is Outcome.NOT_OBSERVED:
            continue
        for verdict in found:
            level = catalogue[verdict.requirement].level.value
            shown = ", ".join(map(str, verdict.events)) or "-"
            lines.append(
                f"  {outcome.value:<9}  {verdict.requirement}  {level:<6}  "
                f"{printable(verdict.why)}  [line {shown}]"
            )
    return "\n".join([*lines, f"  {', '.join(counts)}"])


def printable(text: str) -> str:
    """Text of a trace, safe for a terminal: control characters shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
