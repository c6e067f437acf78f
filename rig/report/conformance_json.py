"""`conformance.json`: the verdict for machines (design of the command line, last section)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.case import CaseResult
from rig.report.verdict import RunResult


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
            identifier: {
                "level": entry.requirement.level.value,
                "verdict": entry.outcome.value,
                "cases": list(entry.cases),
                "why": entry.why,
                "in_profile": entry.in_profile,
            }
            for identifier, entry in result.requirements.items()
        },
        "cases": {case.name: _case(case) for case in result.cases},
        "provenance": dict(provenance),
    }


def _case(case: CaseResult) -> dict[str, Any]:
    return {
        "outcome": case.outcome.value,
        "message": case.message,
        "seconds": round(case.seconds, 3),
        "requirements": list(case.requirements),
        "trace": None if case.trace is None else f"traces/{case.trace.name}",
    }


def write_conformance_json(document: Mapping[str, Any], path: Path) -> None:
    """Write the document made by `conformance`."""
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
