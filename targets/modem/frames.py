"""Frames of the wire: SLIP (RFC 1055) around channel, type, payload and a checksum.

docs/firmware.md has the table of types; the checksum is CRC-16/CCITT-FALSE, little-endian.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

END, ESCAPE, ESCAPED_END, ESCAPED_ESCAPE = b"\xc0", b"\xdb", b"\xdb\xdc", b"\xdb\xdd"
CRC_START = 0xFFFF
CRC_SIZE = 2
SHORTEST = 4
MAX_FRAME = 2 * (1024 + 5)
"""Bytes on the wire between two ends, every one escaped."""
MAX_PAYLOAD = 256
"""Bytes of data that we put into one frame: the device's buffer holds no more."""


class FrameType(IntEnum):
    """What a frame says; those of the host have bit 4."""

    OPEN = 1
    DATA = 2
    CLOSE = 3
    CREDIT = 4
    HELLO = 5
    HOST_HELLO = 16
    OPENED = 17
    HOST_DATA = 18
    CLOSED = 19
    HOST_CREDIT = 20


class SocketKind(IntEnum):
    """What a device wants a channel for."""

    GATEWAY = 1
    SERVER = 2


@dataclass(frozen=True)
class Frame:
    """One frame, unescaped and without its checksum."""

    channel: int
    type: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """The frame as it goes over the wire; the first end byte ends whatever noise was there."""
        body = bytes([self.channel, self.type]) + self.payload
        body += binascii.crc_hqx(body, CRC_START).to_bytes(CRC_SIZE, "little")
        body = body.replace(ESCAPE, ESCAPED_ESCAPE).replace(END, ESCAPED_END)
        return END + body + END


class FrameDecoder:
    """Takes bytes as they come and gives the frames that are whole."""

    def __init__(self) -> None:
        self.bad_frames = 0
        """How many were dropped: wrong checksum, too short, too long, wrongly escaped."""
        self._buffer = b""
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[Frame]:
        *bodies, rest = (self._buffer + data).split(END)
        self._buffer = rest
        for body in bodies:
            if self._too_long:
                self._too_long = False
            elif body:
                frame = _decode(body)
                if frame is None:
                    self.bad_frames += 1
                else:
                    yield frame
        if len(self._buffer) > MAX_FRAME:
            self.bad_frames += not self._too_long
            self._buffer, self._too_long = b"", True


def _decode(body: bytes) -> Frame | None:
    content = bytearray()
    position = 0
    while position < len(body):
        byte = body[position : position + 1]
        if byte == ESCAPE:
            pair = body[position : position + 2]
            if pair not in (ESCAPED_END, ESCAPED_ESCAPE):
                return None
            byte = END if pair == ESCAPED_END else ESCAPE
            position += 1
        content += byte
        position += 1
    if len(content) < SHORTEST:
        return None
    told = int.from_bytes(content[-CRC_SIZE:], "little")
    if binascii.crc_hqx(bytes(content[:-CRC_SIZE]), CRC_START) != told:
        return None
    return Frame(content[0], content[1], bytes(content[2:-CRC_SIZE]))
