"""Where console lines come from, and the thread that reads them."""

from __future__ import annotations

import contextlib
import glob
import threading
from typing import Any, Protocol

import serial

from rig.errors import BenchError
from targets.console import ConsoleLog
from targets.sections import ConsoleSettings

SERIAL_WAIT_S = 0.05
WRITE_WAIT_S = 10.0
"""How long a device may take no byte of what is written to it."""
serial.protocol_handler_packages.append("targets.virtual.serial_urls")


class ConsoleSource(Protocol):
    """Bytes from the device and to it."""

    wait_s: float
    """Seconds between two reads of a source that does not wait by itself."""

    def read(self) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class SerialSource:
    """A serial line by pyserial's URL."""

    wait_s = 0.0

    def __init__(self, device: str, settings: ConsoleSettings) -> None:
        self._device = device
        self._port = open_serial(device, "console.url", settings.url, settings.baudrate)

    def read(self) -> bytes:
        try:
            return bytes(self._port.read(max(1, self._port.in_waiting)))
        except (serial.SerialException, OSError, TypeError) as error:
            raise BenchError(
                f"device {self._device!r}: its console port has gone: {error}; plug it in again"
            ) from None

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (serial.SerialException, OSError) as error:
            raise BenchError(f"device {self._device!r}: its console port: {error}") from None

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._port.close()


def open_serial(device: str, field: str, url: str, baudrate: int) -> Any:
    """An open port, ours alone. Raises `BenchError` naming the board file's field."""
    place = only_port(device, field, url)
    options = {} if "://" in place else {"exclusive": True}
    try:
        return serial.serial_for_url(
            place,
            baudrate=baudrate,
            timeout=SERIAL_WAIT_S,
            write_timeout=WRITE_WAIT_S,
            **options,
        )
    except (serial.SerialException, OSError, ValueError) as error:
        text = " ".join(str(error).split())
        hint = "another program has it: end that" if "lock" in text else "is it plugged in?"
        raise BenchError(
            f"device {device!r}: the port {place} cannot be opened ({field}): {text}; {hint}"
        ) from None


def only_port(device: str, field: str, url: str) -> str:
    """The one port that a path with `*` stands for; anything else as it is.

    Never the first of several: their order changes. Raises `BenchError`.
    """
    if "://" in url or "*" not in url:
        return url
    found = sorted(glob.glob(url))  # noqa: PTH207 - a pattern for a whole path
    if len(found) != 1:
        names = ", ".join(found) or "none"
        raise BenchError(
            f"device {device!r}: {field} is {url}, which must be one port; found: {names}; "
            "plug it in, or write the whole name"
        )
    return found[0]


class ConsolePump:
    """Feeds the log from a source, in a thread of its own, until it is closed or fails."""

    def __init__(self, source: ConsoleSource, log: ConsoleLog) -> None:
        self.failure: BenchError | None = None
        self._source = source
        self._log = log
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def drain(self) -> None:
        """Take what is there right now: it comes before whatever the caller does next."""
        try:
            with self._lock:
                self._log.feed(self._source.read())
        except BenchError as error:
            self.failure = self.failure or error

    def write(self, data: bytes) -> None:
        if self.failure is not None:
            raise self.failure
        self._source.write(data)

    def close(self) -> None:
        """Stop reading; the source stays open."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._source.wait_s) and self.failure is None:
            self.drain()
