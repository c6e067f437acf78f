"""Job events: what becomes of jobs and their executions, for who watches a fleet (§1.9).

They are published to `$aws/events/…`, where no device may listen: to whoever is a client of the
broker itself. All are off until they are switched on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any

from rig.clock import Clock
from rig.jobs.arns import Arns
from rig.jobs.engine import Decision, Event, ExecutionEvent, Job, JobEvent, JobOperation
from rig.jobs.process_details import counts_of
from rig.jobs.store import EventMessage, KeptRecord, Kind, Store, Transaction

_PREFIX = "$aws/events"
_DELETED = "deleted"
_NAME = "account"
_ENABLED, _MODIFIED = "enabled", "modified_at"


class EventType(Enum):
    """Kinds of events that can be switched on, and the topics that they are published below."""

    JOB = "JOB"
    JOB_EXECUTION = "JOB_EXECUTION"

    @property
    def topic(self) -> str:
        return f"{_PREFIX}/{'job' if self is EventType.JOB else 'jobExecution'}"


class EventSwitches:
    """Which events are published, the same for every process on the store; any thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def update(self, switches: Mapping[EventType, bool]) -> None:
        """Switch these on or off; the others stay as they are."""
        with self._store.transaction() as transaction:
            enabled = _enabled(transaction.kept(Kind.EVENTS, _NAME))
            for kind, on in switches.items():
                (enabled.add if on else enabled.discard)(kind)
            now = self._clock.now()
            content = {_ENABLED: sorted(kind.value for kind in enabled), _MODIFIED: now}
            transaction.keep(Kind.EVENTS, _NAME, content, now)

    def enabled(self) -> frozenset[EventType]:
        with self._store.transaction() as transaction:
            return frozenset(_enabled(transaction.kept(Kind.EVENTS, _NAME)))

    def changed_at(self) -> tuple[float, float] | None:
        """When they were set for the first and the last time, None if never."""
        with self._store.transaction() as transaction:
            kept = transaction.kept(Kind.EVENTS, _NAME)
        return None if kept is None else (kept.created_at, float(kept.content[_MODIFIED]))


class EventWriter:
    """Words the events that are switched on, inside the transaction that brings them about."""

    def __init__(self, arns: Arns, random_id: Callable[[], str]) -> None:
        self._arns = arns
        self._random_id = random_id

    def messages(
        self, transaction: Transaction, decisions: Sequence[Decision], now: float
    ) -> list[EventMessage]:
        """In their order; most decisions have none, and then nothing is looked up."""
        events = [event for decision in decisions for event in decision.events]
        if not events:
            return []
        enabled = _enabled(transaction.kept(Kind.EVENTS, _NAME))
        return [self._message(event, now) for event in events if _type_of(event) in enabled]

    def _message(self, event: Event, now: float) -> EventMessage:
        kind = _type_of(event)
        if isinstance(event, ExecutionEvent):
            job_id, operation, about = self._of_execution(event)
        else:
            job_id, operation, about = self._of_job(event)
        head = {
            "eventType": kind.value,
            "eventId": self._random_id(),
            "timestamp": int(now),
            "operation": operation,
            "jobId": job_id,
        }
        payload = json.dumps(head | about, separators=(",", ":"))
        return EventMessage(f"{kind.topic}/{job_id}/{operation}", payload)

    def _of_execution(self, event: ExecutionEvent) -> tuple[str, str, dict[str, Any]]:
        execution = event.execution
        operation = _DELETED if event.deleted else execution.status.value.lower()
        about: dict[str, Any] = {
            "thingArn": self._arns.make("thing", execution.thing),
            "status": operation.upper(),
        }
        if execution.status_details:
            about["statusDetails"] = dict(execution.status_details)
        return execution.job_id, operation, about

    def _of_job(self, event: JobEvent) -> tuple[str, str, dict[str, Any]]:
        job, operation = event.job, event.operation
        about: dict[str, Any] = {
            "status": operation.value.upper(),
            "targetSelection": "CONTINUOUS" if job.continuous else "SNAPSHOT",
            "targets": [self._arns.of_target(target) for target in job.targets],
            **{name: text for name, text in _texts(job).items() if text is not None},
            **{name: _milliseconds(time) for name, time in _times(job).items() if time is not None},
        }
        if operation is JobOperation.COMPLETED:
            about["jobProcessDetails"] = counts_of(job)
        return job.job_id, operation.value, about


def _type_of(event: Event) -> EventType:
    return EventType.JOB_EXECUTION if isinstance(event, ExecutionEvent) else EventType.JOB


def _texts(job: Job) -> dict[str, str | None]:
    return {"description": job.description, "comment": job.comment}


def _times(job: Job) -> dict[str, float | None]:
    return {
        "completedAt": job.completed_at,
        "createdAt": job.created_at,
        "lastUpdatedAt": job.last_updated_at,
    }


def _milliseconds(time: float) -> int:
    """Only events have milliseconds (trap 4)."""
    return int(time * 1000)


def _enabled(kept: KeptRecord | None) -> set[EventType]:
    return set() if kept is None else {EventType(name) for name in kept.content[_ENABLED]}
