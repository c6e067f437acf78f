"""The database: transactions that load the slice a command needs and save what it changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from rig.errors import BenchError, UsageError
from rig.jobs.engine import Execution, Job, State
from rig.jobs.store import schema
from rig.jobs.store.registry import RegistryQueries
from rig.jobs.store.rows import execution_of, job_of, row_of_execution, row_of_job
from rig.jobs.store.streams import StreamQueries

# SQL allows only so many bound values in one statement.
_CHUNK = 500
_BUSY_SECONDS = 10.0

# Built once: composing a statement anew for each request takes longer than carrying it out. The
# values' names must not be those of columns, which an UPDATE would take for values to set.
_executions = schema.executions.c
_OF_THING = _executions.thing == bindparam("of_thing")
_OF_JOB = _executions.job_id == bindparam("of_job")
_PENDING = select(schema.executions).where(_OF_THING, _executions.pending.is_(True))
_PENDING_OR_NAMED = select(schema.executions).where(
    _OF_THING, or_(_executions.pending.is_(True), _OF_JOB)
)
_JOBS = select(schema.jobs).where(schema.jobs.c.job_id.in_(bindparam("of_jobs", expanding=True)))
_UPDATE_EXECUTION = update(schema.executions).where(
    _OF_THING, _OF_JOB, _executions.number == bindparam("of_number")
)


class Store:
    """One database. Threads may share it; every transaction is serialised by the database.

    `url` is SQLAlchemy's, for example `sqlite:////var/lib/otarig/jobs.db` or `sqlite://` for one
    in memory. Raises `UsageError` for a URL that cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            self._prepare()
        except SQLAlchemyError as error:
            self._engine.dispose()
            raise UsageError(
                f"cannot use the job database {_shown(self._engine.url)}: {_reason(error)}"
            ) from error

    @classmethod
    def in_file(cls, path: Path) -> Store:
        """The SQLite database in this file, made if missing."""
        return cls(f"sqlite:///{path.absolute()}")

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything inside is committed together when the block ends, or not at all.

        Raises `BenchError` if the database fails.
        """
        try:
            with self._engine.begin() as connection:
                yield Transaction(connection)
        except SQLAlchemyError as error:
            raise BenchError(f"the job database failed: {_reason(error)}") from error

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            schema.metadata.create_all(connection)
            found = connection.scalar(select(schema.schema_version.c.version))
            if found is None:
                connection.execute(
                    insert(schema.schema_version).values(version=schema.SCHEMA_VERSION)
                )
            elif found != schema.SCHEMA_VERSION:
                raise UsageError(
                    f"the job database has schema version {found}, this otarig needs "
                    f"{schema.SCHEMA_VERSION}: start with a new data directory"
                )


class Transaction(RegistryQueries, StreamQueries):
    """What can be read and written inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)

    # -- slices ---------------------------------------------------------------------------------

    def load_thing(self, thing: str, job_id: str | None = None) -> State:
        """The thing's pending executions, and all it has of the named job."""
        if job_id is None:
            return self._state(_PENDING, of_thing=thing)
        return self._state(_PENDING_OR_NAMED, of_thing=thing, of_job=job_id)

    def load_job(self, job_id: str, things: Collection[str] = ()) -> State:
        """The job with all its executions, and what is pending on its and these things."""
        table = schema.executions
        own = select(table).where(table.c.job_id == job_id)
        state = self._state(own)
        concerned = sorted({thing for thing, _, _ in state.executions} | set(things))
        for start in range(0, len(concerned), _CHUNK):
            some = concerned[start : start + _CHUNK]
            query = select(table).where(table.c.thing.in_(some), table.c.pending)
            state = _merged(state, self._state(query))
        job = self.job(job_id)
        return state if job is None else state.with_job(job)

    def load_overdue(self, now: float) -> State:
        """What is pending on every thing that has an execution past its deadline."""
        table = schema.executions
        overdue = select(table.c.thing).where(table.c.deadline <= now)
        return self._state(select(table).where(table.c.thing.in_(overdue), table.c.pending))

    def next_sequence(self) -> int:
        """The number that the next execution to be made gets."""
        return (self._connection.scalar(select(func.max(schema.executions.c.sequence))) or 0) + 1

    def save(self, before: State, after: State) -> None:
        """Write what differs: new and changed rows, and those that are gone."""
        if after is before:
            return
        self._save_jobs(before, after)
        table = schema.executions
        for key in before.executions.keys() - after.executions.keys():
            thing, job_id, number = key
            self._connection.execute(
                delete(table).where(
                    table.c.thing == thing, table.c.job_id == job_id, table.c.number == number
                )
            )
        new: list[dict[str, Any]] = []
        for key, execution in after.executions.items():
            old = before.executions.get(key)
            if old is None:
                new.append(row_of_execution(execution))
            elif old is not execution:
                self._update_execution(execution)
        if new:
            self._connection.execute(insert(table), new)
        self._delete_jobs(before, after)

    def _update_execution(self, execution: Execution) -> None:
        thing, job_id, number = execution.key
        where = {"of_thing": thing, "of_job": job_id, "of_number": number}
        self._connection.execute(_UPDATE_EXECUTION, row_of_execution(execution) | where)

    def _save_jobs(self, before: State, after: State) -> None:
        table = schema.jobs
        for job_id, job in after.jobs.items():
            old = before.jobs.get(job_id)
            if old is None:
                self._connection.execute(insert(table).values(row_of_job(job)))
            elif old is not job and old != job:
                self._connection.execute(
                    update(table).where(table.c.job_id == job_id).values(row_of_job(job))
                )

    def _delete_jobs(self, before: State, after: State) -> None:
        for job_id in before.jobs.keys() - after.jobs.keys():
            for table in (schema.executions, schema.jobs):
                self._connection.execute(delete(table).where(table.c.job_id == job_id))

    def job(self, job_id: str) -> Job | None:
        query = select(schema.jobs).where(schema.jobs.c.job_id == job_id)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else job_of(row)

    def _state(self, query: Select[Any], **values: str) -> State:
        rows = self._connection.execute(query, values).mappings()
        found = [execution_of(row) for row in rows]
        job_ids = sorted({execution.job_id for execution in found})
        jobs: dict[str, Job] = {}
        for start in range(0, len(job_ids), _CHUNK):
            some = job_ids[start : start + _CHUNK]
            rows = self._connection.execute(_JOBS, {"of_jobs": some}).mappings()
            jobs |= {row["job_id"]: job_of(row) for row in rows}
        return State(jobs, {execution.key: execution for execution in found})


def _merged(one: State, other: State) -> State:
    return State({**other.jobs, **one.jobs}, {**other.executions, **one.executions})


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError("the store's URL is not one that SQLAlchemy knows") from error
    name = _shown(parsed)
    sqlite = parsed.get_backend_name() == "sqlite"
    # A database in memory belongs to one connection: all threads have to share it.
    in_memory = sqlite and parsed.database in {None, "", ":memory:"}
    options: dict[str, Any] = {}
    if in_memory:
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    try:
        engine = create_engine(parsed, **options)
    except (SQLAlchemyError, ImportError) as error:
        raise UsageError(f"cannot use the job database {name}: {error}") from error
    if sqlite:
        _set_up_sqlite(engine)
    return engine


def _shown(url: URL) -> str:
    """The URL for people: without its password."""
    return url.render_as_string(hide_password=True)


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        # The driver's own BEGIN comes too late (before the first write): two readers that both
        # go on to write would fail. With isolation_level None, on_begin below decides.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        # What is committed is in the system's hands, so it survives the kill of this process.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reason(error: SQLAlchemyError) -> str:
    """The driver's message in one line, without the statement."""
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0]
