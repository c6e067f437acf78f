"""Statuses of executions and jobs, and who may bring about which change.

Job service §2.1 and §2.2, as tables.
"""

from __future__ import annotations

from enum import Enum


class ExecutionStatus(Enum):
    """What has become of a job on one thing."""

    QUEUED = "QUEUED"
    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    REJECTED = "REJECTED"
    REMOVED = "REMOVED"
    CANCELED = "CANCELED"

    @property
    def pending(self) -> bool:
        """The device may still work on it."""
        return self in PENDING

    @property
    def terminal(self) -> bool:
        """It never changes again."""
        return self not in PENDING


PENDING = frozenset({ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS})


class JobStatus(Enum):
    """What has become of a job as a whole."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"
    DELETION_IN_PROGRESS = "DELETION_IN_PROGRESS"

    @property
    def terminal(self) -> bool:
        return self in {JobStatus.COMPLETED, JobStatus.CANCELED}


class Actor(Enum):
    """Who makes a change."""

    DEVICE = "device"
    TIMER = "service timer"
    CANCEL = "service (cancel)"
    FORCED_CANCEL = "service (force cancel)"
    REMOVAL = "service (thing left the target group)"


_S = ExecutionStatus
_ENDINGS_OF_DEVICE = frozenset({_S.SUCCEEDED, _S.FAILED, _S.REJECTED})

TRANSITIONS: dict[tuple[ExecutionStatus, Actor], frozenset[ExecutionStatus]] = {
    (_S.QUEUED, Actor.DEVICE): _ENDINGS_OF_DEVICE | {_S.IN_PROGRESS},
    (_S.IN_PROGRESS, Actor.DEVICE): _ENDINGS_OF_DEVICE | {_S.IN_PROGRESS},
    (_S.IN_PROGRESS, Actor.TIMER): frozenset({_S.TIMED_OUT}),
    (_S.QUEUED, Actor.CANCEL): frozenset({_S.CANCELED}),
    (_S.QUEUED, Actor.FORCED_CANCEL): frozenset({_S.CANCELED}),
    (_S.IN_PROGRESS, Actor.FORCED_CANCEL): frozenset({_S.CANCELED}),
    (_S.QUEUED, Actor.REMOVAL): frozenset({_S.REMOVED}),
}
"""Every legal change of an execution (§2.1); what is not in here is illegal."""

DEVICE_SETTABLE = _ENDINGS_OF_DEVICE | {_S.IN_PROGRESS}
"""The statuses that a device may name at all; others are an invalid request (§2.1)."""


def may_change(before: ExecutionStatus, after: ExecutionStatus, actor: Actor) -> bool:
    """True if the table allows this actor to make this change."""
    return after in TRANSITIONS.get((before, actor), frozenset())


def may_delete(status: ExecutionStatus, *, force: bool) -> bool:
    """True if an execution of this status may be deleted (§2.1)."""
    return force or status is not ExecutionStatus.IN_PROGRESS
