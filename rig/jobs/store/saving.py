"""Writes what a command changed: new and changed rows, and those that are gone."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from rig.jobs.engine import Execution, State
from rig.jobs.store import schema
from rig.jobs.store.rows import row_of_execution, row_of_job
from rig.jobs.store.slices import chunks

_executions, _waiting = schema.executions.c, schema.waiting_things.c
_OF_THIS = (
    (_executions.thing == bindparam("of_thing"))
    & (_executions.job_id == bindparam("of_job"))
    & (_executions.number == bindparam("of_number"))
)
_UPDATE_JOB = update(schema.jobs).where(schema.jobs.c.job_id == bindparam("of_job"))
_UPDATE_EXECUTION = update(schema.executions).where(_OF_THIS)
_DELETE_EXECUTION = delete(schema.executions).where(_OF_THIS)


class SaveQueries:
    """The part of a transaction that saves the engine's decisions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def save(self, before: State, after: State) -> None:
        """Make the database say `after` where it said `before`."""
        if after is before:
            return
        self._save_jobs(before, after)
        self._save_executions(before, after)
        self._save_waiting(before, after)
        self._delete_jobs(before, after)

    def _save_jobs(self, before: State, after: State) -> None:
        table = schema.jobs
        for job_id, job in after.jobs.items():
            old = before.jobs.get(job_id)
            if old is None:
                self._connection.execute(insert(table).values(row_of_job(job)))
            elif old is not job and old != job:
                change = _changes(row_of_job(old), row_of_job(job))
                if change:
                    self._connection.execute(_UPDATE_JOB, change | {"of_job": job_id})

    def _save_executions(self, before: State, after: State) -> None:
        new: list[dict[str, Any]] = []
        # By the columns that change: most reports of devices touch no index.
        changed: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for key, execution in after.executions.items():
            old = before.executions.get(key)
            if old is None:
                new.append(row_of_execution(execution))
            elif old is not execution:
                change = _changes(row_of_execution(old), row_of_execution(execution))
                if change:
                    changed.setdefault(tuple(change), []).append(change | _place_of(execution))
        gone = [
            _place_of(before.executions[key])
            for key in before.executions.keys() - after.executions.keys()
        ]
        if gone:
            self._connection.execute(_DELETE_EXECUTION, gone)
        for rows in changed.values():
            self._connection.execute(_UPDATE_EXECUTION, rows)
        if new:
            self._connection.execute(insert(schema.executions), new)

    def _save_waiting(self, before: State, after: State) -> None:
        for job_id, waiting in after.waiting.items():
            old = before.waiting.get(job_id, ())
            if job_id not in before.jobs:
                self._insert_waiting(job_id, waiting)
            elif after.jobs[job_id].waiting == 0:
                if before.jobs[job_id].waiting:
                    self._delete_waiting(job_id)
            else:
                known, left = set(old), set(waiting)
                self._insert_waiting(job_id, tuple(t for t in waiting if t not in known))
                for some in chunks([thing for thing in old if thing not in left]):
                    self._connection.execute(
                        delete(schema.waiting_things).where(
                            _waiting.job_id == job_id, _waiting.thing.in_(some)
                        )
                    )

    def _insert_waiting(self, job_id: str, things: tuple[str, ...]) -> None:
        if not things:
            return
        last = select(func.max(_waiting.place)).where(_waiting.job_id == job_id)
        first = (self._connection.scalar(last) or 0) + 1
        rows = [
            {"job_id": job_id, "place": first + place, "thing": thing}
            for place, thing in enumerate(things)
        ]
        self._connection.execute(insert(schema.waiting_things), rows)

    def _delete_waiting(self, job_id: str) -> None:
        self._connection.execute(delete(schema.waiting_things).where(_waiting.job_id == job_id))

    def _delete_jobs(self, before: State, after: State) -> None:
        for job_id in before.jobs.keys() - after.jobs.keys():
            for table in (schema.executions, schema.waiting_things, schema.jobs):
                self._connection.execute(delete(table).where(table.c.job_id == job_id))


def _changes(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """What has to be written of a row to make the new one of the old one."""
    return {name: value for name, value in new.items() if value != old[name]}


def _place_of(execution: Execution) -> dict[str, Any]:
    thing, job_id, number = execution.key
    return {"of_thing": thing, "of_job": job_id, "of_number": number}
