"""`pytest conformance --board NAME` is the same run as `otarig certify`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.certify.command import PATIENCE_S, ROOT

ONE = "accept-newer-version-by-mqtt"


def run_pytest(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "conformance", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_one_scenario(tmp_path: Path) -> None:
    out = tmp_path / "report"
    done = run_pytest("--board", "reference", "--out", str(out), "-k", "newer_version_by_mqtt")
    document = json.loads((out / "conformance.json").read_text("utf-8"))
    assert document["cases"][ONE]["outcome"] == "passed", done.stdout + done.stderr
    # One scenario cannot show every MUST of the profile.
    assert document["verdict"] == "incomplete"
    assert done.returncode == 4


def test_without_a_board() -> None:
    done = run_pytest("-k", "newer_version_by_mqtt")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "name the board to certify" in done.stdout + done.stderr
