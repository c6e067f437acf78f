"""`otarig certify --soak N`: updates in a row on devices, and what the report makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.endurance.phases import PHASES
from rig.trace import read_trace
from tests.rig.certify.command import broken_board, certify

N = 8


@pytest.mark.parametrize(
    ("board", "memory"), [("reference", "resident"), ("microbit-v1-virtual", "stack")]
)
def test_updates_in_a_row(board: str, memory: str, tmp_path: Path) -> None:
    done = certify(tmp_path, "--board", board, "--soak", str(N), "-k", "soak")
    names = [f"soak-update-{number}" for number in range(1, N + 1)]
    assert done.outcomes() == dict.fromkeys(names, "passed"), done.said
    assert done.broken() == set()
    booted = [
        (event.data["version"], event.data["slot"])
        for name in names
        for event in read_trace(done.out / "traces" / f"{name}.jsonl").events
        if event.kind == "BOOT" and event.data["state"] == "pending_commit"
    ]
    assert booted == [(f"1.0.{number}", "AB"[number % 2]) for number in range(1, N + 1)]
    endurance = done.document["endurance"]
    assert (endurance["made"], endurance["begun"]) == (N, N)
    assert list(endurance["series"]) == [*PHASES, "rig", memory]
    assert all(len(series["values"]) == N for series in endurance["series"].values())
    assert min(endurance["series"][memory]["values"]) > 1000
    assert f"{N} of {N} updates in a row" in done.said
    page = (done.out / "report.html").read_text("utf-8")
    assert page.count("<polyline") == len(PHASES) + 2


def test_the_first_update_that_fails_is_the_last(tmp_path: Path) -> None:
    board = broken_board(tmp_path, "active-old-version")
    done = certify(tmp_path / "report", "--board", str(board), "--soak", str(N), "-k", "soak")
    assert done.code == 1, done.said
    assert done.outcomes() == {"soak-update-1": "failed"}
    assert done.document["endurance"] == {"begun": 1, "made": 0, "series": {}}
    assert "0 of 1 updates in a row" in done.said


def test_it_is_no_part_of_the_profiles(tmp_path: Path) -> None:
    done = certify(tmp_path, "--board", "reference", "--profile", "full", "-k", "soak or by-http")
    assert not any(name.startswith("soak") for name in done.outcomes())
    assert "endurance" not in done.document
