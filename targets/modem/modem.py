"""The modem: a device's serial line on one side, its TCP and TLS connections on the other.

Like a cellular modem with TLS offload: the device says where to, certificates are ours.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import serial

from rig.errors import BenchError
from targets.console_source import open_serial
from targets.driver import Connection
from targets.modem.channel import Channel
from targets.modem.frames import Frame, FrameDecoder, FrameType, SocketKind

CHANNELS = 4
CONNECT_TIME_S = 10.0
DEFAULT_PORTS = {"http": 80, "https": 443}


class Modem:
    """Serves one device from construction to `close`."""

    def __init__(
        self,
        device: str,
        url: str,
        baudrate: int,
        connection: Connection,
        on_device_hello: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_device_hello` is called when the device has booted, before it gets a connection.

        Whoever watches its console can then note the boot before anything that follows from it.
        Raises `BenchError` when the port cannot be opened.
        """
        self.failure: BenchError | None = None
        self._device = device
        self._connection = connection
        self._on_device_hello = on_device_hello
        self._port = open_serial(device, "modem.url", url, baudrate)
        self._write_lock = threading.Lock()
        self._channels: dict[int, Channel] = {}
        self._decoder = FrameDecoder()
        self._closing = False
        self._send(Frame(0, FrameType.HOST_HELLO))
        self._thread = threading.Thread(target=self._serve, name="modem", daemon=True)
        self._thread.start()

    @property
    def bad_frames(self) -> int:
        """How many frames were dropped because of what the wire did to them."""
        return self._decoder.bad_frames

    def close(self) -> None:
        """Leave no thread, socket or port behind."""
        self._closing = True
        with contextlib.suppress(Exception):
            self._port.cancel_read()
        self._thread.join()
        with contextlib.suppress(Exception):
            self._port.close()

    # -- the wire --------------------------------------------------------------------------------

    def _serve(self) -> None:
        try:
            while not self._closing:
                data = self._port.read(max(1, self._port.in_waiting))
                for frame in self._decoder.feed(data):
                    self._take(frame)
        except (serial.SerialException, OSError, TypeError) as error:
            if not self._closing:
                self.failure = BenchError(
                    f"device {self._device!r}: the port of its network has gone: {error}; "
                    "plug it in again"
                )
        finally:
            self._close_channels()

    def _take(self, frame: Frame) -> None:
        channel = self._channels.get(frame.channel)
        if frame.type == FrameType.HELLO:
            self._close_channels()
            self._on_device_hello()
        elif frame.type == FrameType.OPEN and frame.channel < CHANNELS and frame.payload:
            self._close(frame.channel)
            self._open(frame)
        elif frame.type == FrameType.CLOSE:
            self._close(frame.channel)
        elif channel is not None and frame.type == FrameType.DATA and frame.payload:
            channel.transmit(frame.payload)
        elif channel is not None and frame.type == FrameType.CREDIT:
            channel.grant(int.from_bytes(frame.payload[:2], "little"))

    def _send(self, frame: Frame) -> None:
        # When the port has gone the reading thread tells.
        with self._write_lock, contextlib.suppress(serial.SerialException, OSError):
            self._port.write(frame.encode())

    def _open(self, frame: Frame) -> None:
        kind, where = frame.payload[0], frame.payload[1:].decode("ascii", "replace")
        if kind == SocketKind.GATEWAY:
            connect = self._connect_gateway
        else:

            def connect() -> socket.socket:
                return self._connect_server(where)

        self._channels[frame.channel] = Channel(frame.channel, connect, self._send)

    def _close(self, number: int) -> None:
        channel = self._channels.pop(number, None)
        if channel is not None:
            channel.close()

    def _close_channels(self) -> None:
        for number in list(self._channels):
            self._close(number)

    # -- sockets ---------------------------------------------------------------------------------

    def _connect_gateway(self) -> socket.socket:
        target = self._connection
        context = None
        if target.ca is not None:
            context = ssl.create_default_context(cafile=str(target.ca))
            if target.cert is not None:
                context.load_cert_chain(target.cert, target.key)
        return _connect(target.host, target.port, context)

    def _connect_server(self, where: str) -> socket.socket:
        try:
            url = urlsplit(where)
            host, port = url.hostname, url.port or DEFAULT_PORTS[url.scheme]
        except (ValueError, KeyError):
            raise OSError(f"{where!r} is no place to connect to") from None
        context = None
        if url.scheme == "https":
            ca = self._connection.http_ca
            context = ssl.create_default_context(cafile=str(ca) if ca else None)
        return _connect(host or "", port, context)


def _connect(host: str, port: int, context: ssl.SSLContext | None) -> socket.socket:
    plain = socket.create_connection((host, port), CONNECT_TIME_S)
    try:
        # Small answers must not wait for the acknowledgement of small requests.
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = context.wrap_socket(plain, server_hostname=host) if context else plain
    except BaseException:
        plain.close()
        raise
    connection.settimeout(None)
    return connection
