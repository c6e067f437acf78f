"""The virtual micro:bit: conformant as it is, and caught when its firmware breaks a rule."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.report.witnesses import DIGITS
from rig.trace import read_trace
from tests.rig.certify.command import ROOT, Certified, certify
from tests.rig.certify.test_whole_suite import check_files

BOARD = "microbit-v1-virtual"
# Bit of the firmware's fault mask (docs/firmware.md), scenario, the rules it breaks.
SKIPS_STATE = 12
BROKEN = {
    "no-signature-check": (0, "bad-signature", {"OTA-SIG-004", "OTA-SIG-006", "OTA-SIG-007"}),
    "no-rollback": (1, "application-rejects", {"OTA-TST-019"}),
    "commits-before-self-test": (2, "application-rejects", {"OTA-TST-019"}),
    "accepts-any-version": (3, "same-version", {"OTA-TST-007", "OTA-TST-008"}),
    "writes-outside-its-slot": (4, "bad-signature", {"OTA-SIG-004"}),
    "retains": (5, "newer_version_by_mqtt", {"OTA-CTL-007"}),
    "wrong-updated-by": (6, "newer_version_by_mqtt", {"OTA-SIG-003"}),
    "stays-silent": (7, "bad-signature", {"OTA-SIG-004"}),
}


@pytest.mark.timeout(300)
def test_conformant_by_default(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", patience_s=280)
    assert done.code == 0, done.said
    assert done.document["device"]["board"] == BOARD
    assert done.document["verdict"] == "conformant"
    assert set(done.outcomes().values()) == {"passed"}
    assert done.broken() == set()
    check_files(done.out, set(done.outcomes()))
    for name in ACCEPTS | REJECTS | ROLLBACKS:
        has_three_witnesses(done, name)


ACCEPTS = {"accept-newer-version-by-mqtt", "accept-newer-version-by-http"}
REJECTS = {
    "signature-refused-bad-signature",
    "signature-refused-untrusted-signer",
    "signature-refused-image-corrupted-after-signing",
    "signature-refused-unsigned",
}
ROLLBACKS = {
    f"self-test-fails-self-test-{how}"
    for how in (
        "application-rejects",
        "new-image-crashes",
        "new-image-hangs",
        "new-image-cannot-connect",
    )
}


def has_three_witnesses(done: Certified, case: str) -> None:
    """What the device says, what boots, and the digest in flash: each from a channel of its own."""
    trace = read_trace(done.out / "traces" / f"{case}.jsonl")
    jobs = [n for n, event in enumerate(trace.events) if event.kind == "JOB_CREATED"]
    # A second job is the one that proves the device alive after a refusal.
    events = trace.events[: jobs[1] if len(jobs) > 1 else None]
    offered = events[jobs[0]].data["image"]["sha256"]
    factory = next(e.data["sha256"] for e in events if e.kind == "FLASH" and "slot" in e.data)
    boots = [event.data for event in events if event.kind == "BOOT"]
    running = [e.data["sha256"] for e in events if e.kind == "READ" and e.data["active"]][-1]
    if case in ACCEPTS:
        assert running == offered
        assert boots[-1]["version"] == "1.0.1"
    else:
        assert running == factory
        assert boots[-1]["version"] == "1.0.0"
        assert boots[-1]["marker"] == boots[0]["marker"]
    page = (done.out / "report.html").read_text("utf-8")
    assert running[:DIGITS] in page
    assert boots[-1]["marker"][:DIGITS] in page


def test_its_states_are_those_of_the_table(tmp_path: Path) -> None:
    done = certify(tmp_path / "report", "--profile", "full", "-k", "states")
    assert set(done.outcomes().values()) == {"passed"}, done.said
    assert done.document["requirements"]["OTA-STA-001"]["verdict"] == "satisfied"
    read = read_trace(done.out / "traces" / "states-accept.jsonl")
    assert [e.data["variable"] for e in read.events if e.kind == "FOLLOWED"] == ["agent.state"]


def test_a_skipped_state_is_caught(tmp_path: Path) -> None:
    """On the wire nothing is wrong with it."""
    board = str(broken(tmp_path, SKIPS_STATE))
    done = certify(tmp_path / "seen", "--board", board, "--profile", "full", "-k", "states-accept")
    assert done.code == 1, done.said
    assert done.broken() == {"OTA-STA-001"}
    assert "CreatingFile -> WaitingForFileBlock is no row of the table" in done.said
    done = certify(tmp_path / "unseen", "--board", board, "-k", "newer_version_by_mqtt")
    assert done.broken() == set()


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_firmware_is_caught(fault: str, tmp_path: Path) -> None:
    bit, selection, rules = BROKEN[fault]
    done = certify(tmp_path / "report", "--board", str(broken(tmp_path, bit)), "-k", selection)
    assert done.code == 1, done.said
    assert done.document["verdict"] == "not conformant"
    assert done.broken() & rules, done.broken()
    assert all(rule in done.said for rule in done.broken() & rules)


def broken(directory: Path, bit: int) -> Path:
    text = (ROOT / "targets" / "boards" / f"{BOARD}.toml").read_text("utf-8")
    # Short patience: what a broken device never does must not be waited for long.
    for name, value in (("self_test_timer_s", 2.0), ("trial_time_s", 4.0), ("momentum", 2)):
        text, times = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert times == 1
    board = directory / "broken.toml"
    board.write_text(f"faults = {1 << bit}\nslack_s = 2.0\n{text}", "utf-8")
    return board
