"""Processes that a benchmark starts and talks to, and what they use of the machine."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PAGE_KIB = resource.getpagesize() / 1024
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Speaker:
    """A Python module that says lines of JSON and listens to its standard input."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def hear(self) -> dict[str, Any]:
        """The next line; raises `RuntimeError` if the process ends instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        said: dict[str, Any] = json.loads(line)
        return said

    def hear_idle(self) -> None:
        """Wait until it is ready; raises `RuntimeError` if it does not get so."""
        said = self.hear()
        if said["event"] != "idle":
            raise RuntimeError(f"{self._process.args!r} is {said['event']}, not ready")

    def begin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("begin\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def speakers(module: Sequence[str], configs: Sequence[Path]) -> Iterator[list[Speaker]]:
    """One process for each configuration file, which is its last argument."""
    opened = [Speaker([*module, str(config)]) for config in configs]
    try:
        yield opened
    finally:
        for speaker in opened:
            speaker.close()


def write_configs(
    directory: Path, name: str, common: dict[str, Any], things: Sequence[str], processes: int
) -> list[Path]:
    """A configuration file for each process, with its share of the things."""
    paths = []
    for number in range(processes):
        paths.append(directory / f"{name}-{number}.json")
        paths[-1].write_text(json.dumps(common | {"things": things[number::processes]}))
    return paths


def resident_kib(pids: Sequence[int]) -> float:
    """Memory that these processes hold."""
    pages = (int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return sum(pages) * PAGE_KIB


def cpu_s(pids: Sequence[int]) -> float:
    """Seconds of processor time that these processes have used, their own and the system's."""
    return sum(_ticks(pid) for pid in pids) / TICKS_PER_S


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
