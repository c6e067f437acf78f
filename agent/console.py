"""The device's serial console: lines out on stdout, command lines in on stdin."""

from __future__ import annotations

import contextlib
import os

MAX_COMMAND_BYTES = 256


def say(line: str) -> None:
    """Write one line in one system call, so that lines of several processes never mix.

    Nobody listening is no reason for a device to stop.
    """
    with contextlib.suppress(OSError):
        os.write(1, line.encode("utf-8", "replace") + b"\n")


class CommandReader:
    """Cuts the bytes of stdin into command lines."""

    def __init__(self, fd: int = 0) -> None:
        self.fd = fd
        self._rest = b""

    def read(self) -> list[str] | None:
        """The complete lines available now; None at the end of input."""
        try:
            data = os.read(self.fd, 4096)
        except OSError:
            return None
        if not data:
            return None
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:MAX_COMMAND_BYTES]
        return [line.decode("utf-8", "replace").strip() for line in lines]
