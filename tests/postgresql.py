"""A real PostgreSQL for the tests, from the system's package: its own cluster, thrown away after.

It listens on a socket in its own directory alone, and lets in whoever may enter that.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from rig.cli.system_package import find_command

USER = "otarig"
PATIENCE_S = 60.0
# Nothing here has to outlive the machine; what outlives a process does so without.
_SETTINGS = "-c listen_addresses='' -c fsync=off -c unix_socket_directories={room}"


class Cluster:
    """A server of which each test has a database of its own."""

    def __init__(self, room: Path) -> None:
        self._room = room
        self._data = room / "data"
        self._numbers = itertools.count(1)

    def start(self) -> None:
        settings = _SETTINGS.format(room=self._room)
        log = str(self._room / "log")
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", log, "-o", settings)

    def stop(self) -> None:
        """At once, as in a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))

    def make(self) -> None:
        """Its files. It sorts as people do, not as machines: no order may come to depend on it."""
        words = ["-D", str(self._data), "-U", USER, "--auth=trust", "-E", "UTF8", "--no-sync"]
        self._run("initdb", *words, "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en")

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self._room}"

    def connect(self, url: str) -> psycopg.Connection:
        """Without the store, to look and to break things."""
        return psycopg.connect(url, autocommit=True)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"test{next(self._numbers)}"
        with self.connect(self.url("postgres")) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def end_sessions(self) -> None:
        """Throw out everybody who is connected."""
        with self.connect(self.url("postgres")) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )

    def _run(self, program: str, *words: str) -> None:
        command = find_command(program)
        assert command is not None, f"{program} is missing; `./otarig test` installs PostgreSQL"
        # It refuses to be root: then it is the user whom its package brings.
        owner = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        with (self._room / "out").open("ab") as out:
            subprocess.run(
                [command, *words],
                check=True,
                cwd=self._room,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=PATIENCE_S,
                user=None if owner is None else owner.pw_uid,
                group=None if owner is None else owner.pw_gid,
                extra_groups=None if owner is None else [],
            )


@contextmanager
def postgresql() -> Iterator[Cluster]:
    """A cluster of its own that runs until the end of the block."""
    # Not below pytest's directories: nobody but their owner may enter those, and the path of a
    # socket has to be short.
    room = Path(tempfile.mkdtemp(prefix="otarig-pg-"))
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(room, owner.pw_uid, owner.pw_gid)
    cluster = Cluster(room)
    try:
        cluster.make()
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(room)
