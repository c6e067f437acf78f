"""What is counted over a fleet: how far jobs are, and what has gone wrong on how many things."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, func, select

from rig.jobs.engine import Execution, ExecutionStatus, Job
from rig.jobs.store import schema
from rig.jobs.store.rows import execution_of, job_of

FAILURES = (ExecutionStatus.FAILED, ExecutionStatus.REJECTED, ExecutionStatus.TIMED_OUT)
_REASON = "reason"

_executions = schema.executions.c


@dataclass(frozen=True)
class FailureCount:
    """On how many things a job ended like this; `reason` as the devices told it, if they did."""

    status: ExecutionStatus
    reason: str | None
    things: int


def _is_latest() -> ColumnElement[bool]:
    """Whether no later attempt of the same job is on the same thing."""
    later = schema.executions.alias()
    same = (later.c.thing == _executions.thing) & (later.c.job_id == _executions.job_id)
    return ~select(later.c.number).where(same, later.c.number > _executions.number).exists()


class FleetQueries:
    """The part of a transaction that looks over the fleet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest_jobs(self, limit: int) -> tuple[Job, ...]:
        """The newest first."""
        table = schema.jobs
        query = select(table).order_by(table.c.created_at.desc(), table.c.job_id).limit(limit)
        return tuple(job_of(row) for row in self._connection.execute(query).mappings())

    def job_count(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(schema.jobs)) or 0

    def thing_count(self) -> int:
        return self._connection.scalar(select(func.count()).select_from(schema.things)) or 0

    def failures_of_job(self, job_id: str, limit: int) -> tuple[FailureCount, ...]:
        """The most frequent ones, by the latest attempt on each thing."""
        wrong = [status.value for status in FAILURES]
        reason = _executions.status_details[_REASON].as_string().label("reason")
        ended = (
            select(_executions.status, reason)
            .where(_executions.job_id == job_id, _executions.status.in_(wrong), _is_latest())
            .subquery()
        )
        things = func.count().label("things")
        query = select(ended.c.status, ended.c.reason, things)
        query = query.group_by(ended.c.status, ended.c.reason)
        query = query.order_by(things.desc(), ended.c.status, ended.c.reason).limit(limit)
        return tuple(
            FailureCount(ExecutionStatus(row.status), row.reason, row.things)
            for row in self._connection.execute(query)
        )

    def last_changed(
        self, job_id: str, status: ExecutionStatus | None, limit: int
    ) -> tuple[Execution, ...]:
        """The latest attempts on the things of a job, those that changed last first."""
        query = select(schema.executions).where(_executions.job_id == job_id, _is_latest())
        if status is not None:
            query = query.where(_executions.status == status.value)
        query = query.order_by(_executions.last_updated_at.desc(), _executions.thing).limit(limit)
        return tuple(execution_of(row) for row in self._connection.execute(query).mappings())

    def queued_since(self, job_id: str, time: float) -> int:
        """How many executions, retries too, were queued after that."""
        return self._count(_executions.job_id == job_id, _executions.queued_at > time)

    def ended_since(self, job_id: str, time: float) -> int:
        """How many executions became terminal after that."""
        return self._count(
            _executions.job_id == job_id,
            _executions.pending.is_(False),
            _executions.last_updated_at > time,
        )

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).select_from(schema.executions).where(*conditions)
        return self._connection.scalar(query) or 0
