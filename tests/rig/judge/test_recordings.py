"""The judge on recordings of a real device: the AWS C library breaks none of its own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.judge import Outcome, judge
from rig.judge.catalogue import Channel, Level, default_catalogue
from rig.trace import read_trace

RECORDINGS = Path(__file__).parents[3] / "fixtures" / "traces"
NAMES = sorted(path.stem for path in RECORDINGS.glob("*.jsonl"))

# What each recording is there to show, besides what every one shows.
SHOWN = {
    "success": ["OTA-DAT-013", "OTA-DAT-036", "OTA-TST-003", "OTA-TST-004", "OTA-TST-005"],
    "badsig": ["OTA-DAT-010", "OTA-DAT-033"],
    "badsig-then-good": ["OTA-CTL-019", "OTA-TST-002"],
    "selftest-reject": ["OTA-CTL-017"],
    "selftest-hang": ["OTA-TST-009", "OTA-TST-010", "OTA-TST-011"],
    "same-version": ["OTA-TST-009", "OTA-TST-010", "OTA-TST-011"],
    "block-loss": ["OTA-DAT-014"],
    "block-bad-cbor": ["OTA-DAT-022", "OTA-DAT-023", "OTA-DAT-024"],
    "cancel-midway": ["OTA-DAT-009", "OTA-TST-003"],
    "user-abort": ["OTA-DAT-033"],
    "bad-base64": ["OTA-CTL-013"],
    "no-blocks-momentum": ["OTA-DAT-014", "OTA-DAT-029", "OTA-DAT-030"],
    "prequeued": ["OTA-TST-005"],
}  # fmt: skip
ALWAYS_SHOWN = [f"OTA-CTL-{number:03}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 13, 14, 15, 16, 20)]


def test_every_recording_is_judged() -> None:
    assert sorted(SHOWN) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_violated(name: str) -> None:
    verdicts = judge(read_trace(RECORDINGS / f"{name}.jsonl"))
    violated = {
        identifier: verdict
        for identifier, verdict in verdicts.items()
        if verdict.outcome is Outcome.VIOLATED
    }
    assert violated == {}


@pytest.mark.parametrize("name", NAMES)
def test_what_the_recording_is_for_is_satisfied(name: str) -> None:
    verdicts = judge(read_trace(RECORDINGS / f"{name}.jsonl"))
    for identifier in (*ALWAYS_SHOWN, *SHOWN[name]):
        assert verdicts[identifier].outcome is Outcome.SATISFIED, verdicts[identifier]
        assert verdicts[identifier].events


@pytest.mark.parametrize("name", NAMES)
def test_what_needs_other_witnesses_is_not_observed(name: str) -> None:
    """The recordings hold MQTT only: no boots, no flash, no HTTP."""
    catalogue = default_catalogue()
    for identifier, verdict in judge(read_trace(RECORDINGS / f"{name}.jsonl")).items():
        channels = set(catalogue[identifier].channels)
        if channels & {Channel.FLASH, Channel.RESET} or channels == {Channel.HTTP}:
            assert verdict.outcome is Outcome.NOT_OBSERVED, verdict


def test_every_rule_has_its_requirement() -> None:
    verdicts = judge(read_trace(RECORDINGS / "success.jsonl"))
    assert set(verdicts) <= set(default_catalogue().requirements)
    assert all(identifier == verdict.requirement for identifier, verdict in verdicts.items())
    assert default_catalogue()["OTA-CTL-001"].level is Level.MUST
