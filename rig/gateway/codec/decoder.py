"""The incremental decoder: bytes as they come in, whole packets out."""

from __future__ import annotations

from dataclasses import replace

from rig.gateway.codec.decode import decode_packet
from rig.gateway.codec.packets import (
    LEVEL_3_1_1,
    LEVEL_5,
    SUPPORTED_LEVELS,
    Connect,
    Packet,
    Publish,
)
from rig.gateway.codec.properties import (
    Property,
    number_of,
)
from rig.gateway.codec.reasons import Reason
from rig.gateway.codec.wire import MalformedPacket

# What four bytes of remaining length can say (MQTT 3.1.1 §2.2.3).
MAX_REMAINING_LENGTH = (1 << 28) - 1


_LENGTH_BYTES = 4


class Decoder:
    """Decodes one direction of one connection.

    `max_packet` bounds the remaining length of a packet in bytes, and so what is ever buffered:
    a larger packet is refused as soon as its length is read (job service §8.2 A12). A CONNECT
    sets the protocol level of what follows it. A PUBLISH with a topic alias, up to `max_alias`,
    comes out with its topic; the property stays on it (MQTT 5 §3.3.2.3.4).
    """

    def __init__(
        self,
        max_packet: int = MAX_REMAINING_LENGTH,
        level: int = LEVEL_3_1_1,
        max_alias: int = 0,
    ) -> None:
        if level not in SUPPORTED_LEVELS:
            raise ValueError(f"MQTT level {level} is not supported; {sorted(SUPPORTED_LEVELS)} are")
        self.level = level
        self._max_packet = max_packet
        self._max_alias = max_alias
        self._aliases: dict[int, str] = {}
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
                packet = decode_packet(self._buffer[start], body, self.level)
                if isinstance(packet, Connect):
                    self.level = packet.level
                elif self.level >= LEVEL_5 and isinstance(packet, Publish):
                    packet = self._with_topic(packet)
                packets.append(packet)
                start = end
        except MalformedPacket as error:
            self._broken = str(error)
            self._buffer.clear()
            error.before = tuple(packets)
            raise
        del self._buffer[:start]
        return packets

    @property
    def is_amid(self) -> bool:
        """Whether a packet has begun that is not whole yet."""
        return bool(self._buffer)

    def _with_topic(self, packet: Publish) -> Publish:
        alias = number_of(packet.properties, Property.TOPIC_ALIAS, 0)
        if alias > self._max_alias:
            raise MalformedPacket(
                f"PUBLISH with topic alias {alias}, above {self._max_alias}",
                Reason.TOPIC_ALIAS_INVALID,
            )
        if alias and packet.topic:
            self._aliases[alias] = packet.topic
        elif alias in self._aliases:
            return replace(packet, topic=self._aliases[alias])
        elif not packet.topic:
            raise MalformedPacket("PUBLISH without a topic or a known alias", Reason.PROTOCOL_ERROR)
        return packet

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
                f"a packet of {length} bytes, above the limit of {self._max_packet}",
                Reason.PACKET_TOO_LARGE,
            )
        end = at + 1 + length
        return (at + 1, end) if end <= len(self._buffer) else None
