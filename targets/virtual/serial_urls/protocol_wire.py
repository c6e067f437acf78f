"""`wire://HOST:PORT`: pyserial's `socket://` for a wire on this machine.

As fast as a local wire can be: whole blocks are read instead of single bytes, small writes leave at
once, and closing does not wait for a server that may need time.
"""

from __future__ import annotations

import array
import contextlib
import fcntl
import select
import socket
import termios
from typing import Any

from serial.urlhandler import protocol_socket


class Serial(protocol_socket.Serial):
    """A serial port; all methods but these are pyserial's own."""

    # What the parent class says of them without saying their types.
    _socket: Any
    is_open: bool

    def from_url(self, url: str) -> tuple[str, int]:
        host, port = super().from_url(url.replace("wire://", "socket://", 1))
        return str(host), int(port)

    def open(self) -> None:
        super().open()
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def in_waiting(self) -> int:
        count = array.array("i", [0])
        fcntl.ioctl(self._socket, termios.FIONREAD, count)
        # An end that was closed is readable, too: the read then says so.
        return count[0] or len(select.select([self._socket], [], [], 0)[0])

    def cancel_read(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        if self.is_open:
            self._socket.close()
            self._socket = None
            self.is_open = False
