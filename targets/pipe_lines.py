"""The lines of a process, read by a thread of its own and by whoever cannot wait for that one."""

from __future__ import annotations

import array
import fcntl
import os
import select
import termios
import threading
from collections.abc import Callable

from targets.console import MAX_LINE

CHUNK = 65536


class PipeLines:
    """Every line that comes out of a pipe goes to `take`, in order and once."""

    def __init__(self, pipe: int, take: Callable[[str], object]) -> None:
        """`pipe` is a file descriptor that stays open until `read_to_end` has returned."""
        self._pipe = pipe
        self._take = take
        self._lock = threading.Lock()
        self._begun = b""
        self._ended = False

    def read(self) -> None:
        """Take what is there by now, waiting for nothing but another reader.

        Never more than that: a process that writes without end would else keep the caller.
        """
        with self._lock:
            # The end of the pipe has no bytes, but is read like one.
            left = max(1, self._waiting())
            while left > 0 and not self._ended and select.select([self._pipe], [], [], 0)[0]:
                data = os.read(self._pipe, min(left, CHUNK))
                left -= len(data)
                self._ended = not data
                *lines, self._begun = (self._begun + data).split(b"\n")
                if self._begun and (self._ended or len(self._begun) > MAX_LINE):
                    lines.append(self._begun)
                    self._begun = b""
                for line in lines:
                    self._take(line.decode("utf-8", "replace").rstrip("\r"))

    def _waiting(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._pipe, termios.FIONREAD, count)
        return count[0]

    def read_to_end(self) -> None:
        """Take every line until nobody can write any more."""
        while not self._ended:
            select.select([self._pipe], [], [])
            self.read()
