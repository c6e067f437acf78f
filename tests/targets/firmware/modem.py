"""The host end of the firmware's wire, for tests: SLIP frames on one side, sockets on the other.

Small on purpose: plain TCP only, one thread for the wire and one for each socket.
"""

from __future__ import annotations

import binascii
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

END, ESC, ESC_END, ESC_ESC = 0xC0, 0xDB, 0xDC, 0xDD
OPEN, DATA, CLOSE, CREDIT, HELLO = range(1, 6)
HOST_HELLO, OPENED, HOST_DATA, CLOSED, HOST_CREDIT = range(16, 21)
DEVICE_CREDIT = 4096
KIND_MQTT = 1


def frame(channel: int, kind: int, payload: bytes = b"") -> bytes:
    """One frame as it goes over the wire."""
    body = bytes([channel, kind]) + payload
    body += struct.pack("<H", binascii.crc_hqx(body, 0xFFFF))
    body = body.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
    return b"\xc0" + body + b"\xc0"


def unescape(body: bytes) -> bytes:
    return body.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb")


class _Channel:
    """One open socket; data goes to the device as its credit allows."""

    def __init__(self, modem: Modem, number: int, connection: socket.socket) -> None:
        self._modem = modem
        self._number = number
        self._socket = connection
        self._credit = 0
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._receive, name=f"channel {number}")
        self._thread.start()

    def grant(self, count: int) -> None:
        with self._changed:
            self._credit += count
            self._changed.notify()

    def send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _receive(self) -> None:
        while True:
            with self._changed:
                while self._credit == 0 and not self._closed:
                    self._changed.wait()
                room = min(self._credit, 1024)
            if self._closed:
                return
            try:
                data = self._socket.recv(room)
            except OSError:
                data = b""
            with self._changed:
                if self._closed:
                    return
                self._credit -= len(data)
                kind = HOST_DATA if data else CLOSED
                self._modem.write(frame(self._number, kind, data or b"\0"))
            if not data:
                return


class Modem:
    """Listens on a Unix socket for the chip's wire; `gateway` is (host, port)."""

    def __init__(self, folder: Path, gateway: tuple[str, int]) -> None:
        self.on_hello: Callable[[], None] = lambda: None
        """Called when the device has booted, before it gets any connection: whoever watches its
        console can read the boot marker before anything that follows from the boot."""
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(folder / "uart"))
        self.listening.listen(1)
        self.bad_frames = 0
        self._gateway = gateway
        self._wire: socket.socket | None = None
        self._write_lock = threading.Lock()
        self._channels: dict[int, _Channel] = {}
        self._thread = threading.Thread(target=self._serve, name="modem")
        self._thread.start()

    def __enter__(self) -> Modem:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self._thread.join()

    def write(self, data: bytes) -> None:
        with self._write_lock, contextlib.suppress(OSError):
            if self._wire is not None:
                self._wire.sendall(data)

    def _serve(self) -> None:
        """One chip after the other, until the listening socket is closed."""
        while True:
            try:
                self._wire, _ = self.listening.accept()
            except OSError:
                return
            self.write(frame(0, HOST_HELLO))
            self._read_wire(self._wire)
            self._close_all()
            with self._write_lock:
                self._wire.close()
                self._wire = None

    def _read_wire(self, wire: socket.socket) -> None:
        buffer = b""
        while True:
            try:
                data = wire.recv(65536)
            except OSError:
                return
            if not data:
                return
            *frames, buffer = (buffer + data).split(b"\xc0")
            for body in filter(None, frames):
                self._take(unescape(body))

    def _take(self, body: bytes) -> None:
        crc = int.from_bytes(body[-2:], "little")
        if len(body) < 4 or binascii.crc_hqx(body[:-2], 0xFFFF) != crc:
            self.bad_frames += 1
            return
        number, kind, payload = body[0], body[1], body[2:-2]
        channel = self._channels.get(number)
        if kind == HELLO:
            self._close_all()
            self.on_hello()
        elif kind == OPEN:
            self._close(number)
            self._open(number, payload[0], payload[1:].decode())
        elif kind == CLOSE:
            self._close(number)
        elif channel is not None and kind == DATA:
            channel.send(payload)
            self.write(frame(number, HOST_CREDIT, struct.pack("<H", len(payload))))
        elif channel is not None and kind == CREDIT:
            channel.grant(int.from_bytes(payload, "little"))

    def _open(self, number: int, kind: int, where: str) -> None:
        address = self._gateway
        if kind != KIND_MQTT:
            url = urlsplit(where)
            address = (url.hostname or "", url.port or 80)
        try:
            connection = socket.create_connection(address)
        except OSError:
            self.write(frame(number, CLOSED, b"\1"))
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.write(frame(number, OPENED))
        self.write(frame(number, HOST_CREDIT, struct.pack("<H", DEVICE_CREDIT)))
        self._channels[number] = _Channel(self, number, connection)

    def _close(self, number: int) -> None:
        channel = self._channels.pop(number, None)
        if channel is not None:
            channel.close()

    def _close_all(self) -> None:
        for number in list(self._channels):
            self._close(number)
