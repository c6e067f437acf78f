"""Two clients for the tests: paho, as in real life, and one of bare packets, for exact control."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
from collections.abc import Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from rig.gateway.codec import LEVEL_3_1_1, Connack, Connect, Decoder, Packet, Publish, encode

# How long a test waits for what must come; nothing is ever waited out.
PATIENCE_S = 20.0


class Paho:
    """A paho client that waits for the answer to each step."""

    def __init__(
        self,
        port: int,
        client_id: str,
        *,
        clean: bool = True,
        keepalive: int = 60,
        tls: ssl.SSLContext | None = None,
        will: tuple[str, bytes, int, bool] | None = None,
    ) -> None:
        self.messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
        self.session_present: bool | None = None
        self._connacks: queue.Queue[tuple[bool, int]] = queue.Queue()
        self._subacks: queue.Queue[list[int]] = queue.Queue()
        self._unsubacks: queue.Queue[int] = queue.Queue()
        self._published: queue.Queue[int] = queue.Queue()
        self.disconnected = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=clean, reconnect_on_failure=False
        )
        if tls is not None:
            self._client.tls_set_context(tls)
        if will is not None:
            self._client.will_set(*will)
        self._client.on_connect = lambda _c, _u, flags, code, _p: self._connacks.put(
            (flags.session_present, code.value)
        )
        self._client.on_message = lambda _c, _u, message: self.messages.put(message)
        self._client.on_subscribe = lambda _c, _u, _mid, codes, _p: self._subacks.put(
            [code.value for code in codes]
        )
        self._client.on_unsubscribe = lambda _c, _u, mid, _codes, _p: self._unsubacks.put(mid)
        self._client.on_publish = lambda _c, _u, mid, _code, _p: self._published.put(mid)
        self._client.on_disconnect = self._on_disconnect
        self._port, self._keepalive = port, keepalive

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, _code: ReasonCode, _p: object
    ) -> None:
        self.disconnected.set()

    def connect(self) -> int:
        """The return code of CONNACK."""
        self.disconnected.clear()
        self._client.connect("127.0.0.1", self._port, self._keepalive)
        self._client.loop_start()
        present, code = self._connacks.get(timeout=PATIENCE_S)
        self.session_present = present
        return code

    def subscribe(self, topic_filter: str, qos: int = 1) -> list[int]:
        """The codes of SUBACK."""
        self._client.subscribe(topic_filter, qos)
        return self._subacks.get(timeout=PATIENCE_S)

    def unsubscribe(self, topic_filter: str) -> None:
        self._client.unsubscribe(topic_filter)
        self._unsubacks.get(timeout=PATIENCE_S)

    def publish(
        self, topic: str, payload: bytes = b"{}", qos: int = 1, retain: bool = False
    ) -> None:
        """Publish, and with QoS 1 wait for PUBACK."""
        self._client.publish(topic, payload, qos, retain)
        self._published.get(timeout=PATIENCE_S)

    def publish_into_the_void(self, topic: str) -> None:
        """Publish what will not be acknowledged."""
        self._client.publish(topic, b"{}", 1)

    def next(self) -> paho.MQTTMessage:
        return self.messages.get(timeout=PATIENCE_S)

    def topics(self, count: int) -> list[str]:
        """The topics of the next messages."""
        return [self.next().topic for _ in range(count)]

    def disconnect(self) -> None:
        """Leave with DISCONNECT."""
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Leave without DISCONNECT."""
        sock = self._client.socket()
        assert isinstance(sock, socket.socket)
        sock.shutdown(socket.SHUT_RDWR)
        assert self.disconnected.wait(PATIENCE_S)
        self._client.loop_stop()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Bare:
    """A blocking client that sends and receives packets, or bytes that are none."""

    def __init__(
        self, port: int, tls: ssl.SSLContext | None = None, level: int = LEVEL_3_1_1
    ) -> None:
        sock: socket.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock if tls is None else tls.wrap_socket(sock, server_hostname="localhost")
        self.level = level
        self._decoder = Decoder(level=level)
        self._received: list[Packet] = []

    def connect(self, client_id: str, **fields: object) -> Connack:
        self.send(Connect(client_id, level=self.level, **fields))  # type: ignore[arg-type]
        connack = self.receive()
        assert isinstance(connack, Connack)
        return connack

    def send(self, *packets: Packet) -> None:
        """All in one write."""
        self.send_bytes(b"".join([encode(packet, self.level) for packet in packets]))

    def send_bytes(self, data: bytes) -> None:
        self.socket.sendall(data)

    def receive(self) -> Packet:
        """The next packet; fails at the end of the connection."""
        packet = self.receive_or_end()
        assert packet is not None, "the gateway closed the connection"
        return packet

    def receive_many(self, count: int) -> list[Packet]:
        return [self.receive() for _ in range(count)]

    def receive_or_end(self) -> Packet | None:
        """The next packet, None at the end of the connection."""
        while not self._received:
            try:
                data = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._received += self._decoder.feed(data)
        return self._received.pop(0)

    def receive_until_end(self) -> list[Packet]:
        """Whatever still comes before the connection ends."""
        packets: list[Packet] = []
        while (packet := self.receive_or_end()) is not None:
            packets.append(packet)
        return packets

    def receive_until_end_of_bytes(self) -> bool:
        """Read, as bytes, until the peer ends the connection."""
        with contextlib.suppress(ConnectionResetError):
            while self.socket.recv(1 << 16):
                pass
        return True

    def reset(self) -> None:
        """End the connection with RST, as a device does that loses its state."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.close()


def publishes(packets: Sequence[Packet]) -> list[str]:
    """The topics of the PUBLISH packets among these."""
    return [packet.topic for packet in packets if isinstance(packet, Publish)]
