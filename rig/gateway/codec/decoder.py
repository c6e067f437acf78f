"""The incremental decoder: bytes as they come in, whole packets out."""

from __future__ import annotations

from rig.gateway.codec.decode import decode_packet
from rig.gateway.codec.packets import LEVEL_3_1_1, SUPPORTED_LEVELS, Packet
from rig.gateway.codec.wire import MalformedPacket

# What four bytes of remaining length can say (MQTT 3.1.1 §2.2.3).
MAX_REMAINING_LENGTH = (1 << 28) - 1

_LENGTH_BYTES = 4


class Decoder:
    """Decodes one direction of one connection.

    `max_packet` bounds the remaining length of a packet in bytes, and so what is ever buffered:
    a larger packet is refused as soon as its length is read (job service §8.2 A12).
    """

    def __init__(self, max_packet: int = MAX_REMAINING_LENGTH, level: int = LEVEL_3_1_1) -> None:
        if level not in SUPPORTED_LEVELS:
            raise ValueError(f"MQTT level {level} is not supported; {sorted(SUPPORTED_LEVELS)} are")
        self.level = level
        self._max_packet = max_packet
        self._buffer = bytearray()
        self._broken: str | None = None

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that these bytes complete.

        Raises `MalformedPacket`, which carries the packets complete before; the decoder stays
        broken from then on.
        """
        if self._broken is not None:
            raise MalformedPacket(self._broken)
        self._buffer += data
        packets: list[Packet] = []
        start = 0
        try:
            while (span := self._next_body(start)) is not None:
                begin, end = span
                body = bytes(memoryview(self._buffer)[begin:end])
                packets.append(decode_packet(self._buffer[start], body, self.level))
                start = end
        except MalformedPacket as error:
            self._broken = str(error)
            self._buffer.clear()
            error.before = tuple(packets)
            raise
        del self._buffer[:start]
        return packets

    def _next_body(self, start: int) -> tuple[int, int] | None:
        """Where the body of the packet at `start` begins and ends; None if not all is there."""
        length = 0
        for position in range(_LENGTH_BYTES):
            at = start + 1 + position
            if at >= len(self._buffer):
                return None
            byte = self._buffer[at]
            length |= (byte & 0x7F) << 7 * position
            if not byte & 0x80:
                break
        else:
            raise MalformedPacket("remaining length of more than four bytes")
        if length > self._max_packet:
            raise MalformedPacket(
                f"a packet of {length} bytes, above the limit of {self._max_packet}"
            )
        end = at + 1 + length
        return (at + 1, end) if end <= len(self._buffer) else None
