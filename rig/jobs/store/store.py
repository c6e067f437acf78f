"""The database: transactions that load the slice a command needs and save what it changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, insert, select

from rig.errors import BenchError, UsageError
from rig.jobs.store import schema
from rig.jobs.store.database import Database, reason_of
from rig.jobs.store.fleet import FleetQueries
from rig.jobs.store.groups import GroupQueries
from rig.jobs.store.kept import KeptQueries
from rig.jobs.store.listings import ListQueries
from rig.jobs.store.outbox import OutboxQueries
from rig.jobs.store.registry import RegistryQueries
from rig.jobs.store.saving import SaveQueries
from rig.jobs.store.slices import SliceQueries
from rig.jobs.store.streams import StreamQueries


class Store:
    """One database. Threads and processes may share it; its transactions are one after the other.

    `url` is SQLAlchemy's: `sqlite:////var/lib/otarig/jobs.db`, `sqlite://` for one in memory,
    `postgresql://user@host/database`. With a `region` it is a part of its own there: a file with
    the region's name in its own, or a schema. Raises `UsageError` for a URL that cannot be used,
    and `BenchError` if the server that it names cannot be reached.
    """

    def __init__(self, url: str, region: str | None = None) -> None:
        self._database = Database(url, region)
        # The database would serialise them anyway; and one in memory is a single connection.
        self._lock = threading.RLock()
        # The one connection: there is one transaction at a time.
        self._connection: Connection | None = None
        try:
            self._prepare()
        except self._database.errors as error:
            self.close()
            raise self._database.unusable(error) from error
        except UsageError:
            self.close()
            raise

    @classmethod
    def in_file(cls, path: Path) -> Store:
        """The SQLite database in this file, made if missing."""
        return cls(f"sqlite:///{path.absolute()}")

    @property
    def shared(self) -> bool:
        """Whether other processes may change what is in it."""
        return self._database.shared

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything inside is committed together when the block ends, or not at all.

        Raises `BenchError` if the database fails.
        """
        try:
            with self._lock, self._begun() as connection:
                yield Transaction(connection)
        except self._database.errors as error:
            raise BenchError(f"the job database failed: {reason_of(error)}") from error

    @contextmanager
    def _begun(self) -> Iterator[Connection]:
        """A connection inside a transaction."""
        connection, driver = self._begin()
        try:
            yield connection
            driver.commit()
        except BaseException:
            self._roll_back(driver)
            raise

    def _begin(self) -> tuple[Connection, Any]:
        """The connection, with a transaction begun on it; a new one if the server has ended it."""
        if self._connection is not None:
            driver = self._connection.connection.driver_connection
            try:
                self._database.begin(driver)
            except self._database.errors:
                # Nothing has been done yet. Only a connection that is gone is made anew.
                if not self._is_gone(driver):
                    raise
                self._disconnect()
            else:
                return self._connection, driver
        self._connection = self._database.engine.connect()
        driver = self._connection.connection.driver_connection
        self._database.begin(driver)
        return self._connection, driver

    def _roll_back(self, driver: Any) -> None:
        try:
            driver.rollback()
        except self._database.errors:
            # The server has done so itself, when it lost the connection.
            self._disconnect()

    def _is_gone(self, driver: Any) -> bool:
        return self.shared and bool(driver.closed)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._database.engine.dispose()

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
            self._database.prepare(connection)
            schema.metadata.create_all(connection)
            found = connection.scalar(select(schema.schema_version.c.version))
            if found is None:
                connection.execute(
                    insert(schema.schema_version).values(version=schema.SCHEMA_VERSION)
                )
            elif found != schema.SCHEMA_VERSION:
                raise UsageError(
                    f"the job database has schema version {found}, this otarig needs "
                    f"{schema.SCHEMA_VERSION}: start with an empty database"
                )


class Transaction(
    RegistryQueries,
    GroupQueries,
    StreamQueries,
    KeptQueries,
    ListQueries,
    FleetQueries,
    OutboxQueries,
    SaveQueries,
    SliceQueries,
):
    """What can be read and written inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        SliceQueries.__init__(self, connection)
