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


@pytest.mark.parametrize(("profile", "listed"), [("core", False), ("full", True)])
def test_the_core_profile_is_without_the_scenarios_of_the_full_one(
    profile: str, listed: bool
) -> None:
    done = run_pytest("--board", "reference", "--profile", profile, "--collect-only", "-q")
    assert ("test_passed_over[not-json]" in done.stdout) is listed
    assert "test_newer_version_by_mqtt" in done.stdout


def test_scenarios_that_the_device_lacks_something_for_say_what(tmp_path: Path) -> None:
    board = tmp_path / "board.toml"
    board.write_text('name = "plain"\ndriver = "process"\nthing = "plain-1"\n', "utf-8")
    out = tmp_path / "report"
    words = ["--board", str(board), "--profile", "full", "--out", str(out), "-k", "custom_job"]
    run_pytest(*words)
    case = json.loads((out / "conformance.json").read_text("utf-8"))["cases"]
    assert case["job-document-custom-job"]["outcome"] == "not run"
    assert "names no job of its own" in case["job-document-custom-job"]["message"]
