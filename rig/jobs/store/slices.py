"""Loads the slice of the world that a command needs (the engine's `State`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, or_, select

from rig.jobs.engine import Execution, Job, State
from rig.jobs.engine.model import ExecutionKey
from rig.jobs.store import schema
from rig.jobs.store.rows import execution_of, job_of

# SQL allows only so many bound values in one statement.
CHUNK = 500

# Built once: composing a statement anew for each request takes longer than carrying it out. The
# values' names must not be those of columns, which an UPDATE would take for values to set.
_executions, _waiting = schema.executions.c, schema.waiting_things.c
_OF_THING = _executions.thing == bindparam("of_thing")
_OF_JOB = _executions.job_id == bindparam("of_job")
# What a device's request needs, executions with their jobs: one statement costs less than two.
_WITH_JOBS = select(schema.executions, schema.jobs).join(schema.jobs)
_PENDING = _WITH_JOBS.where(_OF_THING, _executions.pending.is_(True))
_PENDING_OR_NAMED = _WITH_JOBS.where(
    _OF_THING, or_(_executions.pending.is_(True), _executions.job_id == bindparam("of_job"))
)
_EXECUTION_COLUMNS = tuple(schema.executions.c.keys())
_JOB_COLUMNS = tuple(schema.jobs.c.keys())
_ALL_OF_JOB = select(schema.executions).where(_OF_JOB)
_JOB = select(schema.jobs).where(schema.jobs.c.job_id == bindparam("of_job"))
_JOBS = select(schema.jobs).where(schema.jobs.c.job_id.in_(bindparam("of_jobs", expanding=True)))


class SliceQueries:
    """The part of a transaction that loads slices."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def load_thing(self, thing: str, job_id: str | None = None) -> State:
        """The thing's pending executions, and all it has of the named job."""
        if job_id is None:
            return self._state_with_jobs(_PENDING, of_thing=thing)
        return self._state_with_jobs(_PENDING_OR_NAMED, of_thing=thing, of_job=job_id)

    def load_job(self, job_id: str, things: Collection[str] = ()) -> State:
        """The whole job, and what is pending on its things and on these."""
        state = self._with_job(self._state(_ALL_OF_JOB, of_job=job_id), job_id)
        concerned = {thing for thing, _, _ in state.executions} | set(things)
        state = self._with_pending(state, concerned)
        return self._with_waiting(state, job_id)

    def load_job_things(self, job_id: str, things: Collection[str]) -> State:
        """The job as far as these things are concerned, and what is pending on them."""
        state = State()
        for some in chunks(things):
            query = select(schema.executions).where(_executions.thing.in_(some), _OF_JOB)
            state = _merged(state, self._state(query, of_job=job_id))
        state = self._with_pending(self._with_job(state, job_id), set(things))
        return self._with_waiting(state, job_id, things)

    def load_due_job(self, job_id: str) -> State:
        """The job, and the things that the next minute of its rollout comes to."""
        job = self.job(job_id)
        if job is None:
            return State()
        waiting = select(_waiting.thing).where(_waiting.job_id == job_id)
        wanted = waiting.order_by(_waiting.place).limit(job.next_rate)
        things = tuple(self._connection.scalars(wanted))
        state = self._with_pending(State({job_id: job}), set(things))
        return State(state.jobs, state.executions, {job_id: things})

    def load_overdue(self, now: float) -> State:
        """What is pending on every thing that has an execution past its deadline."""
        overdue = select(_executions.thing).where(_executions.deadline <= now).distinct()
        return self._with_pending(State(), set(self._connection.scalars(overdue)))

    def due_jobs(self, now: float) -> tuple[str, ...]:
        """The jobs that a tick has something to do for."""
        query = select(schema.jobs.c.job_id).where(schema.jobs.c.due_at <= now)
        return tuple(self._connection.scalars(query.order_by(schema.jobs.c.job_id)))

    def job(self, job_id: str) -> Job | None:
        row = self._connection.execute(_JOB, {"of_job": job_id}).mappings().first()
        return None if row is None else job_of(row)

    def waiting(self, job_id: str) -> tuple[str, ...]:
        """The things that the job's rollout has yet to come to, in their order."""
        query = select(_waiting.thing).where(_waiting.job_id == job_id).order_by(_waiting.place)
        return tuple(self._connection.scalars(query))

    # -- inside ---------------------------------------------------------------------------------

    def _with_job(self, state: State, job_id: str) -> State:
        """With the job itself, which may have no execution yet."""
        if job_id in state.jobs:
            return state
        return State({**state.jobs, **self._jobs([job_id])}, state.executions, state.waiting)

    def _with_pending(self, state: State, things: Collection[str]) -> State:
        for some in chunks(things):
            query = select(schema.executions).where(
                _executions.thing.in_(some), _executions.pending.is_(True)
            )
            state = _merged(state, self._state(query))
        return state

    def _with_waiting(
        self, state: State, job_id: str, things: Collection[str] | None = None
    ) -> State:
        query = select(_waiting.thing).where(_waiting.job_id == job_id).order_by(_waiting.place)
        if things is None:
            waiting = tuple(self._connection.scalars(query))
        else:
            waiting = tuple(
                thing
                for some in chunks(things)
                for thing in self._connection.scalars(query.where(_waiting.thing.in_(some)))
            )
        return State(state.jobs, state.executions, {job_id: waiting})

    def _state(self, query: Select[Any], **values: str) -> State:
        found: list[Execution] = [
            execution_of(row) for row in self._connection.execute(query, values).mappings()
        ]
        jobs = self._jobs({execution.job_id for execution in found})
        return State(jobs, {execution.key: execution for execution in found})

    def _state_with_jobs(self, query: Select[Any], **values: str) -> State:
        jobs: dict[str, Job] = {}
        executions: dict[ExecutionKey, Execution] = {}
        for row in self._connection.execute(query, values):
            columns = iter(row)
            found = execution_of(dict(zip(_EXECUTION_COLUMNS, columns, strict=False)))
            executions[found.key] = found
            if found.job_id not in jobs:
                jobs[found.job_id] = job_of(dict(zip(_JOB_COLUMNS, columns, strict=True)))
        return State(jobs, executions)

    def _jobs(self, job_ids: Collection[str]) -> dict[str, Job]:
        jobs: dict[str, Job] = {}
        for some in chunks(job_ids):
            rows = self._connection.execute(_JOBS, {"of_jobs": some}).mappings()
            jobs |= {row["job_id"]: job_of(row) for row in rows}
        return jobs


def chunks(names: Collection[str]) -> list[Sequence[str]]:
    """The names in order, in pieces that one statement can take."""
    ordered = sorted(names)
    return [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]


def chunks_of_numbers(numbers: Collection[int]) -> list[Sequence[int]]:
    """The numbers in order, in such pieces."""
    ordered = sorted(numbers)
    return [ordered[start : start + CHUNK] for start in range(0, len(ordered), CHUNK)]


def _merged(one: State, other: State) -> State:
    return State({**other.jobs, **one.jobs}, {**other.executions, **one.executions})
