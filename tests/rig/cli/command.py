"""The `otarig` command as users run it: processes with a directory and environment of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE_S = 110.0
SERVING = "Ctrl-C ends serve."
ANY_PORTS = ("--mqtt-port", "0", "--http-port", "0")


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """Its one line on standard error; fails if there are more or none."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


class Desk:
    """A directory to work in; its temporary directory also marks every process begun here."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TMPDIR": str(self.temporary),
            "COLUMNS": "40",
        }

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "rig.cli.main", *arguments]

    def run(self, *arguments: str) -> Done:
        """Run a verb to its end; it must not have had a traceback."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def processes(self) -> list[int]:
        """The processes that were begun here and still run."""
        mark = f"TMPDIR={self.temporary}".encode()
        return [pid for pid in _all_processes() if mark in _environment_of(pid)]

    def is_clean(self) -> bool:
        """Whether nothing runs and no temporary file is left."""
        return not self.processes() and not list(self.temporary.iterdir())


class Terminal:
    """A verb that goes on running, its output line by line, its input for commands."""

    def __init__(self, desk: Desk, *arguments: str) -> None:
        self.said: list[str] = []
        self.process = subprocess.Popen(
            desk.command(*arguments),
            cwd=desk.directory,
            env=desk.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def wait_for(self, text: str) -> str:
        """Read until a line has the text; that line."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if text in line:
                return line
        raise AssertionError(f"ended without saying {text!r}:\n{''.join(self.said)}")

    def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and read to the end; the exit status."""
        self.process.send_signal(number)
        self.said.append(self.process.communicate(timeout=PATIENCE_S)[0])
        return self.process.returncode

    @property
    def text(self) -> str:
        return "".join(self.said)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def terminal(desk: Desk, *arguments: str) -> Iterator[Terminal]:
    opened = Terminal(desk, *arguments)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def serving(desk: Desk, *arguments: str) -> Iterator[Terminal]:
    """A `serve` on free ports that is ready."""
    with terminal(desk, "serve", *ANY_PORTS, *arguments) as serve:
        serve.wait_for(SERVING)
        yield serve


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _environment_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""  # It has just ended, or is none of ours.
