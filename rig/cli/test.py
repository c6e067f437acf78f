"""`otarig test`: the project's own tests, with what they need installed first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from rig.cli.system_package import ensure_command
from rig.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]


def run(arguments: Sequence[str]) -> int:
    if not (ROOT / "tests").is_dir():
        raise UsageError(f"{ROOT} has no tests; run this verb in a checkout")
    ensure_command("mosquitto", package="mosquitto", purpose="the tests run it behind the gateway")
    ensure_command("chromium", package="chromium", purpose="the tests look at reports with it")
    ensure_command("initdb", package="postgresql", purpose="the tests keep jobs in it")
    # One worker a core; a test that hangs is a bug, it ends with every thread's stack shown.
    own = ["tests", "--numprocesses=auto", "--timeout=120"]
    command = [sys.executable, "-m", "pytest", *own, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode
