"""The transition table of the OTA agent (OTA spec §2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.protocol.states import Event, State


class Handler(Enum):
    """What is done on a transition (OTA spec §2.4)."""

    START = "start"
    REQUEST_JOB = "requestJob"
    PROCESS_JOB = "processJob"
    IN_SELF_TEST = "inSelfTest"
    INIT_FILE = "initFile"
    REQUEST_DATA = "requestData"
    PROCESS_DATA = "processData"
    CLOSE_FILE = "closeFile"
    USER_ABORT = "userAbort"
    SUSPEND = "suspend"
    RESUME = "resume"
    SHUTDOWN = "shutdown"
    JOB_NOTIFICATION = "jobNotification"


@dataclass(frozen=True)
class Transition:
    """One row: in ``state``, ``event`` runs ``handler``; if that works, ``next_state`` follows."""

    state: State
    event: Event
    handler: Handler
    next_state: State


_S, _E, _H = State, Event, Handler

# fmt: off
TRANSITIONS: tuple[Transition, ...] = (
    Transition(_S.READY, _E.START, _H.START, _S.REQUESTING_JOB),
    Transition(_S.REQUESTING_JOB, _E.REQUEST_JOB_DOCUMENT, _H.REQUEST_JOB, _S.WAITING_FOR_JOB),
    Transition(_S.REQUESTING_JOB, _E.REQUEST_TIMER, _H.REQUEST_JOB, _S.WAITING_FOR_JOB),
    Transition(_S.WAITING_FOR_JOB, _E.RECEIVED_JOB_DOCUMENT, _H.PROCESS_JOB, _S.CREATING_FILE),
    Transition(_S.CREATING_FILE, _E.START_SELF_TEST, _H.IN_SELF_TEST, _S.WAITING_FOR_JOB),
    Transition(_S.CREATING_FILE, _E.CREATE_FILE, _H.INIT_FILE, _S.REQUESTING_FILE_BLOCK),
    Transition(_S.CREATING_FILE, _E.REQUEST_TIMER, _H.INIT_FILE, _S.REQUESTING_FILE_BLOCK),
    Transition(_S.REQUESTING_FILE_BLOCK, _E.REQUEST_FILE_BLOCK, _H.REQUEST_DATA,
               _S.WAITING_FOR_FILE_BLOCK),
    Transition(_S.REQUESTING_FILE_BLOCK, _E.REQUEST_TIMER, _H.REQUEST_DATA,
               _S.WAITING_FOR_FILE_BLOCK),
    Transition(_S.WAITING_FOR_FILE_BLOCK, _E.RECEIVED_FILE_BLOCK, _H.PROCESS_DATA,
               _S.WAITING_FOR_FILE_BLOCK),
    Transition(_S.WAITING_FOR_FILE_BLOCK, _E.REQUEST_TIMER, _H.REQUEST_DATA,
               _S.WAITING_FOR_FILE_BLOCK),
    Transition(_S.WAITING_FOR_FILE_BLOCK, _E.REQUEST_FILE_BLOCK, _H.REQUEST_DATA,
               _S.WAITING_FOR_FILE_BLOCK),
    Transition(_S.WAITING_FOR_FILE_BLOCK, _E.REQUEST_JOB_DOCUMENT, _H.REQUEST_JOB,
               _S.WAITING_FOR_JOB),
    Transition(_S.WAITING_FOR_FILE_BLOCK, _E.RECEIVED_JOB_DOCUMENT, _H.JOB_NOTIFICATION,
               _S.REQUESTING_JOB),
    Transition(_S.WAITING_FOR_FILE_BLOCK, _E.CLOSE_FILE, _H.CLOSE_FILE, _S.WAITING_FOR_JOB),
    Transition(_S.SUSPENDED, _E.RESUME, _H.RESUME, _S.REQUESTING_JOB),
    Transition(_S.ALL, _E.SUSPEND, _H.SUSPEND, _S.SUSPENDED),
    Transition(_S.ALL, _E.USER_ABORT, _H.USER_ABORT, _S.WAITING_FOR_JOB),
    Transition(_S.ALL, _E.SHUTDOWN, _H.SHUTDOWN, _S.STOPPED),
)
# fmt: on
"""The first row that matches counts."""


def find_transition(state: State, event: Event) -> Transition | None:
    """The row for an event in a state; None if the event is unexpected there."""
    for row in TRANSITIONS:
        if row.event is event and row.state in (state, State.ALL):
            return row
    return None
