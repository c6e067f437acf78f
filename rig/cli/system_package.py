"""Programs that come from the system's package manager: installed after saying so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from rig.errors import BenchError

# Debian keeps daemons where an ordinary user's PATH does not look.
SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/sbin"])
# And each version of PostgreSQL in a directory of its own.
_POSTGRESQL = "/usr/lib/postgresql"


def find_command(name: str) -> str | None:
    """The path of a program, or None."""
    versions = sorted(Path(_POSTGRESQL).glob("*/bin"), key=_version, reverse=True)
    return shutil.which(name, path=os.pathsep.join([SEARCH, *map(str, versions)]))


def _version(directory: Path) -> int:
    number = directory.parent.name
    return int(number) if number.isdecimal() else 0


def ensure_command(name: str, *, package: str, purpose: str) -> str:
    """The path of a program, installed from the system's package if it is missing.

    Raises `BenchError` when it is missing and cannot be installed.
    """
    if found := find_command(name):
        return found
    apt = shutil.which("apt-get")
    if apt is None:
        raise BenchError(f"{name} is missing ({purpose}); install your system's package {package}")
    print(
        f"otarig: installing the system package {package} (apt-get): {purpose}",
        file=sys.stderr,
        flush=True,
    )
    become_root = [] if os.geteuid() == 0 else ["sudo"]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", package]):
        done = subprocess.run(
            [*become_root, apt, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )
        if done.returncode != 0:
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            raise BenchError(f"`apt-get {' '.join(words)}` exited {done.returncode}: {last}")
    found = find_command(name)
    if found is None:
        raise BenchError(f"the package {package} is installed but brings no {name}")
    return found
