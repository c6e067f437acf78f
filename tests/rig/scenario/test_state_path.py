"""Paths of states: what is one, and when a device can no longer be on it."""

from __future__ import annotations

import pytest

from rig.scenario.state_path import StatePath, states_read
from rig.trace import Event

PATH = StatePath("Ready RequestingJob (WaitingForJob) Init")


@pytest.mark.parametrize(
    ("states", "taken", "left"),
    [
        ("", False, False),
        ("Ready", False, False),
        ("Ready RequestingJob", False, False),
        ("Ready RequestingJob WaitingForJob", False, False),
        ("Ready RequestingJob WaitingForJob Init", True, False),
        ("Ready RequestingJob Init", True, False),
        ("Ready Init", False, True),
        ("RequestingJob Init", False, True),
        ("Ready RequestingJob Init Ready", False, True),
        ("Ready RequestingJob ? Init", False, True),
    ],
)
def test_taken_and_left(states: str, taken: bool, left: bool) -> None:
    assert PATH.is_taken_by(states.split()) is taken
    assert PATH.is_left_by(states.split()) is left


def test_what_is_no_state_is_told() -> None:
    with pytest.raises(ValueError, match="'Waiting' is no state of the agent"):
        StatePath("Ready Waiting")


def test_states_are_read_from_the_probe_alone() -> None:
    events = [
        Event(0.0, "probe", "STATE", None, None, None, {"value": 1, "state": "Ready"}, 2),
        Event(0.1, "console", "STATE", None, None, None, {"value": 3, "state": "Init"}, 3),
        Event(0.2, "probe", "READ", None, None, None, {"slot": "A"}, 4),
        Event(0.3, "probe", "STATE", None, None, None, {"value": 77, "state": ""}, 5),
    ]
    assert states_read(events) == ["Ready", "?"]
