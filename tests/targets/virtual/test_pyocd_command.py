"""The stock `pyocd` command line lists, flashes, resets and reads the virtual board."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.targets.virtual.machine_code import COUNTING

PROBE = ["-u", "otarig:microbit-v1", "-t", "nrf51"]


@pytest.fixture
def pyocd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OTARIG_BENCH", str(tmp_path / "bench"))
    return str(Path(sys.executable).with_name("pyocd"))


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_lists_flashes_resets_and_reads(pyocd: str, tmp_path: Path) -> None:
    assert "microbit-v1" in output(pyocd, "list")
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(COUNTING)
    output(pyocd, "flash", *PROBE, str(firmware))
    output(pyocd, "reset", *PROBE)
    saved = tmp_path / "saved.bin"
    output(pyocd, "cmd", *PROBE, "-c", f"savemem 0 {len(COUNTING)} {saved}")
    assert saved.read_bytes() == COUNTING
    output(pyocd, "erase", *PROBE, "--chip")
    output(pyocd, "cmd", *PROBE, "-c", "halt", "-c", f"savemem 0 64 {saved}")
    assert saved.read_bytes() == b"\xff" * 64
