"""`otarig powercut` on the real boot loader, right and wrong: it finds the brick and names it."""

from __future__ import annotations

import json
import re

import pytest

from tests.rig.cli.command import ROOT, Desk

BOARD = (ROOT / "targets" / "boards" / "microbit-v1-virtual.toml").read_text("utf-8")
CERTIFIED = ("certify", "--profile", "full", "-k")
ONE_RUN = ("powercut", "--only", "update")

ARMS_BEFORE_IMAGE, TRUSTS_TORN_RECORD, NO_RE_ERASE, TRIAL_IN_RAM = 256, 512, 1024, 2048
"""Deliberate faults of the reference firmware (shared/faults.h)."""


def board_with(desk: Desk, fault: int) -> str:
    text = BOARD.replace("transport =", f"faults = {fault}\ntransport =", 1)
    # What boots shows it in a few milliseconds; a brick must not be waited for long.
    text = text.replace("transport =", "slack_s = 2.0\ntransport =", 1)
    path = desk.directory / "wrong.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_reference_firmware_always_boots(desk: Desk) -> None:
    done = desk.run(*ONE_RUN, "--boots-only")
    assert done.code == 0, done.out + done.err
    assert "bricks = 0" in done.out
    found = re.search(r"flash operations: (\d+) \((\d+) erase data", " ".join(done.out.split()))
    assert found is not None, done.out
    # An older image was in the slot: all its pages are erased, every word is written.
    assert int(found[1]) > 20_000
    assert int(found[2]) > 70


@pytest.mark.parametrize(
    ("fault", "words", "told"),
    [
        (ARMS_BEFORE_IMAGE, ("--boots-only",), r"\(state\): no boot marker"),
        (TRUSTS_TORN_RECORD, ("--boots-only",), r"\(state\): the new image runs as confirmed"),
        (TRIAL_IN_RAM, ("--boots-only",), r"\(state\): the image on trial is tried once more"),
        # Which erase is met first is up to the boards that run side by side.
        (
            NO_RE_ERASE,
            (),
            r"operation \d+, erase 0x\w+ \((?:data|header)\): the next update fails",
        ),
    ],
    ids=["arms-before-image", "trusts-torn-record", "trial-in-ram", "no-re-erase"],
)
def test_a_wrong_boot_loader_is_found(
    fault: int, words: tuple[str, ...], told: str, desk: Desk
) -> None:
    board = board_with(desk, fault)
    done = desk.run(*ONE_RUN, "--bricks", "1", "--board", board, *words)
    assert done.code == 1, done.out + done.err
    said = " ".join(done.out.split())
    assert re.search(rf"brick: update, power cut .*?{told}", said), done.out
    assert desk.is_clean()


@pytest.mark.parametrize("board", ["microbit-v1-virtual", "reference"])
def test_a_certificate_takes_the_power_cuts_in(board: str, desk: Desk) -> None:
    done = desk.run(*CERTIFIED, "power-cuts", "--board", board, "--out", "report")
    assert "power-cuts-update" in done.out
    assert "power-cuts-rollback" in done.out
    for case in ("power-cuts-update", "power-cuts-rollback"):
        trace = (desk.directory / "report" / "traces" / f"{case}.jsonl").read_text("utf-8")
        found = re.search(r'"power cuts: (\d+) at the (\d+) \w+ operations', trace)
        assert found is not None
        assert int(found[1]) > int(found[2]) / 50 > 0
    document = json.loads((desk.directory / "report" / "conformance.json").read_text("utf-8"))
    assert {case["outcome"] for case in document["cases"].values()} == {"passed"}


def test_a_brick_is_no_certificate(desk: Desk) -> None:
    board = board_with(desk, TRUSTS_TORN_RECORD)
    done = desk.run(*CERTIFIED, "power-cuts-rollback", "--board", board)
    assert done.code == 1, done.out + done.err
    told = r"brick: rollback, power cut .* \(state\): the new image runs as confirmed"
    assert re.search(told, " ".join(done.out.split())), done.out
    assert desk.is_clean()


def test_the_reference_agent_always_boots(desk: Desk) -> None:
    done = desk.run("powercut", "--board", "reference", "--only", "file", "--only", "update")
    assert done.code == 0, done.out + done.err
    said = " ".join(done.out.split())
    found = re.search(r"file operations: (\d+) \(.*\) cuts: (\d+), each with updates", said)
    assert found is not None, done.out
    assert int(found[2]) == 3 * (int(found[1]) + 2)
    assert "bricks = 0, in" in said


def test_no_file_runs_on_a_chip(desk: Desk) -> None:
    done = desk.run("powercut", "--only", "file")
    assert done.code == 2
    assert "--board reference" in done.complaint
