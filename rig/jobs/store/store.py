"""The database: transactions that load the slice a command needs and save what it changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from rig.errors import BenchError, UsageError
from rig.jobs.store import schema
from rig.jobs.store.groups import GroupQueries
from rig.jobs.store.kept import KeptQueries
from rig.jobs.store.listings import ListQueries
from rig.jobs.store.registry import RegistryQueries
from rig.jobs.store.saving import SaveQueries
from rig.jobs.store.slices import SliceQueries
from rig.jobs.store.streams import StreamQueries

_BUSY_SECONDS = 10.0


class Store:
    """One database. Threads may share it; every transaction is serialised by the database.

    `url` is SQLAlchemy's, for example `sqlite:////var/lib/otarig/jobs.db` or `sqlite://` for one
    in memory. Raises `UsageError` for a URL that cannot be used.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        # The database would serialise them anyway; and one in memory is a single connection.
        self._lock = threading.RLock()
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
            with self._lock, self._engine.begin() as connection:
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


class Transaction(
    RegistryQueries,
    GroupQueries,
    StreamQueries,
    KeptQueries,
    ListQueries,
    SaveQueries,
    SliceQueries,
):
    """What can be read and written inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        SliceQueries.__init__(self, connection)


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
