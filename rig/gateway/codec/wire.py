"""The data types of MQTT on the wire (MQTT 3.1.1 §1.5, §2.2.3; MQTT 5 §1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rig.gateway.codec.reasons import Reason

if TYPE_CHECKING:
    from rig.gateway.codec.packets import Packet

MAX_STRING_BYTES = 0xFFFF


class MalformedPacket(Exception):  # noqa: N818 - the term of the standard
    """The peer's bytes are not MQTT. The connection must be closed (§4.8).

    `before` holds the packets that were complete before the malformed one in the same read; `rc`
    is what MQTT 5 calls the breach.
    """

    def __init__(self, what: str, rc: Reason = Reason.MALFORMED_PACKET) -> None:
        super().__init__(what)
        self.rc = rc
        self.before: tuple[Packet, ...] = ()


class BodyReader:
    """Reads the fields of one packet's body in their order."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """A two-byte number, most significant byte first."""
        return int.from_bytes(self.take(2), "big")

    def variable(self) -> int:
        """A variable byte integer (MQTT 5 §1.5.5), in as few bytes as it needs."""
        value = 0
        for position in range(4):
            byte = self.byte()
            value |= (byte & 0x7F) << 7 * position
            if not byte & 0x80:
                if position and not byte:
                    raise MalformedPacket("a variable byte integer of needless length")
                return value
        raise MalformedPacket("a variable byte integer of more than four bytes")

    def pid(self) -> int:
        """A packet identifier, never 0 (§2.3.1)."""
        pid = self.number()
        if pid == 0:
            raise MalformedPacket("packet identifier 0")
        return pid

    def binary(self) -> bytes:
        """Bytes after their two-byte length."""
        return self.take(self.number())

    def string(self) -> str:
        """UTF-8 after its two-byte length, without surrogates and U+0000 (§1.5.3)."""
        try:
            text = self.binary().decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedPacket("text that is not UTF-8") from None
        if "\0" in text:
            raise MalformedPacket("text with U+0000")
        return text

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._body):
            raise MalformedPacket("the packet is shorter than its fields")
        taken = self._body[self._at : end]
        self._at = end
        return taken

    def rest(self) -> bytes:
        return self.take(len(self._body) - self._at)

    @property
    def at_end(self) -> bool:
        return self._at == len(self._body)


def encode_binary(value: bytes) -> bytes:
    if len(value) > MAX_STRING_BYTES:
        raise ValueError(f"{len(value)} bytes do not fit into an MQTT string, which holds 65535")
    return len(value).to_bytes(2, "big") + value


def encode_string(value: str) -> bytes:
    return encode_binary(value.encode("utf-8"))


def encode_remaining_length(length: int) -> bytes:
    """A length in one to four bytes of seven bits each (§2.2.3; MQTT 5 §1.5.5)."""
    if length >= 1 << 28:
        raise ValueError(f"{length} bytes do not fit into an MQTT packet")
    encoded = bytearray()
    while True:
        length, low = length >> 7, length & 0x7F
        if not length:
            encoded.append(low)
            return bytes(encoded)
        encoded.append(low | 0x80)
