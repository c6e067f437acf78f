"""The codec at level 5: properties, reason codes and aliases there and back, breaches refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.gateway.codec import (
    LEVEL_5,
    Auth,
    Connack,
    Connect,
    Decoder,
    Disconnect,
    MalformedPacket,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    Property,
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
    encode,
)
from rig.gateway.codec.properties import NEVER_ZERO, TABLE, Shape
from tests.rig.gateway.test_codec import filters, payloads, pids, qos, texts, topics

MAX_ALIAS = 0xFFFF
codes = st.integers(0, 0xFF)

VALUES: dict[Shape, Any] = {
    Shape.FLAG: st.integers(0, 1),
    Shape.TWO_BYTES: st.integers(1, 0xFFFF),
    Shape.FOUR_BYTES: st.integers(1, 0xFFFF_FFFF),
    Shape.VARIABLE: st.integers(1, (1 << 28) - 1),
    Shape.BINARY: payloads,
    Shape.TEXT: topics,
    Shape.PAIR: st.tuples(texts, texts),
}


def properties(where: str) -> st.SearchStrategy[Properties]:
    """Any that may stand here, user properties up to three times."""
    single = [
        identifier
        for identifier, (_, allowed) in TABLE.items()
        if where in allowed
        and identifier
        not in {
            Property.USER_PROPERTY,
            Property.AUTHENTICATION_DATA,
        }
    ]

    @st.composite
    def some(draw: st.DrawFn) -> Properties:
        chosen = draw(st.lists(st.sampled_from(single), unique=True)) if single else []
        found = [(identifier, draw(VALUES[TABLE[identifier][0]])) for identifier in chosen]
        pairs = draw(st.lists(VALUES[Shape.PAIR], max_size=3))
        return (*found, *((Property.USER_PROPERTY, pair) for pair in pairs))

    return some()


@st.composite
def connects(draw: st.DrawFn) -> Connect:
    will = st.builds(Will, topics, payloads, qos, st.booleans(), properties("WILL"))
    return Connect(
        client_id=draw(texts),
        clean=draw(st.booleans()),
        keepalive=draw(st.integers(0, 0xFFFF)),
        will=draw(st.none() | will),
        username=draw(st.none() | texts),
        # MQTT 5 allows a password without a user name (§3.1.2.9).
        password=draw(st.none() | payloads),
        level=LEVEL_5,
        properties=draw(properties("CONNECT")),
    )


@st.composite
def publishes(draw: st.DrawFn) -> Publish:
    level = draw(qos)
    dup = bool(level) and draw(st.booleans())
    pid = draw(pids) if level else None
    of_publish = draw(properties("PUBLISH"))
    return Publish(draw(topics), draw(payloads), level, draw(st.booleans()), dup, pid, of_publish)


def listed(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(items, min_size=1, max_size=4).map(tuple)


options = st.builds(
    lambda qos, flags, handling: qos | flags << 2 | handling << 4,
    qos,
    st.integers(0, 3),
    st.integers(0, 2),
)
packets: st.SearchStrategy[Packet] = st.one_of(
    connects(),
    publishes(),
    st.builds(Connack, codes, st.booleans(), properties("CONNACK")),
    *(
        st.builds(kind, pids, codes, properties(kind.__name__.upper()))
        for kind in (Puback, Pubrec, Pubrel, Pubcomp)
    ),
    st.builds(Subscribe, pids, listed(st.tuples(filters, options)), properties("SUBSCRIBE")),
    st.builds(Suback, pids, listed(codes), properties("SUBACK")),
    st.builds(Unsubscribe, pids, listed(filters), properties("UNSUBSCRIBE")),
    st.builds(Unsuback, pids, listed(codes), properties("UNSUBACK")),
    st.builds(Disconnect, codes, properties("DISCONNECT")),
    st.builds(Auth, codes, properties("AUTH")),
    st.sampled_from([Pingreq(), Pingresp()]),
)


def five(max_packet: int = 1 << 20) -> Decoder:
    return Decoder(max_packet, LEVEL_5, MAX_ALIAS)


def wire_of(packet: Packet) -> bytes:
    return encode(packet, LEVEL_5)


@given(sent=st.lists(packets, max_size=5), size=st.integers(1, 50))
def test_packets_survive_the_wire_in_pieces_of_any_size(sent: list[Packet], size: int) -> None:
    wire = b"".join(map(wire_of, sent))
    decoder = five()
    received: list[Packet] = []
    for start in range(0, len(wire), size):
        received += decoder.feed(wire[start : start + size])
    assert received == sent


@given(junk=st.binary(max_size=400))
def test_hostile_bytes_give_packets_or_malformed_packet(junk: bytes) -> None:
    decoder = five(256)
    try:
        whole = decoder.feed(junk)
    except MalformedPacket as error:
        whole = list(error.before)
    for packet in whole:
        if not isinstance(packet, UnsupportedConnect):
            level = packet.level if isinstance(packet, Connect) else LEVEL_5
            encode(packet, level)


@given(packet=packets, at=st.integers(0), value=st.integers(0, 255))
def test_a_flipped_byte_gives_packets_or_malformed_packet(
    packet: Packet, at: int, value: int
) -> None:
    wire = bytearray(wire_of(packet))
    wire[at % len(wire)] = value
    try:
        found = five().feed(bytes(wire))
    except MalformedPacket as error:
        found = list(error.before)
    for each in found:
        if not isinstance(each, UnsupportedConnect):
            assert encode(each, each.level if isinstance(each, Connect) else LEVEL_5)


def test_a_connect_sets_the_level_of_what_follows() -> None:
    decoder = Decoder()
    connect = Connect("c", level=LEVEL_5)
    user = ((Property.USER_PROPERTY, ("a", "b")),)
    wire = encode(connect) + wire_of(Publish("t", b"x", properties=user))
    assert decoder.feed(wire) == [connect, Publish("t", b"x", properties=user)]


def test_known_bytes() -> None:
    """Every kind of field in its place, by MQTT 5 §3.1 and §3.3."""
    properties = ((Property.SESSION_EXPIRY_INTERVAL, 10), (Property.USER_PROPERTY, ("k", "v")))
    connect = Connect("id", True, 60, level=LEVEL_5, properties=properties)
    assert encode(connect) == (
        b"\x10\x1b\x00\x04MQTT\x05\x02\x00\x3c"
        b"\x0c\x11\x00\x00\x00\x0a\x26\x00\x01k\x00\x01v\x00\x02id"
    )
    publish = Publish("a/b", b"x", 1, pid=10, properties=((Property.TOPIC_ALIAS, 1),))
    assert wire_of(publish) == b"\x32\x0c\x00\x03a/b\x00\x0a\x03\x23\x00\x01x"
    assert wire_of(Puback(1)) == b"\x40\x02\x00\x01"
    assert wire_of(Puback(1, 0x87)) == b"\x40\x03\x00\x01\x87"
    assert wire_of(Disconnect()) == b"\xe0\x00"
    assert wire_of(Suback(1, (0x87,))) == b"\x90\x04\x00\x01\x00\x87"


def test_level_4_knows_neither_properties_nor_reason_codes() -> None:
    user = ((Property.USER_PROPERTY, ("a", "b")),)
    assert encode(Publish("t", b"x", properties=user)) == encode(Publish("t", b"x"))
    assert encode(Puback(1, 0x87)) == encode(Puback(1))
    with pytest.raises(MalformedPacket, match="reserved packet type 15"):
        Decoder().feed(b"\xf0\x00")


def test_a_connack_of_a_broker_that_knows_3_1_1_only_is_read() -> None:
    assert five().feed(encode(Connack(1))) == [Connack(1)]


def test_an_alias_stands_for_the_topic_it_was_given_last() -> None:
    decoder = five()
    one = ((Property.TOPIC_ALIAS, 1),)
    sent = [
        Publish("a", b"1", properties=one),
        Publish("", b"2", properties=one),
        Publish("b", b"3", properties=one),
        Publish("", b"4", properties=one),
    ]
    received = decoder.feed(b"".join(map(wire_of, sent)))
    topics = [packet.topic for packet in received if isinstance(packet, Publish)]
    assert topics == ["a", "a", "b", "b"]


def raw(first: int, body: bytes) -> bytes:
    return bytes([first, len(body)]) + body


def published(properties: bytes, topic: bytes = b"\x00\x01t") -> bytes:
    return raw(0x30, topic + bytes([len(properties)]) + properties)


# Name → bytes, the reason code, and a part of what is said.
MALFORMED = {
    "unknown property": (published(b"\x7f\x00"), 0x81, "unknown property"),
    "property of another packet": (published(b"\x11\x00\x00\x00\x01"), 0x82, "SESSION_EXPIRY"),
    "property twice": (published(b"\x01\x01\x01\x01"), 0x82, "more than once"),
    "flag that is none": (published(b"\x01\x02"), 0x82, "not 0 or 1"),
    "properties past the end": (b"\x30\x04\x00\x01t\x09", 0x81, "shorter"),
    "property cut short": (published(b"\x02\x00"), 0x81, "shorter"),
    "property length of five bytes": (raw(0x30, b"\x00\x01t\xff\xff\xff\xff\x01"), 0x81, "four"),
    "property length too long": (raw(0x30, b"\x00\x01t\x80\x00"), 0x81, "needless"),
    "alias 0": (published(b"\x23\x00\x00"), 0x94, "TOPIC_ALIAS 0"),
    "alias unknown": (published(b"\x23\x00\x07", b"\x00\x00"), 0x82, "known alias"),
    "no topic": (published(b"", b"\x00\x00"), 0x82, "without a topic"),
    "response topic with wildcard": (published(b"\x08\x00\x01#"), 0x82, "response topic"),
    "user property not UTF-8": (published(b"\x26\x00\x01\xff\x00\x01v"), 0x81, "UTF-8"),
    "subscription identifier 0": (published(b"\x0b\x00"), 0x82, "IDENTIFIER 0"),
    "receive maximum 0": (
        raw(0x10, b"\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x01c"),
        0x82,
        "RECEIVE_MAXIMUM 0",
    ),
    "authentication data alone": (
        raw(0x10, b"\x00\x04MQTT\x05\x02\x00\x00\x04\x16\x00\x01x\x00\x01c"),
        0x82,
        "no method",
    ),
    "retain handling 3": (raw(0x82, b"\x00\x01\x00\x00\x01t\x30"), 0x81, "QoS byte"),
    "options with reserved bits": (raw(0x82, b"\x00\x01\x00\x00\x01t\x41"), 0x81, "QoS byte"),
    "SUBSCRIBE without filters": (raw(0x82, b"\x00\x01\x00"), 0x82, "without filters"),
    "UNSUBACK without codes": (raw(0xB0, b"\x00\x01\x00"), 0x81, "without codes"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_packets_are_refused_with_their_reason(name: str) -> None:
    wire, rc, what = MALFORMED[name]
    with pytest.raises(MalformedPacket, match=what) as raised:
        five().feed(wire)
    assert raised.value.rc == rc


def test_an_alias_above_what_was_granted_is_refused() -> None:
    with pytest.raises(MalformedPacket, match="topic alias 9, above 8") as raised:
        Decoder(level=LEVEL_5, max_alias=8).feed(published(b"\x23\x00\x09"))
    assert raised.value.rc == 0x94


def test_a_packet_above_the_limit_is_too_large() -> None:
    with pytest.raises(MalformedPacket) as raised:
        five(100).feed(b"\x30\x65")
    assert raised.value.rc == 0x95


def test_the_table_knows_every_property() -> None:
    assert set(TABLE) == set(Property)
    assert set(NEVER_ZERO) <= set(TABLE)
