"""The cells of the state × event table hold the agent where they say, by its own words."""

from __future__ import annotations

from pathlib import Path

from conformance.state_event_table import STATES, Hold
from rig.trace import Event, read_trace
from tests.rig.certify.command import certify

STATE_LINE = "ota: state "
LOST_LINE = "ota: connection lost"
CUT = "dropped by the rig"


def test_the_agent_is_held_in_the_state_of_its_row(tmp_path: Path) -> None:
    """The column `cut`, which has no cell that cannot be reached, on the reference agent."""
    done = certify(
        tmp_path / "report", "--board", "reference", "--profile", "full", "-k=-cut and state-event"
    )
    assert done.code == 4, done.said
    assert set(done.outcomes().values()) == {"passed"}, done.said
    for hold, state in STATES.items():
        name = f"state-event-in-{hold.name.lower().replace('_', '-')}-cut"
        trace = read_trace(done.out / "traces" / f"{name}.jsonl")
        assert state_when_cut(list(trace.events)) == state.text, hold


def state_when_cut(events: list[Event]) -> str:
    """The state in which the agent noticed the cut, or restarted without noticing.

    By the order of its own lines: the wire and the console are recorded independently.
    """
    state, cut = "Init", False
    for event in events:
        cut = cut or (event.kind == "TCP_CLOSE" and event.data.get("reason") == CUT)
        text = event.data.get("text", "") if event.channel == "console" else ""
        if cut and (event.kind == "BOOT" or text.startswith(LOST_LINE)):
            return state
        if event.kind == "BOOT":
            state = "Init"
        if text.startswith(STATE_LINE):
            state = text.rpartition(" ")[2]
    raise AssertionError("the agent did not notice a cut")


def test_every_row_has_a_cell_in_the_column() -> None:
    assert set(STATES) == set(Hold)
