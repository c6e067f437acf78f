"""A simulated device's connection: one socket that never blocks, run by the fleet's loop."""

from __future__ import annotations

import errno
import select
import socket
import ssl
import time
from collections.abc import Callable

from agent.config import MqttEndpoint
from agent.connection import BACKOFF_LIMIT_S, BACKOFF_START_S, CONNACK_TIMEOUT_S, KEEPALIVE_S
from agent.fleet import packets
from agent.fleet.packets import Received

READ_BYTES = 1 << 18
_MAX_PID = 0xFFFF


class Link:
    """Connects, reconnects (50 ms, doubling to 2 s), and keeps what was not acknowledged.

    ``on_up`` is called when the broker has accepted, ``on_down`` when a connection has ended or
    could not be made, ``on_message`` with topic and payload of each PUBLISH. It is the machine's
    :class:`~agent.machine.ports.Transport`; what it is told goes out with :meth:`flush`.
    """

    def __init__(
        self,
        client_id: str,
        endpoint: MqttEndpoint,
        tls: ssl.SSLContext | None,
        on_up: Callable[[], None],
        on_down: Callable[[], None],
        on_message: Callable[[bytes, bytes], None],
    ) -> None:
        self.sock: socket.socket | None = None
        self.online = False
        self._client_id = client_id
        self._endpoint = endpoint
        self._tls = tls
        self._on_up = on_up
        self._on_down = on_down
        self._on_message = on_message
        self._reader = packets.Reader()
        self._out = b""
        self._connecting = False
        self._wants_write = False
        self._pid = 0
        self._unacknowledged: dict[int, tuple[str, bytes]] = {}
        self._backoff_s = BACKOFF_START_S
        self._next_attempt = 0.0
        self._deadline = 0.0
        self._ping_at = 0.0

    @property
    def events(self) -> int:
        """The ``select.epoll`` events to wait for."""
        write = self._wants_write or (self._out and not self._connecting)
        return select.EPOLLIN | (select.EPOLLOUT if write else 0)

    @property
    def flushed(self) -> bool:
        """Whether everything is written and every QoS 1 message acknowledged."""
        return not self._out and not self._unacknowledged

    # -- the machine's transport ----------------------------------------------------------------

    def subscribe(self, topic: str, qos: int) -> bool:
        if self.online:
            self._out += packets.subscribe(topic, qos, self._next_pid())
        return self.online

    def unsubscribe(self, topic: str) -> bool:
        if self.online:
            self._out += packets.unsubscribe(topic, self._next_pid())
        return self.online

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        """A job status with QoS 1 is also taken without a connection, and sent first of all."""
        pid = self._next_pid() if qos else 0
        kept = bool(qos) and topic.endswith("/update")
        if kept:
            self._unacknowledged[pid] = topic, payload
        if self.online:
            self._out += packets.publish(topic, payload, pid)
        return self.online or kept

    # -- for the loop ---------------------------------------------------------------------------

    def attend(self) -> None:
        """Connect if it is time to, give up waiting for the broker, keep the connection alive."""
        now = time.monotonic()
        if self.sock is None:
            if now >= self._next_attempt:
                self._attempt(now)
        elif not self.online:
            if now >= self._deadline:
                self._lose()
        elif now >= self._ping_at:
            self._out += packets.ping()
            self._ping_at = now + KEEPALIVE_S / 2

    def ready(self, *, readable: bool) -> None:
        """The socket is ready."""
        if self._connecting:
            self._finish_connecting()
        elif readable:
            self._read()
        self.flush()

    def flush(self) -> None:
        """Write what has gathered, as far as the socket takes it."""
        sock = self.sock
        if not self._out or self._connecting or sock is None:
            return
        try:
            sent = sock.send(self._out)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self._lose()
            return
        self._out = self._out[sent:]

    def cut(self) -> None:
        """Close the socket without a word, as a loss of power does."""
        if self.sock is not None:
            self.sock.close()
        self.sock, self.online, self._connecting = None, False, False

    # -- inside ---------------------------------------------------------------------------------

    def _attempt(self, now: float) -> None:
        self._reader, self._out = packets.Reader(), b""
        self._deadline = now + CONNACK_TIMEOUT_S
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = sock.connect_ex((self._endpoint.host, self._endpoint.port))
        self.sock, self._connecting, self._wants_write = sock, True, True
        if error not in (0, errno.EINPROGRESS):
            self._lose()

    def _finish_connecting(self) -> None:
        """The TCP connection stands, or the TLS handshake goes on."""
        sock = self.sock
        assert sock is not None
        try:
            if self._tls is not None and not isinstance(sock, ssl.SSLSocket):
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise ConnectionError
                name = self._endpoint.host
                sock = self._tls.wrap_socket(
                    sock, server_hostname=name, do_handshake_on_connect=False
                )
                self.sock = sock
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
        except ssl.SSLWantReadError:
            self._wants_write = False
            return
        except ssl.SSLWantWriteError:
            return
        except OSError:
            self._lose()
            return
        self._connecting = self._wants_write = False
        self._out = packets.connect(self._client_id, KEEPALIVE_S)

    def _read(self) -> None:
        sock = self.sock
        while sock is not None:
            try:
                data = sock.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if not data:
                self._lose()
                return
            try:
                for packet in self._reader.feed(data):
                    self._take(packet)
            except packets.BrokenStreamError:
                self._lose()
            # What TLS has decrypted already makes no socket readable.
            if self.sock is not sock or not isinstance(sock, ssl.SSLSocket) or not sock.pending():
                return

    def _take(self, packet: Received) -> None:
        if packet.kind == packets.PUBLISH:
            if packet.pid:
                self._out += packets.puback(packet.pid)
            self._on_message(packet.topic, packet.payload)
        elif packet.kind == packets.PUBACK:
            self._unacknowledged.pop(packet.pid, None)
        elif packet.kind == packets.CONNACK:
            if packet.payload[1]:
                self._lose()
                return
            self.online = True
            self._backoff_s = BACKOFF_START_S
            self._ping_at = time.monotonic() + KEEPALIVE_S / 2
            for pid, (topic, payload) in self._unacknowledged.items():
                self._out += packets.publish(topic, payload, pid, dup=True)
            self._on_up()

    def _lose(self) -> None:
        self.cut()
        self._next_attempt = time.monotonic() + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_LIMIT_S)
        self._on_down()

    def _next_pid(self) -> int:
        self._pid = self._pid % _MAX_PID + 1
        return self._pid
