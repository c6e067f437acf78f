"""The properties of MQTT 5 packets: one table, bytes to values and back (MQTT 5 §2.2.2)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntEnum

from rig.gateway.codec.reasons import Reason
from rig.gateway.codec.topic_names import is_topic_name
from rig.gateway.codec.wire import (
    BodyReader,
    MalformedPacket,
    encode_binary,
    encode_remaining_length,
    encode_string,
)


class Property(IntEnum):
    """The identifiers (MQTT 5 §2.2.2.2). The names, in lower case, are those of the trace."""

    PAYLOAD_FORMAT_INDICATOR = 0x01
    MESSAGE_EXPIRY_INTERVAL = 0x02
    CONTENT_TYPE = 0x03
    RESPONSE_TOPIC = 0x08
    CORRELATION_DATA = 0x09
    SUBSCRIPTION_IDENTIFIER = 0x0B
    SESSION_EXPIRY_INTERVAL = 0x11
    ASSIGNED_CLIENT_IDENTIFIER = 0x12
    SERVER_KEEP_ALIVE = 0x13
    AUTHENTICATION_METHOD = 0x15
    AUTHENTICATION_DATA = 0x16
    REQUEST_PROBLEM_INFORMATION = 0x17
    WILL_DELAY_INTERVAL = 0x18
    REQUEST_RESPONSE_INFORMATION = 0x19
    RESPONSE_INFORMATION = 0x1A
    SERVER_REFERENCE = 0x1C
    REASON_STRING = 0x1F
    RECEIVE_MAXIMUM = 0x21
    TOPIC_ALIAS_MAXIMUM = 0x22
    TOPIC_ALIAS = 0x23
    MAXIMUM_QOS = 0x24
    RETAIN_AVAILABLE = 0x25
    USER_PROPERTY = 0x26
    MAXIMUM_PACKET_SIZE = 0x27
    WILDCARD_SUBSCRIPTION_AVAILABLE = 0x28
    SUBSCRIPTION_IDENTIFIER_AVAILABLE = 0x29
    SHARED_SUBSCRIPTION_AVAILABLE = 0x2A


# Numbers, text, bytes, or a user property's name and value.
Value = int | str | bytes | tuple[str, str]
# In the order of the wire; user properties may come more than once and their order counts.
Properties = tuple[tuple[Property, Value], ...]


class Shape(Enum):
    """How a value is written. A flag is a byte that is 0 or 1."""

    FLAG = "flag"
    TWO_BYTES = "two bytes"
    FOUR_BYTES = "four bytes"
    VARIABLE = "variable byte integer"
    BINARY = "binary"
    TEXT = "text"
    PAIR = "pair of texts"


_P = Property
_ACKNOWLEDGEMENTS = "PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK "
_MESSAGE = "PUBLISH WILL"

# Where each may stand: packet types, and WILL for the will's own (MQTT 5 table 2-4).
TABLE: dict[Property, tuple[Shape, frozenset[str]]] = {
    identifier: (shape, frozenset(where.split()))
    for identifier, shape, where in (
        (_P.PAYLOAD_FORMAT_INDICATOR, Shape.FLAG, _MESSAGE),
        (_P.MESSAGE_EXPIRY_INTERVAL, Shape.FOUR_BYTES, _MESSAGE),
        (_P.CONTENT_TYPE, Shape.TEXT, _MESSAGE),
        (_P.RESPONSE_TOPIC, Shape.TEXT, _MESSAGE),
        (_P.CORRELATION_DATA, Shape.BINARY, _MESSAGE),
        (_P.SUBSCRIPTION_IDENTIFIER, Shape.VARIABLE, "PUBLISH SUBSCRIBE"),
        (_P.SESSION_EXPIRY_INTERVAL, Shape.FOUR_BYTES, "CONNECT CONNACK DISCONNECT"),
        (_P.ASSIGNED_CLIENT_IDENTIFIER, Shape.TEXT, "CONNACK"),
        (_P.SERVER_KEEP_ALIVE, Shape.TWO_BYTES, "CONNACK"),
        (_P.AUTHENTICATION_METHOD, Shape.TEXT, "CONNECT CONNACK AUTH"),
        (_P.AUTHENTICATION_DATA, Shape.BINARY, "CONNECT CONNACK AUTH"),
        (_P.REQUEST_PROBLEM_INFORMATION, Shape.FLAG, "CONNECT"),
        (_P.WILL_DELAY_INTERVAL, Shape.FOUR_BYTES, "WILL"),
        (_P.REQUEST_RESPONSE_INFORMATION, Shape.FLAG, "CONNECT"),
        (_P.RESPONSE_INFORMATION, Shape.TEXT, "CONNACK"),
        (_P.SERVER_REFERENCE, Shape.TEXT, "CONNACK DISCONNECT"),
        (_P.REASON_STRING, Shape.TEXT, _ACKNOWLEDGEMENTS + "CONNACK DISCONNECT AUTH"),
        (_P.RECEIVE_MAXIMUM, Shape.TWO_BYTES, "CONNECT CONNACK"),
        (_P.TOPIC_ALIAS_MAXIMUM, Shape.TWO_BYTES, "CONNECT CONNACK"),
        (_P.TOPIC_ALIAS, Shape.TWO_BYTES, "PUBLISH"),
        (_P.MAXIMUM_QOS, Shape.FLAG, "CONNACK"),
        (_P.RETAIN_AVAILABLE, Shape.FLAG, "CONNACK"),
        (
            _P.USER_PROPERTY,
            Shape.PAIR,
            _ACKNOWLEDGEMENTS + _MESSAGE + " CONNECT CONNACK SUBSCRIBE UNSUBSCRIBE DISCONNECT AUTH",
        ),
        (_P.MAXIMUM_PACKET_SIZE, Shape.FOUR_BYTES, "CONNECT CONNACK"),
        (_P.WILDCARD_SUBSCRIPTION_AVAILABLE, Shape.FLAG, "CONNACK"),
        (_P.SUBSCRIPTION_IDENTIFIER_AVAILABLE, Shape.FLAG, "CONNACK"),
        (_P.SHARED_SUBSCRIPTION_AVAILABLE, Shape.FLAG, "CONNACK"),
    )
}

# Those for which 0 has no meaning (§3.1.2.11.3, §3.1.2.11.4, §3.3.2.3.4, §3.8.2.1.2).
NEVER_ZERO: dict[Property, Reason] = {
    Property.RECEIVE_MAXIMUM: Reason.PROTOCOL_ERROR,
    Property.MAXIMUM_PACKET_SIZE: Reason.PROTOCOL_ERROR,
    Property.SUBSCRIPTION_IDENTIFIER: Reason.PROTOCOL_ERROR,
    Property.TOPIC_ALIAS: Reason.TOPIC_ALIAS_INVALID,
}


def number_of(properties: Properties, wanted: Property, default: int) -> int:
    """The value of a property that is a number."""
    for identifier, value in properties:
        if identifier is wanted and isinstance(value, int):
            return value
    return default


def only(properties: Properties, *wanted: Property) -> Properties:
    return tuple(each for each in properties if each[0] in wanted)


def without(properties: Properties, *unwanted: Property) -> Properties:
    return tuple(each for each in properties if each[0] not in unwanted)


def read_properties(reader: BodyReader, where: str) -> Properties:
    """The properties that stand here; `where` is the packet type, or WILL.

    Raises `MalformedPacket`, whose `rc` tells bytes that are no properties from properties that
    may not be there.
    """
    section = BodyReader(reader.take(reader.variable()))
    found: list[tuple[Property, Value]] = []
    seen: set[Property] = set()
    while not section.at_end:
        number = section.variable()
        try:
            identifier = Property(number)
        except ValueError:
            raise MalformedPacket(f"{where} with the unknown property {number:#04x}") from None
        shape, allowed = TABLE[identifier]
        name = identifier.name
        if where not in allowed:
            raise MalformedPacket(f"{where} with the property {name}", Reason.PROTOCOL_ERROR)
        repeats = identifier is Property.USER_PROPERTY or (
            identifier is Property.SUBSCRIPTION_IDENTIFIER and where == "PUBLISH"
        )
        if identifier in seen and not repeats:
            raise MalformedPacket(f"{where} with {name} more than once", Reason.PROTOCOL_ERROR)
        seen.add(identifier)
        value = _READERS[shape](section)
        if shape is Shape.FLAG and value not in (0, 1):
            raise MalformedPacket(
                f"{where} with {name} {value!r}, not 0 or 1", Reason.PROTOCOL_ERROR
            )
        if value == 0 and identifier in NEVER_ZERO:
            raise MalformedPacket(f"{where} with {name} 0", NEVER_ZERO[identifier])
        if identifier is Property.RESPONSE_TOPIC and not is_topic_name(_text(value)):
            raise MalformedPacket(
                f"{where} with a response topic that is none", Reason.PROTOCOL_ERROR
            )
        found.append((identifier, value))
    if Property.AUTHENTICATION_DATA in seen and Property.AUTHENTICATION_METHOD not in seen:
        raise MalformedPacket(
            f"{where} with authentication data, but no method", Reason.PROTOCOL_ERROR
        )
    return tuple(found)


def write_properties(properties: Properties) -> bytes:
    """Their bytes after their length. Raises `ValueError` for a value that is too long."""
    if not properties:
        return b"\0"
    written = b"".join(
        bytes([identifier]) + _WRITERS[TABLE[identifier][0]](value)
        for identifier, value in properties
    )
    return encode_remaining_length(len(written)) + written


def _text(value: Value) -> str:
    assert isinstance(value, str)
    return value


def _pair(value: Value) -> bytes:
    assert isinstance(value, tuple)
    return encode_string(value[0]) + encode_string(value[1])


def _fixed(count: int) -> Callable[[Value], bytes]:
    def write(value: Value) -> bytes:
        assert isinstance(value, int)
        return value.to_bytes(count, "big")

    return write


def _variable(value: Value) -> bytes:
    assert isinstance(value, int)
    return encode_remaining_length(value)


def _binary(value: Value) -> bytes:
    assert isinstance(value, bytes)
    return encode_binary(value)


_READERS: dict[Shape, Callable[[BodyReader], Value]] = {
    Shape.FLAG: BodyReader.byte,
    Shape.TWO_BYTES: BodyReader.number,
    Shape.FOUR_BYTES: lambda reader: int.from_bytes(reader.take(4), "big"),
    Shape.VARIABLE: BodyReader.variable,
    Shape.BINARY: BodyReader.binary,
    Shape.TEXT: BodyReader.string,
    Shape.PAIR: lambda reader: (reader.string(), reader.string()),
}
_WRITERS: dict[Shape, Callable[[Value], bytes]] = {
    Shape.FLAG: _fixed(1),
    Shape.TWO_BYTES: _fixed(2),
    Shape.FOUR_BYTES: _fixed(4),
    Shape.VARIABLE: _variable,
    Shape.BINARY: _binary,
    Shape.TEXT: lambda value: encode_string(_text(value)),
    Shape.PAIR: _pair,
}
