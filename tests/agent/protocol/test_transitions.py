"""States, events and the transition table, against OTA spec §2.1 to §2.3."""

from __future__ import annotations

import pytest

from agent.protocol.states import Event, State
from agent.protocol.transitions import TRANSITIONS, Handler, find_transition

STATES = """
0 Init, 1 Ready, 2 RequestingJob, 3 WaitingForJob, 4 CreatingFile, 5 RequestingFileBlock,
6 WaitingForFileBlock, 7 ClosingFile, 8 Suspended, 9 ShuttingDown, 10 Stopped, 11 All
"""
EVENTS = """
0 Start, 1 StartSelfTest, 2 RequestJobDocument, 3 ReceivedJobDocument, 4 CreateFile,
5 RequestFileBlock, 6 ReceivedFileBlock, 7 RequestTimer, 8 CloseFile, 9 Suspend, 10 Resume,
11 UserAbort, 12 Shutdown
"""
ROWS = """
Ready RequestingJob Start start
RequestingJob WaitingForJob RequestJobDocument requestJob
RequestingJob WaitingForJob RequestTimer requestJob
WaitingForJob CreatingFile ReceivedJobDocument processJob
CreatingFile WaitingForJob StartSelfTest inSelfTest
CreatingFile RequestingFileBlock CreateFile initFile
CreatingFile RequestingFileBlock RequestTimer initFile
RequestingFileBlock WaitingForFileBlock RequestFileBlock requestData
RequestingFileBlock WaitingForFileBlock RequestTimer requestData
WaitingForFileBlock WaitingForFileBlock ReceivedFileBlock processData
WaitingForFileBlock WaitingForFileBlock RequestTimer requestData
WaitingForFileBlock WaitingForFileBlock RequestFileBlock requestData
WaitingForFileBlock WaitingForJob RequestJobDocument requestJob
WaitingForFileBlock RequestingJob ReceivedJobDocument jobNotification
WaitingForFileBlock WaitingForJob CloseFile closeFile
Suspended RequestingJob Resume resume
All Suspended Suspend suspend
All WaitingForJob UserAbort userAbort
All Stopped Shutdown shutdown
"""


def numbered(table: str) -> list[tuple[int, str]]:
    entries = (entry.split() for entry in table.replace("\n", " ").split(","))
    return [(int(number), name) for number, name in entries]


def test_states_have_the_library_numbers_and_names() -> None:
    assert [(state.value, state.text) for state in State] == numbered(STATES)


def test_events_have_the_library_numbers_and_names() -> None:
    assert [(event.value, event.text) for event in Event] == numbered(EVENTS)


def test_the_table_is_the_library_table() -> None:
    assert len(TRANSITIONS) == 19
    assert [
        f"{row.state.text} {row.next_state.text} {row.event.text} {row.handler.value}"
        for row in TRANSITIONS
    ] == ROWS.split("\n")[1:-1]


def test_every_handler_has_a_row() -> None:
    assert {row.handler for row in TRANSITIONS} == set(Handler)


@pytest.mark.parametrize("state", [state for state in State if state is not State.ALL])
def test_what_is_listed_is_found_and_nothing_else(state: State) -> None:
    listed = {row.event for row in TRANSITIONS if row.state in (state, State.ALL)}
    assert {event for event in Event if find_transition(state, event)} == listed


def test_wildcards_hold_in_every_state() -> None:
    for state in State:
        for event in (Event.SUSPEND, Event.USER_ABORT, Event.SHUTDOWN):
            row = find_transition(state, event)
            assert row is not None
            assert row.state is State.ALL


def test_the_way_of_a_download() -> None:
    """The normal path of OTA spec §2.3."""
    state, way = State.READY, [State.READY]
    for event in (
        Event.START,
        Event.REQUEST_JOB_DOCUMENT,
        Event.RECEIVED_JOB_DOCUMENT,
        Event.CREATE_FILE,
        Event.REQUEST_FILE_BLOCK,
        Event.RECEIVED_FILE_BLOCK,
        Event.CLOSE_FILE,
    ):
        row = find_transition(state, event)
        assert row is not None
        state = row.next_state
        way.append(state)
    assert [state.text for state in way] == [
        "Ready",
        "RequestingJob",
        "WaitingForJob",
        "CreatingFile",
        "RequestingFileBlock",
        "WaitingForFileBlock",
        "WaitingForFileBlock",
        "WaitingForJob",
    ]
