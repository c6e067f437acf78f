"""`otarig mutants` as users run it, on a few of each kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from agent.faults import FAULTS
from rig.errors import BenchError
from rig.mutants import mutant as mutant_module
from rig.mutants.mutant import load_mutants
from rig.mutants.pool import try_all
from targets.board import load_board

ROOT = Path(__file__).parents[3]
SAMPLE = ("retain", "assume-filesize", "block-request-qos1", "boot-refused-image", "other-primary")


def otarig(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "rig.cli.main", "mutants", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_sample_is_killed() -> None:
    done = otarig("--jobs", "2", *SAMPLE)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in SAMPLE:
        assert any(
            line.startswith(f"✓ {name} ") and set(FAULTS[name].breaks) & set(line.split())
            for line in done.stdout.splitlines()
        ), done.stdout
    assert f"{len(SAMPLE)} of {len(SAMPLE)} mutants killed" in done.stdout


def test_the_list() -> None:
    done = otarig("--list")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(FAULTS)
    assert "publishes with the retain flag  [OTA-CTL-007]" in done.stdout


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["lazy"], "no mutant 'lazy'; `otarig mutants --list` shows them"),
        (["--jobs", "0", "retain"], "--jobs must be at least 1"),
        (["--write", "x.md", "retain"], "--write needs all mutants"),
    ],
)
def test_what_users_get_wrong(words: list[str], complaint: str) -> None:
    done = otarig(*words)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_board_for_each() -> None:
    reference = load_board("reference")
    for name, mutant in load_mutants().items():
        board = mutant.board(reference)
        assert board.process.faults == (name,)
        assert board.thing == reference.thing
        for field, value in mutant.declares.items():
            assert value == (
                board.slack_s if field == "slack_s" else getattr(board.declares, field)
            )


def test_a_worker_that_fails_is_an_error_of_the_bench() -> None:
    with pytest.raises(BenchError, match="the worker that tried 'lazy' failed"):
        list(try_all(["lazy"], 1))


def test_an_agent_that_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutant_module, "TABLE", (sys.executable, "-c", "print('[]x')"))
    with pytest.raises(BenchError, match="does not tell its faults"):
        load_mutants()
