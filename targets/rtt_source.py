"""The console over SEGGER RTT: rings in the device's RAM, read and written by the probe."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from pyocd.core import exceptions
from pyocd.debug.rtt import RTTControlBlock

from rig.errors import BenchError
from targets.sections import ConsoleSettings

WRITE_TIME_S = 5.0
MAX_RING = 1 << 20
"""Bytes of a ring; a size beyond it in the device's RAM is none, and never read."""


class RttSource:
    """Channel 0 in both directions."""

    def __init__(
        self,
        target: Any,
        telling: Callable[[str], AbstractContextManager[None]],
        settings: ConsoleSettings,
    ) -> None:
        """`telling` has the probe for as long as it is entered, and tells failures in one line."""
        self.wait_s = settings.poll_s
        self._target = target
        self._telling = telling
        self._settings = settings
        self._up: Any = None
        self._down: Any = None

    def read(self) -> bytes:
        with self._telling("reading RTT"):
            try:
                if self._up is None:
                    self._find()
                if self._up is not None and self._up.size > MAX_RING:
                    # Overwritten by the device, or not yet written: it is looked for again.
                    self._up = self._down = None
                return bytes(self._up.read()) if self._up is not None else b""
            except exceptions.RTTError:
                # The firmware has not set it up yet, or is just doing so.
                return b""

    def write(self, data: bytes) -> None:
        deadline = time.monotonic() + WRITE_TIME_S
        while data:
            data = data[self._write(data) :]
            if data and time.monotonic() > deadline:
                raise BenchError(
                    "the device takes no commands: its RTT down channel stays full or missing"
                )
            if data:
                time.sleep(self.wait_s)

    def close(self) -> None:
        self._up = self._down = None

    def _write(self, data: bytes) -> int:
        with self._telling("writing RTT"):
            try:
                if self._up is None:
                    self._find()
                return int(self._down.write(data)) if self._down is not None else 0
            except exceptions.RTTError:
                return 0

    def _find(self) -> None:
        block = RTTControlBlock.from_target(
            self._target, self._settings.rtt_address, self._settings.rtt_search
        )
        block.start()
        self._up = next(iter(block.up_channels), None)
        self._down = next(iter(block.down_channels), None)
