"""From the body of a packet to its value, strictly by MQTT 3.1.1 §3 or MQTT 5 §3."""

from __future__ import annotations

from collections.abc import Callable

from rig.gateway.codec.packets import (
    CONNECT_RETURN_CODES,
    FIXED_FLAGS,
    LEVEL_5,
    PROTOCOL_NAME,
    SUBACK_CODES,
    SUPPORTED_LEVELS,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    PacketType,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    UnsupportedConnect,
    Will,
)
from rig.gateway.codec.properties import Properties, read_properties
from rig.gateway.codec.reasons import Reason
from rig.gateway.codec.topic_names import is_topic_filter, is_topic_name
from rig.gateway.codec.wire import BodyReader, MalformedPacket

# A decoder of one packet type: body, flags of the first byte, protocol level.
BodyDecoder = Callable[[BodyReader, int, int], Packet]


def decode_packet(first_byte: int, body: bytes, level: int) -> Packet:
    """The packet of these bytes. Raises `MalformedPacket`."""
    type_number, flags = first_byte >> 4, first_byte & 0x0F
    try:
        packet_type = PacketType(type_number)
    except ValueError:
        raise MalformedPacket(f"reserved packet type {type_number}") from None
    if packet_type is PacketType.AUTH and level < LEVEL_5:
        raise MalformedPacket(f"reserved packet type {type_number}")
    if packet_type is not PacketType.PUBLISH and flags != FIXED_FLAGS[packet_type]:
        raise MalformedPacket(f"{packet_type.name} with the reserved flags {flags:#06b}")
    reader = BodyReader(body)
    packet = _DECODERS[packet_type](reader, flags, level)
    if not reader.at_end and not isinstance(packet, UnsupportedConnect):
        raise MalformedPacket(f"{packet_type.name} with bytes after its end")
    return packet


def _connect(reader: BodyReader, _flags: int, _level: int) -> Packet:
    protocol_name, level = reader.string(), reader.byte()
    if protocol_name != PROTOCOL_NAME or level not in SUPPORTED_LEVELS:
        return UnsupportedConnect(protocol_name, level)
    flags = reader.byte()
    has_will, will_qos, will_retain = bool(flags & 0x04), flags >> 3 & 0x03, bool(flags & 0x20)
    has_password, has_username = bool(flags & 0x40), bool(flags & 0x80)
    if flags & 0x01:
        raise MalformedPacket("CONNECT with its reserved flag set")
    if will_qos == 3:
        raise MalformedPacket("CONNECT with will QoS 3")
    if not has_will and (will_qos or will_retain):
        raise MalformedPacket("CONNECT without a will, but with will QoS or will retain")
    if has_password and not has_username and level < LEVEL_5:
        raise MalformedPacket("CONNECT with a password, but without a user name")
    keepalive = reader.number()
    properties = _properties(reader, "CONNECT", level)
    client_id = reader.string()
    will = None
    if has_will:
        of_will = _properties(reader, "WILL", level)
        topic = _topic_name(reader, "will")
        will = Will(topic, reader.binary(), will_qos, will_retain, of_will)
    return Connect(
        client_id=client_id,
        clean=bool(flags & 0x02),
        keepalive=keepalive,
        will=will,
        username=reader.string() if has_username else None,
        password=reader.binary() if has_password else None,
        level=level,
        properties=properties,
    )


def _connack(reader: BodyReader, _flags: int, level: int) -> Packet:
    acknowledge, rc = reader.byte(), reader.byte()
    if acknowledge & 0xFE:
        raise MalformedPacket("CONNACK with reserved flags set")
    if level >= LEVEL_5 and not reader.at_end:
        return Connack(rc, bool(acknowledge), read_properties(reader, "CONNACK"))
    # Without properties it is of a broker that knows 3.1.1 only, whatever it was asked for.
    if rc not in CONNECT_RETURN_CODES:
        raise MalformedPacket(f"CONNACK with the reserved return code {rc}")
    return Connack(rc, bool(acknowledge))


def _publish(reader: BodyReader, flags: int, level: int) -> Packet:
    dup, qos, retain = bool(flags & 0x08), flags >> 1 & 0x03, bool(flags & 0x01)
    if qos == 3:
        raise MalformedPacket("PUBLISH with QoS 3")
    if dup and qos == 0:
        raise MalformedPacket("PUBLISH with DUP and QoS 0")
    if level < LEVEL_5:
        topic = _topic_name(reader, "PUBLISH")
        pid = reader.pid() if qos else None
        return Publish(topic, reader.rest(), qos, retain, dup, pid)
    # Empty is the topic that an alias stands for (MQTT 5 §3.3.2.3.4).
    topic = reader.string()
    if topic and not is_topic_name(topic):
        raise MalformedPacket("PUBLISH topic that has wildcards")
    pid = reader.pid() if qos else None
    properties = read_properties(reader, "PUBLISH")
    return Publish(topic, reader.rest(), qos, retain, dup, pid, properties)


def _topic_name(reader: BodyReader, of: str) -> str:
    topic = reader.string()
    if not is_topic_name(topic):
        raise MalformedPacket(f"{of} topic that is empty or has wildcards")
    return topic


def _subscribe(reader: BodyReader, _flags: int, level: int) -> Packet:
    pid = reader.pid()
    properties = _properties(reader, "SUBSCRIBE", level)
    # MQTT 5 fills bits 2 to 5 with options, of which retain handling may not be 3 (§3.8.3.1).
    highest = 2 if level < LEVEL_5 else 0x2E
    filters = []
    while not reader.at_end:
        topic_filter, options = _topic_filter(reader, "SUBSCRIBE"), reader.byte()
        if options > highest or options & 0x03 == 3:
            raise MalformedPacket(f"SUBSCRIBE with the QoS byte {options:#04x}")
        filters.append((topic_filter, options))
    if not filters:
        raise MalformedPacket("SUBSCRIBE without filters", Reason.PROTOCOL_ERROR)
    return Subscribe(pid, tuple(filters), properties)


def _suback(reader: BodyReader, _flags: int, level: int) -> Packet:
    pid = reader.pid()
    properties = _properties(reader, "SUBACK", level)
    codes = tuple(reader.rest())
    known = level >= LEVEL_5 or SUBACK_CODES.issuperset(codes)
    if not codes or not known:
        raise MalformedPacket("SUBACK without codes or with reserved ones")
    return Suback(pid, codes, properties)


def _unsuback(reader: BodyReader, _flags: int, level: int) -> Packet:
    pid = reader.pid()
    if level < LEVEL_5:
        return Unsuback(pid)
    properties = read_properties(reader, "UNSUBACK")
    codes = tuple(reader.rest())
    if not codes:
        raise MalformedPacket("UNSUBACK without codes")
    return Unsuback(pid, codes, properties)


def _unsubscribe(reader: BodyReader, _flags: int, level: int) -> Packet:
    pid = reader.pid()
    properties = _properties(reader, "UNSUBSCRIBE", level)
    filters = []
    while not reader.at_end:
        filters.append(_topic_filter(reader, "UNSUBSCRIBE"))
    if not filters:
        raise MalformedPacket("UNSUBSCRIBE without filters", Reason.PROTOCOL_ERROR)
    return Unsubscribe(pid, tuple(filters), properties)


def _topic_filter(reader: BodyReader, of: str) -> str:
    topic_filter = reader.string()
    if not is_topic_filter(topic_filter):
        raise MalformedPacket(f"{of} with a filter that is empty or has misplaced wildcards")
    return topic_filter


def _acknowledgement(name: str, packet: Callable[[int, int, Properties], Packet]) -> BodyDecoder:
    def decode(reader: BodyReader, _flags: int, level: int) -> Packet:
        return packet(reader.pid(), *_reason(reader, name, level))

    return decode


def _farewell(name: str, packet: Callable[[int, Properties], Packet]) -> BodyDecoder:
    return lambda reader, _flags, level: packet(*_reason(reader, name, level))


def _reason(reader: BodyReader, name: str, level: int) -> tuple[int, Properties]:
    """Reason code and properties, which MQTT 5 lets out where they say nothing (§3.4.2.1)."""
    if level < LEVEL_5 or reader.at_end:
        return 0, ()
    rc = reader.byte()
    return rc, () if reader.at_end else read_properties(reader, name)


def _properties(reader: BodyReader, where: str, level: int) -> Properties:
    return () if level < LEVEL_5 else read_properties(reader, where)


def _nothing(packet: Packet) -> BodyDecoder:
    return lambda _reader, _flags, _level: packet


_DECODERS: dict[PacketType, BodyDecoder] = {
    PacketType.CONNECT: _connect,
    PacketType.CONNACK: _connack,
    PacketType.PUBLISH: _publish,
    PacketType.PUBACK: _acknowledgement("PUBACK", Puback),
    PacketType.PUBREC: _acknowledgement("PUBREC", Pubrec),
    PacketType.PUBREL: _acknowledgement("PUBREL", Pubrel),
    PacketType.PUBCOMP: _acknowledgement("PUBCOMP", Pubcomp),
    PacketType.SUBSCRIBE: _subscribe,
    PacketType.SUBACK: _suback,
    PacketType.UNSUBSCRIBE: _unsubscribe,
    PacketType.UNSUBACK: _unsuback,
    PacketType.PINGREQ: _nothing(Pingreq()),
    PacketType.PINGRESP: _nothing(Pingresp()),
    PacketType.DISCONNECT: _farewell("DISCONNECT", Disconnect),
    PacketType.AUTH: _farewell("AUTH", Auth),
}
