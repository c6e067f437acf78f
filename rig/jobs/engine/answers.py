"""What the engine decides: the new state, answers as values, and what changed for whom.

The faces (device MQTT, control REST) write these in their own words.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from rig.jobs.engine.model import Execution, Job, State


class Code(Enum):
    """Why a command was refused: the nine of §1.5, then those only the control plane has."""

    INVALID_TOPIC = "InvalidTopic"
    INVALID_JSON = "InvalidJson"
    INVALID_REQUEST = "InvalidRequest"
    INVALID_STATE_TRANSITION = "InvalidStateTransition"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    VERSION_MISMATCH = "VersionMismatch"
    INTERNAL_ERROR = "InternalError"
    REQUEST_THROTTLED = "RequestThrottled"
    TERMINAL_STATE_REACHED = "TerminalStateReached"
    RESOURCE_ALREADY_EXISTS = "ResourceAlreadyExists"
    LIMIT_EXCEEDED = "LimitExceeded"


@dataclass(frozen=True)
class Refused:
    """The command changed nothing; `execution` where the code says what state it met (§1.5)."""

    code: Code
    message: str
    execution: Execution | None = None


@dataclass(frozen=True)
class PendingList:
    """The pending executions in their order."""

    executions: tuple[Execution, ...]


@dataclass(frozen=True)
class Described:
    """An execution as it is now, or none pending; `job` when its document is wanted."""

    execution: Execution | None
    job: Job | None
    names_thing: bool = False
    """start-next answers name the thing, others do not (§1.3)."""


@dataclass(frozen=True)
class Updated:
    """An accepted update with what the device asked to be told."""

    execution: Execution | None
    job: Job | None


@dataclass(frozen=True)
class Done:
    """A control command was carried out; `job` as it now is, None when it is gone."""

    job: Job | None = None


Answer = Refused | PendingList | Described | Updated | Done


@dataclass(frozen=True)
class PendingChanged:
    """An execution entered or left the pending list (`notify`, §1.6)."""

    thing: str
    pending: tuple[Execution, ...]


@dataclass(frozen=True)
class NextChanged:
    """Another execution than before is the first one pending (`notify-next`, §1.7)."""

    thing: str
    execution: Execution | None


Change = PendingChanged | NextChanged


class JobOperation(Enum):
    """What becomes of a job as a whole, in the words of the event topics (§1.9)."""

    COMPLETED = "completed"
    CANCELLATION_IN_PROGRESS = "cancellation_in_progress"
    CANCELED = "canceled"
    DELETION_IN_PROGRESS = "deletion_in_progress"
    DELETED = "deleted"


@dataclass(frozen=True)
class JobEvent:
    """Something has become of a job; `job` as it then is, or was last if it is deleted."""

    job: Job
    operation: JobOperation


@dataclass(frozen=True)
class ExecutionEvent:
    """An execution has become terminal, or is gone (§1.9)."""

    execution: Execution
    deleted: bool = False


Event = JobEvent | ExecutionEvent


@dataclass(frozen=True)
class Decision:
    """The outcome of one command.

    `notifications` are for the devices, `events` for who watches the fleet. `unsettled` are
    canceled jobs of which executions that are not in the slice have to end too: `Settle` them.
    """

    state: State
    replies: tuple[Answer, ...]
    notifications: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    unsettled: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        """The one reply that every command has."""
        return self.replies[0]
