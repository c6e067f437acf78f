"""One channel of the wire: a socket that the device has opened, and what may go to the device."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Callable

from targets.modem.frames import MAX_PAYLOAD, Frame, FrameType

CREDIT = 4096
"""Bytes that a device may send ahead on one channel."""

Connect = Callable[[], socket.socket]
_AGAIN = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Channel:
    """Alive from `OPEN` to `CLOSE`, in a thread of its own: the wire never waits for a socket.

    Only that thread touches the socket: TLS does not stand two at once.
    """

    def __init__(self, number: int, connect: Connect, send: Callable[[Frame], None]) -> None:
        """`connect` may take long and raise `OSError`; `send` puts a frame on the wire."""
        self._number = number
        self._connect = connect
        self._send = send
        self._lock = threading.Lock()
        self._credit = 0
        self._outgoing = b""
        self._overrun = False
        self._closed = False
        self._bell, self._push = socket.socketpair()
        self._push.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=f"channel {number}", daemon=True)
        self._thread.start()

    def grant(self, count: int) -> None:
        """The device has room for so many bytes more."""
        with self._lock:
            self._credit += count
        self._ring()

    def transmit(self, data: bytes) -> None:
        """Data from the device; more than it has credit for ends the channel."""
        with self._lock:
            self._overrun = self._overrun or len(self._outgoing) + len(data) > CREDIT
            if self._overrun:
                # It sends without credit: whatever is kept would grow as fast as it can send.
                self._outgoing = b""
            else:
                self._outgoing += data
        self._ring()

    def close(self) -> None:
        """End it at the device's wish or at its death; the device is told nothing."""
        with self._lock:
            self._closed = True
        self._ring()
        self._thread.join()
        self._bell.close()
        self._push.close()

    def _ring(self) -> None:
        # A full pipe rings already.
        with contextlib.suppress(BlockingIOError):
            self._push.send(b"!")

    # -- its thread --------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            connection = self._connect()
        except OSError:
            self._tell(FrameType.CLOSED, b"\1")
            return
        with connection:
            connection.setblocking(False)
            self._tell(FrameType.OPENED)
            self._tell(FrameType.HOST_CREDIT, CREDIT.to_bytes(2, "little"))
            try:
                self._serve(connection)
            except OSError:
                self._tell(FrameType.CLOSED, b"\0")

    def _serve(self, connection: socket.socket) -> None:
        """Raises `OSError` when the other end is gone."""
        while True:
            with self._lock:
                if self._closed:
                    return
                if self._overrun:
                    raise ConnectionAbortedError("the device sent more than it had credit for")
                room, waiting = min(self._credit, MAX_PAYLOAD), bool(self._outgoing)
            # TLS may hold bytes already that no select() knows of.
            ready = room > 0 and isinstance(connection, ssl.SSLSocket) and connection.pending() > 0
            readable, writable, _ = select.select(
                [self._bell, connection] if room else [self._bell],
                [connection] if waiting else [],
                [],
                0 if ready else None,
            )
            if self._bell in readable:
                self._bell.recv(4096)
            if writable:
                self._write(connection)
            if ready or connection in readable:
                self._read(connection, room)

    def _read(self, connection: socket.socket, room: int) -> None:
        try:
            data = connection.recv(room)
        except _AGAIN:
            return
        if not data:
            raise ConnectionResetError("closed by the other end")
        with self._lock:
            self._credit -= len(data)
        self._tell(FrameType.HOST_DATA, data)

    def _write(self, connection: socket.socket) -> None:
        with self._lock:
            data = self._outgoing
        try:
            sent = connection.send(data)
        except _AGAIN:
            return
        with self._lock:
            self._outgoing = self._outgoing[sent:]
        self._tell(FrameType.HOST_CREDIT, sent.to_bytes(2, "little"))

    def _tell(self, kind: FrameType, payload: bytes = b"") -> None:
        with self._lock:
            if self._closed:
                return
        self._send(Frame(self._number, kind, payload))
