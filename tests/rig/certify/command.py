"""`otarig certify` as users run it: a process of its own, its exit code and its report."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
PATIENCE_S = 110.0


@dataclass(frozen=True)
class Certified:
    """How a run ended; `document` is its conformance.json."""

    code: int
    said: str
    out: Path
    document: dict[str, Any]

    def broken(self) -> set[str]:
        """The requirements that the report calls violated."""
        requirements = self.document["requirements"]
        return {name for name, entry in requirements.items() if entry["verdict"] == "violated"}

    def outcomes(self) -> dict[str, str]:
        return {name: case["outcome"] for name, case in self.document["cases"].items()}


def certify(out: Path, *arguments: str, patience_s: float = PATIENCE_S) -> Certified:
    """Run the command in the checkout; fails if it leaves no report."""
    done = subprocess.run(
        [sys.executable, "-m", "rig.cli.main", "certify", "--out", str(out), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience_s,
        check=False,
    )
    said = done.stdout + done.stderr
    report = out / "conformance.json"
    assert report.exists(), said
    return Certified(done.returncode, said, out, json.loads(report.read_text("utf-8")))


def broken_board(directory: Path, *faults: str) -> Path:
    """A board file of the reference agent with deliberate faults."""
    text = (ROOT / "targets" / "boards" / "reference.toml").read_text("utf-8")
    listed = ", ".join(f'"{fault}"' for fault in faults)
    # Short patience: what a broken device never does must not be waited for long.
    for name, value in (("self_test_timer_s", 2.0), ("trial_time_s", 4.0), ("momentum", 2)):
        text = re.sub(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
    text = text.replace("transport =", "slack_s = 2.0\ntransport =", 1)
    board = directory / "broken.toml"
    board.write_text(f"{text}\n[process]\nfaults = [{listed}]\n", "utf-8")
    return board
