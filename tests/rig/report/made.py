"""Reports made for tests from the recordings: whole directories, signed, without a bench."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rig.case import CaseOutcome, CaseResult
from rig.judge import judge
from rig.judge.catalogue import Profile, default_catalogue
from rig.report.directory import write_report
from rig.report.verdict import decide
from rig.run import suite_digest
from rig.signing import SigningKey
from rig.trace import read_trace

RECORDINGS = Path(__file__).parents[3] / "fixtures" / "traces"
STORY = "An update goes through.\n\n1. It is offered.\n2. The device takes it,\n   and says so."
DEVICE = {"board": "made", "thing": "made-1", "declares": {"block_size": 1024}}
Edit = Callable[[dict[str, Any]], None]


def made_report(
    out: Path,
    *names: str,
    key: SigningKey | None = None,
    device: Mapping[str, Any] = DEVICE,
    **options: Any,
) -> dict[str, Any]:
    """A report of passed cases, one for each recording named; `options` are those of `decide`."""
    (out / "traces").mkdir(parents=True, exist_ok=True)
    cases = []
    for name in names or ("success", "badsig"):
        trace = out / "traces" / f"{name}.jsonl"
        if not trace.exists():
            shutil.copy(RECORDINGS / trace.name, trace)
        verdicts = judge(read_trace(trace))
        requirements = ("OTA-CTL-001", "OTA-SIG-004")
        cases.append(
            CaseResult(name, STORY, requirements, CaseOutcome.PASSED, "", 1.5, trace, verdicts)
        )
    result = decide(default_catalogue(), Profile.CORE, cases, **options)
    return write_report(
        out,
        result,
        suite={"version": "0.1", "digest": suite_digest()},
        device=device,
        provenance={"started": "2026-01-01T00:00:00Z", "seconds": 3.0, "python": "3.11"},
        key=key or SigningKey.generate(),
    )


def edit_events(trace: Path, edit: Edit) -> None:
    """Change a trace file event by event."""
    header, *lines = trace.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    for event in events:
        edit(event)
    trace.write_text("\n".join([header, *map(json.dumps, events)]) + "\n")


def retain(event: dict[str, Any]) -> None:
    """Let a device's status have the retain flag, which breaks OTA-CTL-007."""
    if event.get("dir") == "from_device" and str(event.get("topic")).endswith("/update"):
        event["retain"] = True
