"""States and events of the OTA agent (OTA spec §2.1, §2.2)."""

from __future__ import annotations

from enum import IntEnum


def _words(name: str) -> str:
    """``WAITING_FOR_JOB`` as the library writes it: ``WaitingForJob``."""
    return "".join(word.capitalize() for word in name.split("_"))


class State(IntEnum):
    """States of the agent, with the library's numbers (OTA spec §2.1)."""

    INIT = 0
    """After initialisation, before the event loop runs."""
    READY = 1
    """The loop runs and waits for START."""
    REQUESTING_JOB = 2
    WAITING_FOR_JOB = 3
    """Idle."""
    CREATING_FILE = 4
    """A document was accepted; the transfer is not initialised yet."""
    REQUESTING_FILE_BLOCK = 5
    WAITING_FOR_FILE_BLOCK = 6
    """Downloading."""
    CLOSING_FILE = 7
    """Defined by the library, never entered."""
    SUSPENDED = 8
    SHUTTING_DOWN = 9
    """Only inside the shutdown handler."""
    STOPPED = 10
    """Before initialisation and after shutdown."""
    ALL = 11
    """No state: the wildcard of the transition table."""

    @property
    def text(self) -> str:
        """The library's name of the state, e.g. ``WaitingForJob``."""
        return _words(self.name)


_BY_TEXT = {state.text: state for state in State if state is not State.ALL}


def state_of(text: str) -> State | None:
    """The state that the library calls so; None if it has none of that name."""
    return _BY_TEXT.get(text)


class Event(IntEnum):
    """Events of the agent, with the library's numbers (OTA spec §2.2)."""

    START = 0
    START_SELF_TEST = 1
    REQUEST_JOB_DOCUMENT = 2
    RECEIVED_JOB_DOCUMENT = 3
    CREATE_FILE = 4
    REQUEST_FILE_BLOCK = 5
    RECEIVED_FILE_BLOCK = 6
    REQUEST_TIMER = 7
    CLOSE_FILE = 8
    SUSPEND = 9
    RESUME = 10
    USER_ABORT = 11
    SHUTDOWN = 12

    @property
    def text(self) -> str:
        """The library's name of the event, e.g. ``ReceivedFileBlock``."""
        return _words(self.name)
