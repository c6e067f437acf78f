"""QEMU as a child process: one power-on of the chip, from start to end."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import tempfile
from pathlib import Path

from rig.errors import BenchError
from targets.owned_process import start_owned
from targets.virtual.gdb_packets import StubGone
from targets.virtual.gdb_stub import GdbStub

PROGRAM = "qemu-system-arm"
PACKAGE = "qemu-system-arm"
END_TIME_S = 5.0
LOCK_UP = "Lockup:"
"""What QEMU says when it gives up on a core that has locked up."""


class Emulator:
    """A chip with power, its core stopped, its flash all zero. Ends with `kill`."""

    def __init__(self, program: str, wire: socket.socket) -> None:
        """`wire` is a listening TCP socket, the far end of the chip's UART.

        Raises `BenchError` if it does not start.
        """
        ours, theirs = socket.socketpair()
        command = [program, "-M", "microbit", "-S", "-display", "none", "-monitor", "none"]
        command += ["-chardev", f"socket,id=gdb,fd={theirs.fileno()}", "-gdb", "chardev:gdb"]
        command += [
            "-chardev",
            f"socket,id=wire,fd={wire.fileno()},server=on,wait=off,nodelay=on",
            "-serial",
            "chardev:wire",
        ]
        passed = [theirs.fileno(), wire.fileno()]
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the emulator
        try:
            with theirs:
                self._process = start_owned(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=self._said,
                    stderr=self._said,
                    pass_fds=passed,
                    start_new_session=True,
                )
        except OSError as error:
            ours.close()
            self._said.close()
            raise BenchError(
                f"the emulator {program} cannot be started: {error.strerror}; "
                f"install your system's package {PACKAGE}"
            ) from None
        # It ends itself by abort() when the core locks up: no reason to leave a core dump.
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(self._process.pid, resource.RLIMIT_CORE, (0, 0))
        try:
            self.stub = GdbStub(ours)
        except StubGone:
            ours.close()
            said = self.last_words()
            self.kill()
            raise BenchError(
                f"the emulator {Path(program).name} ended at its start: {said or 'no word'}"
            ) from None

    @property
    def pid(self) -> int:
        return self._process.pid

    def last_words(self) -> str:
        """The first line that it said, waiting for its end; empty if it said nothing."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_TIME_S)
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").strip().splitlines()
        return lines[0] if lines else ""

    def kill(self) -> None:
        """End it at once; what is in its flash is lost unless it was read before."""
        self._process.kill()
        self._process.wait()
        self._said.close()
        if hasattr(self, "stub"):
            self.stub.close()
