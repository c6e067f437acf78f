"""Which database a URL names, and what is peculiar to its kind: how a transaction begins."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from rig.errors import BenchError, OtarigError, UsageError

PATIENCE_S = 10
"""How long a transaction waits for its turn, and one that has begun may do nothing."""

# Any number will do that nobody else takes in this database.
_TURN = 0x6F74_6172


def _begin_of_postgresql(turn: str) -> str:
    """In one message to the server: who has the lock has its turn, until its transaction or its
    connection ends. What others have committed before is seen (§11 rule 2: one serialised
    transition function)."""
    return f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT {turn}"


_BEGIN = {
    # At once for writing: two readers that both went on to write would fail.
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": _begin_of_postgresql(f"pg_advisory_xact_lock({_TURN})"),
}


class Database:
    """A database of a kind that is known, or a region's part of it (see `Store`).

    Raises `UsageError` for a URL that cannot be used.
    """

    def __init__(self, url: str, region: str | None = None) -> None:
        self._schema = None if region is None else f'"{region}"'
        self.engine = _engine(_of_region(_parsed(url), region), self._schema)
        self._begin = _BEGIN[self.engine.dialect.name]
        if self.shared and region is not None:
            # Regions do not wait for each other.
            turn = f"pg_advisory_xact_lock({_TURN}, hashtext('{region}'))"
            self._begin = _begin_of_postgresql(turn)
        driver = self.engine.dialect.loaded_dbapi
        self.errors: tuple[type[Exception], ...] = (SQLAlchemyError, driver.Error)
        """What its driver, or SQLAlchemy for it, raises."""

    @property
    def name(self) -> str:
        """The URL for people: without its password."""
        return _shown(self.engine.url)

    @property
    def shared(self) -> bool:
        """Whether it is meant for more than one process."""
        return self.engine.dialect.name == "postgresql"

    def begin(self, driver: Any) -> None:
        """Begin a transaction that is alone until it ends.

        SQLAlchemy's way there, by its events, costs as much as a small transaction.
        """
        if self.shared:
            driver.execute(self._begin, prepare=False)
        else:
            driver.execute(self._begin)

    def prepare(self, connection: Connection) -> None:
        """Make the part that the tables are to be in, if it is missing."""
        if self.shared and self._schema is not None:
            connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {self._schema}")

    def unusable(self, error: Exception) -> OtarigError:
        """What to tell who named this database, which could not be opened."""
        reason = reason_of(error)
        # A server that answers begins so; what it refuses is in the URL or in its settings.
        if self.shared and _is_unreachable(error):
            return BenchError(f"cannot reach the job database {self.name}: {reason}")
        return UsageError(f"cannot use the job database {self.name}: {reason}")


def is_shared(url: str) -> bool:
    """Whether the URL names a database for several processes; raises `UsageError`."""
    return _parsed(url).get_backend_name() == "postgresql"


def reason_of(error: Exception) -> str:
    """The driver's message in one line, without the statement."""
    cause = getattr(error, "orig", None) or error
    return str(cause).splitlines()[0]


def _is_unreachable(error: Exception) -> bool:
    cause = getattr(error, "orig", None) or error
    return type(cause).__name__ in {"OperationalError", "ConnectionTimeout"} and (
        "FATAL" not in str(cause)
    )


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError("the store's URL is not one that SQLAlchemy knows") from error
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername.partition("+")[0] not in _BEGIN:
        raise UsageError(
            f"cannot use the job database {_shown(parsed)}: give a URL that begins with "
            "sqlite:/// or postgresql://"
        )
    return parsed


def _of_region(url: URL, region: str | None) -> URL:
    """Of a SQLite file that of the region, beside it."""
    in_memory = url.database in {None, "", ":memory:"}
    if region is None or in_memory or url.get_backend_name() != "sqlite":
        return url
    path = PurePath(url.database or "")
    return url.set(database=str(path.with_name(f"{path.stem}-{region}{path.suffix}")))


def _engine(parsed: URL, schema: str | None) -> Engine:
    kind = parsed.get_backend_name()
    # A database in memory belongs to one connection: all threads have to share it.
    in_memory = kind == "sqlite" and parsed.database in {None, "", ":memory:"}
    options: dict[str, Any] = {}
    if in_memory:
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif kind == "postgresql":
        options = {"connect_args": {"connect_timeout": PATIENCE_S, "client_encoding": "utf8"}}
    try:
        # The driver's own BEGIN comes too late, before the first statement: ours is sent instead.
        engine = create_engine(parsed, isolation_level="AUTOCOMMIT", **options)
    except (SQLAlchemyError, ImportError) as error:
        raise UsageError(f"cannot use the job database {_shown(parsed)}: {error}") from error
    settings = _SQLITE_SETTINGS if kind == "sqlite" else _POSTGRESQL_SETTINGS
    if kind == "postgresql" and schema is not None:
        settings = (*settings, f"SET search_path TO {schema}")
    _set_up(engine, settings)
    return engine


_SQLITE_SETTINGS = (
    f"PRAGMA busy_timeout={PATIENCE_S * 1000}",
    "PRAGMA journal_mode=WAL",
    # At 32 MiB instead of 4: moving the log into the database waits for the disk.
    "PRAGMA wal_autocheckpoint=8192",
    # What is committed is in the system's hands, so it survives the kill of this process.
    "PRAGMA synchronous=NORMAL",
    "PRAGMA foreign_keys=ON",
)
_POSTGRESQL_SETTINGS = (
    f"SET lock_timeout='{PATIENCE_S}s'",
    # A process that was stopped in its turn, not killed, would keep all others waiting.
    f"SET idle_in_transaction_session_timeout='{PATIENCE_S}s'",
)


def _set_up(engine: Engine, settings: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for setting in settings:
            cursor.execute(setting)
        cursor.close()


def _shown(url: URL) -> str:
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)
