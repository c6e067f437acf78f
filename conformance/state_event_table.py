"""The state × event table: where the agent is held, what then befalls it, and how that must end.

The rows are states of OTA spec §2.1, each held by something that the device waits for; the columns
are what the cloud, the network, the power and the application can do to it there. `tests/docs`
demands that no state of the agent and no cell is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.protocol.states import State


class Event(Enum):
    """What befalls the device; the value says how."""

    CANCEL = "its job is cancelled"
    SECOND = "a second job is offered behind its own"
    ANOTHER = "another job is put in the place of its own"
    RESET = "it is reset"
    POWER = "its power is cut"
    CUT = "its connection is cut"
    ABORT = "the application aborts"
    SUSPEND = "the application suspends, and resumes after the release"
    RESUME = "the application resumes"
    STOP = "the application shuts the agent down, and starts it after the release"
    CHECK = "the application checks for an update"

    @property
    def is_command(self) -> bool:
        return self in COMMANDS

    @property
    def restarts(self) -> bool:
        """Whether the device starts anew, with nothing in its RAM."""
        return self in (Event.RESET, Event.POWER)


COMMANDS = (Event.ABORT, Event.SUSPEND, Event.RESUME, Event.STOP, Event.CHECK)


class Hold(Enum):
    """Where the device is held; the value says by what."""

    OFFLINE = "its job is on offer; after power-on its CONNACK is withheld"
    ASKING = "the same, and the application starts the agent before there is a connection"
    IDLE = "no job is on offer"
    UNANSWERED = "its job is on offer; the answer to its request and all news are withheld"
    DOWNLOADING = "some blocks have arrived, the others are withheld"
    LAST_BLOCK = "all blocks but the last have arrived"
    SUSPENDED = "as in mid-download, and the application suspends the agent"
    STOPPED = "as in mid-download, and the application shuts the agent down"
    ON_TRIAL = "the new image runs on trial; the answer to its job request is lost"
    TESTING = "the new image hangs in its self-test, which it has reported as active"

    @property
    def needs_commands(self) -> bool:
        return self in (Hold.ASKING, Hold.SUSPENDED, Hold.STOPPED)


STATES: dict[Hold, State] = {
    Hold.OFFLINE: State.INIT,
    Hold.ASKING: State.REQUESTING_JOB,
    Hold.IDLE: State.WAITING_FOR_JOB,
    Hold.UNANSWERED: State.WAITING_FOR_JOB,
    Hold.DOWNLOADING: State.WAITING_FOR_FILE_BLOCK,
    Hold.LAST_BLOCK: State.WAITING_FOR_FILE_BLOCK,
    Hold.SUSPENDED: State.SUSPENDED,
    Hold.STOPPED: State.STOPPED,
    Hold.ON_TRIAL: State.WAITING_FOR_JOB,
    Hold.TESTING: State.CREATING_FILE,
}
"""The state in which a device that follows the transition table is held."""

PASSED: dict[State, str] = {
    State.READY: "Start is queued in the call that leads into Ready, and handled next",
    State.REQUESTING_FILE_BLOCK: (
        "the request that leads out of it is an event of the agent's own, handled before anything "
        "from outside; only a connection that breaks within that run would stay it"
    ),
    State.CLOSING_FILE: "it is defined, and no transition leads into it",
    State.SHUTTING_DOWN: "it is left by the very handler that enters it",
}
"""States in which nothing from outside can meet the agent, with the reason."""


class Ending(Enum):
    """How a cell must end; the value says it."""

    UPDATED = "the update succeeds, and its image runs"
    BOTH = "the update succeeds, then the second one"
    REPLACED = "nothing is reported of the first job, and the other one succeeds"
    DROPPED = "nothing is reported of the job, the old image runs, and the next update succeeds"
    ABORTED = "FAILED, aborted: 0x00000013; the old image runs, and the next update succeeds"
    UNMOVED = "nothing is reported, the old image runs, and the next update succeeds"
    SETTLED = "SUCCEEDED and the new image, or FAILED and the old one; the next update succeeds"
    ROLLED_BACK = "FAILED; the old image runs, and the next update succeeds"
    SETTLED_THEN_SECOND = "the first job ends either way, then the second one succeeds"


@dataclass(frozen=True)
class Cell:
    """One cell: an ending, or the reason why it cannot be reached."""

    hold: Hold
    event: Event
    ending: Ending | None
    reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.hold.name}-{self.event.name}".lower().replace("_", "-")

    @property
    def needs_commands(self) -> bool:
        return self.hold.needs_commands or self.event.is_command


_RETURNS = dict.fromkeys(Event, Ending.UPDATED) | {
    Event.CANCEL: Ending.DROPPED,
    Event.SECOND: Ending.BOTH,
    Event.ANOTHER: Ending.REPLACED,
}
"""Where the device comes back to its job, whatever befell it."""
_IN_DOWNLOAD = _RETURNS | {Event.ABORT: Ending.ABORTED}
_NO_JOB = "there is no job"
_FIRST_JOB = "a first job offered to an idle device is an ordinary update: `good-case`"
_HANGS = "an application that hangs in its self-test takes no commands"

ENDINGS: dict[Hold, dict[Event, Ending | str]] = {
    Hold.OFFLINE: {**_RETURNS},
    Hold.ASKING: {**_RETURNS},
    Hold.IDLE: {
        **dict.fromkeys(Event, Ending.UNMOVED),
        Event.CANCEL: _NO_JOB,
        Event.SECOND: _FIRST_JOB,
        Event.ANOTHER: _NO_JOB,
    },
    Hold.UNANSWERED: {**_RETURNS},
    Hold.DOWNLOADING: {**_IN_DOWNLOAD},
    Hold.LAST_BLOCK: {**_IN_DOWNLOAD},
    Hold.SUSPENDED: {**_IN_DOWNLOAD},
    Hold.STOPPED: {**_RETURNS},
    Hold.ON_TRIAL: {
        **dict.fromkeys(Event, Ending.SETTLED),
        Event.CANCEL: Ending.DROPPED,
        Event.SECOND: Ending.SETTLED_THEN_SECOND,
        Event.ANOTHER: Ending.REPLACED,
    },
    Hold.TESTING: {
        **dict.fromkeys(COMMANDS, _HANGS),
        Event.CANCEL: Ending.DROPPED,
        Event.SECOND: Ending.SETTLED_THEN_SECOND,
        Event.ANOTHER: Ending.REPLACED,
        Event.RESET: Ending.ROLLED_BACK,
        Event.POWER: Ending.ROLLED_BACK,
        Event.CUT: Ending.ROLLED_BACK,
    },
}
"""For each hold and event the ending, or in words why the cell cannot be reached."""


def _cell(hold: Hold, event: Event) -> Cell:
    ending = ENDINGS[hold][event]
    if isinstance(ending, str):
        return Cell(hold, event, None, ending)
    return Cell(hold, event, ending)


CELLS = tuple(_cell(hold, event) for hold in Hold for event in Event)
