"""The database: transactions that load the slice a command needs and save what it changed."""

from __future__ import annotations

import sqlite3
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
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        # The one connection to SQLite, which takes one transaction at a time anyway.
        self._connection: Connection | None = None
        try:
            self._prepare()
        except (SQLAlchemyError, sqlite3.Error) as error:
            self.close()
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
            with self._lock, self._begun() as connection:
                yield Transaction(connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise BenchError(f"the job database failed: {_reason(error)}") from error

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        """A connection inside a transaction."""
        if not self._is_sqlite:
            with self._engine.begin() as connection:
                yield connection
            return
        if self._connection is None:
            self._connection = self._engine.connect()
        driver: Any = self._connection.connection.driver_connection
        # At once for writing: two readers that both went on to write would fail. SQLAlchemy's way
        # there, by its events, costs as much as a small transaction.
        driver.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
            driver.commit()
        except BaseException:
            driver.rollback()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
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
        with self._begun() as connection:
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
    # The driver's own BEGIN comes too late, before the first write: the store says it itself.
    options: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if sqlite else {}
    if in_memory:
        options |= {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
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
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={int(_BUSY_SECONDS * 1000)}")
        cursor.execute("PRAGMA journal_mode=WAL")
        # What is committed is in the system's hands, so it survives the kill of this process.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()


def _reason(error: SQLAlchemyError | sqlite3.Error) -> str:
    """The driver's message in one line, without the statement."""
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0]
