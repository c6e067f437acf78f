"""Jobs and executions as lists, for who watches the fleet."""

from __future__ import annotations

from sqlalchemy import Connection, select

from rig.jobs.engine import Execution, ExecutionStatus, Job, JobStatus
from rig.jobs.store import schema
from rig.jobs.store.rows import execution_of, job_of


class ListQueries:
    """The part of a transaction that lists."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def jobs(self) -> tuple[Job, ...]:
        """All jobs, the newest first."""
        table = schema.jobs
        query = select(table).order_by(table.c.created_at.desc(), table.c.job_id)
        return tuple(job_of(row) for row in self._connection.execute(query).mappings())

    def following_jobs(self) -> tuple[Job, ...]:
        """The jobs that are not over and follow the membership of groups."""
        table = schema.jobs
        active = [JobStatus.SCHEDULED.value, JobStatus.IN_PROGRESS.value]
        query = select(table).where(table.c.status.in_(active), table.c.continuous.is_(True))
        rows = self._connection.execute(query.order_by(table.c.job_id)).mappings()
        return tuple(job_of(row) for row in rows)

    def executions_of_job(
        self, job_id: str, status: ExecutionStatus | None = None
    ) -> tuple[Execution, ...]:
        """By thing, then number."""
        table = schema.executions
        query = select(table).where(table.c.job_id == job_id)
        if status is not None:
            query = query.where(table.c.status == status.value)
        rows = self._connection.execute(query.order_by(table.c.thing, table.c.number)).mappings()
        return tuple(execution_of(row) for row in rows)

    def executions_of_thing(
        self, thing: str, status: ExecutionStatus | None = None, job_id: str | None = None
    ) -> tuple[Execution, ...]:
        """The newest first."""
        table = schema.executions
        query = select(table).where(table.c.thing == thing)
        if status is not None:
            query = query.where(table.c.status == status.value)
        if job_id is not None:
            query = query.where(table.c.job_id == job_id)
        query = query.order_by(table.c.queued_at.desc(), table.c.job_id, table.c.number.desc())
        return tuple(execution_of(row) for row in self._connection.execute(query).mappings())
