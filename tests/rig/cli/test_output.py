"""Output that nobody takes is never told as a fault of the firmware, and never a traceback."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.rig.cli.command import Desk

BENCH, NOT_CONFORMANT = 3, 1
ONE = ("certify", "--board", "reference", "-k", "accept-newer-version-by-http", "--out", "report")


@pytest.mark.parametrize("arguments", [("boards",), ("mutants", "--list"), ("certify", "--list")])
def test_a_reader_that_goes_away(arguments: tuple[str, ...], desk: Desk) -> None:
    process = subprocess.Popen(
        desk.command(*arguments),
        cwd=desk.directory,
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    complaints = process.communicate(timeout=60)[1]
    assert complaints == ""
    assert process.returncode != NOT_CONFORMANT


def test_a_full_disk(desk: Desk) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            desk.command("boards"),
            cwd=desk.directory,
            env=desk.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == BENCH
    assert done.stderr == "otarig boards: cannot write: No space left on device\n"


def test_a_terminal_without_the_signs(desk: Desk) -> None:
    desk.environment["PYTHONIOENCODING"] = "ascii"
    done = desk.run(*ONE)
    assert "? accept-newer-version-by-http" in done.out


def test_a_listed_name_selects_its_scenario(desk: Desk) -> None:
    """All that `--list` says can be given to `-k`, and selects just that."""
    done = desk.run("certify", "--board", "reference", "--list", "-k", ONE[4])
    names = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    assert [name for name in names if name.startswith("accept")] == [ONE[4]]
