"""`otarig compare` on real devices: the first act in which one differs from the reference."""

from __future__ import annotations

import json

import pytest

from tests.rig.cli.command import ROOT, Desk

REFERENCE = (ROOT / "targets" / "boards" / "reference.toml").read_text("utf-8")
SELECTED = ("-k", "bad-signature or accept-both")


def board_with(desk: Desk, fault: str) -> str:
    path = desk.directory / "board.toml"
    text = REFERENCE.replace('name = "reference"', 'name = "mine"', 1)
    path.write_text(f'{text}\n[process]\nfaults = ["{fault}"]\n', "utf-8")
    return str(path)


def test_a_device_that_does_the_same(desk: Desk) -> None:
    done = desk.run("compare", "--board", "reference", *SELECTED, "--out", "both")
    assert done.code == 0, done.out + done.err
    assert "≠" not in done.out
    assert "= signature-refused-bad-signature: the same" in done.out
    again = desk.run("compare", "both/reference", "both/board")
    assert (again.code, again.out) == (0, done.out)


def test_a_device_that_differs(desk: Desk) -> None:
    board = board_with(desk, "skip-signature")
    done = desk.run("compare", "--board", board, *SELECTED, "--json")
    assert done.code == 1, done.out + done.err
    document = json.loads(done.out)
    assert document["boards"] == ["reference", "mine"]
    found = {each["name"]: each["difference"] for each in document["scenarios"]}
    assert found["accept-both-protocols-offered"] is None
    difference = found["signature-refused-bad-signature"]
    assert '"FAILED"' in difference["ours"]["text"]
    assert '"FAILED"' not in difference["theirs"]["text"]
    assert desk.is_clean()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--board", "no-such-board"), "no board 'no-such-board'"),
        (("only-one",), "two reports"),
        (("here", "there"), "cannot read the report"),
    ],
)
def test_bad_input(words: tuple[str, ...], told: str, desk: Desk) -> None:
    done = desk.run("compare", *words)
    assert done.code == 2
    assert told in done.complaint


def test_a_chip_takes_nobodys_place(desk: Desk) -> None:
    done = desk.run("certify", "--board", "microbit-v1-virtual", "--like", "reference")
    assert done.code == 2
    assert "cannot stand in for 'reference'" in done.complaint
