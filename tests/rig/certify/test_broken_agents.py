"""Agents that break one rule each: the suite catches them and names the rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.faults import FAULTS
from tests.rig.certify.command import broken_board, certify

# Deliberate fault, and the scenarios that are enough to catch it.
BROKEN = {
    "skip-signature": "bad-signature",
    "ignore-same-version": "not_newer",
    "never-roll-back": "application-rejects",
    "publish-after-terminal": "without-filesize",
    "retain": "newer_version_by_mqtt",
    "commit-before-self-test": "application-rejects",
    "wrong-updated-by": "newer_version_by_mqtt",
    "status-qos0": "newer_version_by_mqtt",
    "no-self-test-active": "newer_version_by_mqtt",
    "forget-bitmap": "connection_lost",
    "silent-rejection": "bad-signature",
    "download-after-abort": "user_abort",
    "broken-final-status": "newer_version_by_mqtt",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_is_caught(fault: str, tmp_path: Path) -> None:
    board = broken_board(tmp_path, fault)
    done = certify(tmp_path / "report", "--board", str(board), "-k", BROKEN[fault])
    assert done.code == 1, done.said
    assert done.document["verdict"] == "not conformant"
    named = done.broken() & set(FAULTS[fault].breaks)
    assert named, done.broken()
    assert all(rule in done.said for rule in named)


def test_the_same_scenarios_pass_without_the_fault(tmp_path: Path) -> None:
    """Incomplete for want of the other scenarios, but nothing is broken."""
    selection = " or ".join(sorted(set(BROKEN.values())))
    done = certify(tmp_path / "report", "--board", "reference", "-k", selection)
    assert done.broken() == set()
    assert set(done.outcomes().values()) == {"passed"}
