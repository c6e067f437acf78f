"""The application's MQTT connection: one paho client, kept connected, run by the caller's loop."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.config import MqttEndpoint

if TYPE_CHECKING:
    from paho.mqtt.client import SocketLike

KEEPALIVE_S: Final = 60
CONNECT_TIMEOUT_S: Final = 3.0
CONNACK_TIMEOUT_S: Final = 5.0
BACKOFF_START_S: Final = 0.05
BACKOFF_LIMIT_S: Final = 2.0


def make_client(endpoint: MqttEndpoint, client_id: str) -> Client:
    """A client for the endpoint: MQTT 3.1.1, clean session, TLS if a CA is given.

    Raises ``OSError`` (``ssl.SSLError`` included) if a certificate or key cannot be used.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=True,
        protocol=MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = CONNECT_TIMEOUT_S
    if endpoint.ca is not None:
        client.tls_set(
            ca_certs=str(endpoint.ca),
            certfile=None if endpoint.cert is None else str(endpoint.cert),
            keyfile=None if endpoint.key is None else str(endpoint.key),
            tls_version=ssl.PROTOCOL_TLS_CLIENT,
        )
    client.on_socket_open = _no_delay
    return client


def _no_delay(_client: Client, _userdata: Any, sock: Any) -> None:
    """Without this each small packet waits for the acknowledgement of the one before (40 ms)."""
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Connection:
    """Connects, reconnects (50 ms, doubling to 2 s), and moves bytes when the loop says so."""

    def __init__(
        self,
        client: Client,
        endpoint: MqttEndpoint,
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``on_down`` gets the reason, also for each attempt that fails."""
        self.client = client
        self._endpoint = endpoint
        self._on_up = on_up
        self._on_down = on_down
        self._monotonic = monotonic
        self._backoff_s = BACKOFF_START_S
        self._next_attempt: float | None = monotonic()
        self._connack_deadline: float | None = None
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected

    @property
    def socket(self) -> SocketLike | None:
        """The socket to wait for, if there is one."""
        return self.client.socket()

    @property
    def events(self) -> int:
        """The ``select.poll`` events to wait for."""
        return select.POLLIN | (select.POLLOUT if self.client.want_write() else 0)

    @property
    def deadline(self) -> float | None:
        """When :meth:`attend` has something to do (``monotonic`` seconds)."""
        return self._next_attempt if self._connack_deadline is None else self._connack_deadline

    def attend(self) -> None:
        """Connect if it is time to, give up waiting for a CONNACK, keep the connection alive."""
        now = self._monotonic()
        if self._next_attempt is not None and now >= self._next_attempt:
            self._attempt()
        elif self._connack_deadline is not None and now >= self._connack_deadline:
            self._connack_deadline = None
            self.client.disconnect()
        self.client.loop_misc()

    def read(self) -> None:
        """Take in what has arrived, also what TLS has already decrypted."""
        self.client.loop_read()
        sock: Any = self.socket
        while sock is not None and isinstance(sock, ssl.SSLSocket) and sock.pending():
            self.client.loop_read()
            sock = self.socket

    def write(self) -> None:
        """Send what is queued."""
        self.client.loop_write()

    def cut(self) -> None:
        """Close the socket without a word, as a loss of power does; this object is done with."""
        sock = self.socket
        if sock is not None:
            sock.close()

    def _attempt(self) -> None:
        self._next_attempt = None
        try:
            self.client.connect(self._endpoint.host, self._endpoint.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:
            self._retry(f"cannot connect: {error}")
        else:
            self._connack_deadline = self._monotonic() + CONNACK_TIMEOUT_S

    def _retry(self, why: str) -> None:
        self._connack_deadline = None
        self._next_attempt = self._monotonic() + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_LIMIT_S)
        self._on_down(why)

    def _connected(
        self,
        _client: Client,
        _userdata: Any,
        _flags: ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._connack_deadline = None
        if not reason.is_failure:
            self._backoff_s = BACKOFF_START_S
            self._on_up()

    def _disconnected(
        self,
        _client: Client,
        _userdata: Any,
        _flags: DisconnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        self._retry(f"connection lost: {reason}")
