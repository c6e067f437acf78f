"""What a device needs of MQTT 3.1.1 on the wire, for many devices in one process.

The reference device speaks through paho, which takes four system calls and as many locks for each
message. Here everything that has arrived is read at once.
"""

from __future__ import annotations

from typing import NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK, PINGREQ = 2, 3, 4, 9, 12
_CONNECT, _SUBSCRIBE, _UNSUBSCRIBE = 1, 8, 10
_CLEAN_SESSION = 0x02
_PROTOCOL = b"\x00\x04MQTT\x04"
_MAX_LENGTH_BYTES = 4
_LENGTH_OF_TEXT = 2
MAX_PACKET = 128 * 1024 + 65_535 + 4
"""Bytes after the header that are waited for: the largest payload of the service and its topic."""


class Received(NamedTuple):
    """One packet. ``topic`` and ``payload`` are of a PUBLISH; for others ``payload`` is the body.

    ``pid`` is 0 where the packet has none.
    """

    kind: int
    pid: int
    topic: bytes
    payload: bytes


class BrokenStreamError(Exception):
    """The bytes are not MQTT."""


class Reader:
    """Takes bytes as they come and gives whole packets."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Received]:
        """The packets that these bytes complete. Raises :class:`BrokenStreamError`."""
        if self._rest:
            data = self._rest + data
        packets = []
        start, size = 0, len(data)
        while True:
            length, at = _remaining_length(data, start + 1, size)
            end = at + length
            if length < 0:
                break
            if end > size:
                if length > MAX_PACKET:
                    raise BrokenStreamError(f"a packet of {length} bytes")
                break
            packets.append(_packet(data[start], data, at, end))
            start = end
        self._rest = data[start:]
        return packets


def _remaining_length(data: bytes, at: int, size: int) -> tuple[int, int]:
    """The length and where the body begins; a length of -1 if not all of it is there."""
    length = 0
    for place in range(_MAX_LENGTH_BYTES):
        if at >= size:
            return -1, at
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return length, at
    raise BrokenStreamError("a remaining length of more than four bytes")


def _packet(first: int, data: bytes, at: int, end: int) -> Received:
    kind = first >> 4
    if kind != PUBLISH:
        has_pid = kind in (PUBACK, SUBACK)
        pid = int.from_bytes(data[at : min(at + 2, end)], "big") if has_pid else 0
        return Received(kind, pid, b"", data[at:end])
    if end - at < _LENGTH_OF_TEXT:
        raise BrokenStreamError("a PUBLISH without a topic")
    body = at + 2 + (data[at] << 8 | data[at + 1])
    topic = data[at + 2 : body]
    has_pid = bool(first & 0x06)
    if body + 2 * has_pid > end:
        raise BrokenStreamError("a PUBLISH that is shorter than its fields")
    pid = 0
    if has_pid:
        pid = data[body] << 8 | data[body + 1]
        body += 2
    return Received(PUBLISH, pid, topic, data[body:end])


def connect(client_id: str, keepalive_s: int) -> bytes:
    """CONNECT with a clean session."""
    head = _PROTOCOL + bytes([_CLEAN_SESSION]) + keepalive_s.to_bytes(2, "big")
    return _framed(_CONNECT << 4, head + _text(client_id))


def publish(topic: str, payload: bytes, pid: int, *, dup: bool = False) -> bytes:
    """PUBLISH, with QoS 1 if it has an identifier, never retained."""
    head = _text(topic)
    if pid:
        head += pid.to_bytes(2, "big")
    return _framed(PUBLISH << 4 | (bool(pid) << 1) | (dup << 3), head + payload)


def puback(pid: int) -> bytes:
    """The acknowledgement of a PUBLISH with QoS 1."""
    return _framed(PUBACK << 4, pid.to_bytes(2, "big"))


def subscribe(topic_filter: str, qos: int, pid: int) -> bytes:
    """SUBSCRIBE to one filter."""
    return _framed(_SUBSCRIBE << 4 | 2, pid.to_bytes(2, "big") + _text(topic_filter) + bytes([qos]))


def unsubscribe(topic_filter: str, pid: int) -> bytes:
    """UNSUBSCRIBE from one filter."""
    return _framed(_UNSUBSCRIBE << 4 | 2, pid.to_bytes(2, "big") + _text(topic_filter))


def ping() -> bytes:
    """PINGREQ."""
    return _framed(PINGREQ << 4, b"")


def _text(text: str) -> bytes:
    encoded = text.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _framed(first: int, body: bytes) -> bytes:
    length = len(body)
    if length < 0x80:
        return bytes((first, length)) + body
    encoded = bytearray((first,))
    while length >= 0x80:
        encoded.append(length & 0x7F | 0x80)
        length >>= 7
    encoded.append(length)
    return bytes(encoded) + body
