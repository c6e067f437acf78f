"""The lines of a process, read by a thread of its own and by whoever cannot wait for that one."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

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
        """Take what is there by now, waiting for nothing but another reader."""
        with self._lock:
            while not self._ended and select.select([self._pipe], [], [], 0)[0]:
                data = os.read(self._pipe, CHUNK)
                self._ended = not data
                *lines, self._begun = (self._begun + data).split(b"\n")
                if self._ended and self._begun:
                    lines.append(self._begun)
                for line in lines:
                    self._take(line.decode("utf-8", "replace").rstrip("\r"))

    def read_to_end(self) -> None:
        """Take every line until nobody can write any more."""
        while not self._ended:
            select.select([self._pipe], [], [])
            self.read()
