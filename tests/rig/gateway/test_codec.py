"""The MQTT codec: every packet there and back, every breach of MQTT 3.1.1 refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.gateway.codec import (
    Connack,
    Connect,
    Decoder,
    Disconnect,
    MalformedPacket,
    Packet,
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
    encode,
)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
topics = texts.map(lambda text: text.replace("+", "").replace("#", "") or "t")
filters = st.one_of(topics, topics.map(lambda topic: f"{topic}/+/a/#"), st.just("#"), st.just("+"))
pids = st.integers(1, 0xFFFF)
payloads = st.binary(max_size=300)
qos = st.integers(0, 2)

wills = st.builds(Will, topics, payloads, qos, st.booleans())


@st.composite
def connects(draw: st.DrawFn) -> Connect:
    username = draw(st.none() | texts)
    return Connect(
        client_id=draw(texts),
        clean=draw(st.booleans()),
        keepalive=draw(st.integers(0, 0xFFFF)),
        will=draw(st.none() | wills),
        username=username,
        password=None if username is None else draw(st.none() | payloads),
    )


@st.composite
def publishes(draw: st.DrawFn) -> Publish:
    level = draw(qos)
    return Publish(
        topic=draw(topics),
        payload=draw(payloads),
        qos=level,
        retain=draw(st.booleans()),
        dup=bool(level) and draw(st.booleans()),
        pid=draw(pids) if level else None,
    )


packets: st.SearchStrategy[Packet] = st.one_of(
    connects(),
    publishes(),
    st.builds(Connack, st.integers(0, 5), st.booleans()),
    *(st.builds(kind, pids) for kind in (Puback, Pubrec, Pubrel, Pubcomp, Unsuback)),
    st.builds(
        Subscribe, pids, st.lists(st.tuples(filters, qos), min_size=1, max_size=4).map(tuple)
    ),
    st.builds(Suback, pids, st.lists(st.sampled_from([0, 1, 2, 0x80]), min_size=1).map(tuple)),
    st.builds(Unsubscribe, pids, st.lists(filters, min_size=1, max_size=4).map(tuple)),
    st.sampled_from([Pingreq(), Pingresp(), Disconnect()]),
)


@given(sent=st.lists(packets, max_size=5), size=st.integers(1, 50))
def test_packets_survive_the_wire_in_pieces_of_any_size(sent: list[Packet], size: int) -> None:
    wire = b"".join(map(encode, sent))
    decoder = Decoder()
    received: list[Packet] = []
    for start in range(0, len(wire), size):
        received += decoder.feed(wire[start : start + size])
    assert received == sent


@given(junk=st.binary(max_size=400))
def test_hostile_bytes_give_packets_or_malformed_packet(junk: bytes) -> None:
    decoder = Decoder(max_packet=256)
    try:
        whole = decoder.feed(junk)
    except MalformedPacket as error:
        whole = list(error.before)
        with pytest.raises(MalformedPacket):
            decoder.feed(b"")
    for packet in whole:
        # Whatever was let in is well-formed enough to be written again.
        assert isinstance(packet, UnsupportedConnect) or Decoder().feed(encode(packet)) == [packet]


@given(packet=packets, at=st.integers(0), value=st.integers(0, 255))
def test_a_flipped_byte_gives_packets_or_malformed_packet(
    packet: Packet, at: int, value: int
) -> None:
    wire = bytearray(encode(packet))
    wire[at % len(wire)] = value
    try:
        found = Decoder().feed(bytes(wire))
    except MalformedPacket as error:
        found = list(error.before)
    assert all(encode(each) for each in found if not isinstance(each, UnsupportedConnect))


def connect_bytes(flags: int, *fields: str, name: bytes = b"\0\4MQTT", level: int = 4) -> bytes:
    body = name + bytes([level, flags]) + b"\0\x3c"
    body += b"".join(len(field).to_bytes(2, "big") + field.encode() for field in fields)
    return bytes([0x10, len(body)]) + body


# Name → bytes, and a part of what is said of them.
MALFORMED = {
    "packet type 0": (b"\x00\x00", "reserved packet type 0"),
    "packet type 15": (b"\xf0\x00", "reserved packet type 15"),
    "remaining length of five bytes": (b"\x30\xff\xff\xff\xff\x01", "more than four bytes"),
    "packet above the limit": (b"\x30\x81\x80\x10", "above the limit"),
    "CONNECT reserved flag": (connect_bytes(0x03, "c"), "reserved flag"),
    "CONNECT flags in first byte": (b"\x11\x00", "reserved flags"),
    "CONNECT will QoS 3": (connect_bytes(0x1E, "c", "t", "m"), "will QoS 3"),
    "CONNECT will QoS without will": (connect_bytes(0x0A, "c"), "without a will"),
    "CONNECT will retain without will": (connect_bytes(0x22, "c"), "without a will"),
    "CONNECT will topic with wildcard": (connect_bytes(0x06, "c", "t/#", "m"), "wildcards"),
    "CONNECT will topic empty": (connect_bytes(0x06, "c", "", "m"), "empty"),
    "CONNECT password without user": (connect_bytes(0x42, "c", "p"), "without a user name"),
    "CONNECT without client id": (connect_bytes(0x02), "shorter"),
    "CONNECT with bytes after its end": (connect_bytes(0x02, "c", "x"), "after its end"),
    "CONNACK reserved flags": (b"\x20\x02\x02\x00", "reserved flags"),
    "CONNACK reserved code": (b"\x20\x02\x00\x06", "return code 6"),
    "PUBLISH QoS 3": (b"\x36\x05\x00\x01t\x00\x01", "QoS 3"),
    "PUBLISH DUP with QoS 0": (b"\x38\x03\x00\x01t", "DUP"),
    "PUBLISH packet identifier 0": (b"\x32\x05\x00\x01t\x00\x00", "identifier 0"),
    "PUBLISH empty topic": (b"\x30\x02\x00\x00", "empty"),
    "PUBLISH topic with #": (b"\x30\x05\x00\x03a/#", "wildcards"),
    "PUBLISH topic with +": (b"\x30\x05\x00\x03a/+", "wildcards"),
    "PUBLISH topic with U+0000": (b"\x30\x04\x00\x02a\x00", "U\\+0000"),
    "PUBLISH topic not UTF-8": (b"\x30\x04\x00\x02a\xff", "UTF-8"),
    "PUBLISH topic a surrogate": (b"\x30\x05\x00\x03\xed\xa0\x80", "UTF-8"),
    "PUBLISH topic overlong NUL": (b"\x30\x04\x00\x02\xc0\x80", "UTF-8"),
    "PUBLISH topic past the end": (b"\x30\x03\x00\x09t", "shorter"),
    "PUBACK identifier 0": (b"\x40\x02\x00\x00", "identifier 0"),
    "PUBACK flags": (b"\x41\x02\x00\x01", "reserved flags"),
    "PUBREL flags": (b"\x60\x02\x00\x01", "reserved flags"),
    "SUBSCRIBE flags": (b"\x80\x06\x00\x01\x00\x01t\x00", "reserved flags"),
    "SUBSCRIBE without filters": (b"\x82\x02\x00\x01", "without filters"),
    "SUBSCRIBE QoS 3": (b"\x82\x06\x00\x01\x00\x01t\x03", "QoS byte 0x03"),
    "SUBSCRIBE reserved QoS bits": (b"\x82\x06\x00\x01\x00\x01t\x04", "QoS byte 0x04"),
    "SUBSCRIBE identifier 0": (b"\x82\x06\x00\x00\x00\x01t\x00", "identifier 0"),
    "SUBSCRIBE empty filter": (b"\x82\x05\x00\x01\x00\x00\x00", "filter"),
    "SUBSCRIBE a#": (b"\x82\x07\x00\x01\x00\x02a#\x00", "filter"),
    "SUBSCRIBE #/a": (b"\x82\x08\x00\x01\x00\x03#/a\x00", "filter"),
    "SUBSCRIBE a+": (b"\x82\x07\x00\x01\x00\x02a+\x00", "filter"),
    "SUBACK reserved code": (b"\x90\x03\x00\x01\x03", "SUBACK"),
    "UNSUBSCRIBE flags": (b"\xa0\x05\x00\x01\x00\x01t", "reserved flags"),
    "UNSUBSCRIBE without filters": (b"\xa2\x02\x00\x01", "without filters"),
    "PINGREQ with a body": (b"\xc0\x01\x00", "after its end"),
    "DISCONNECT flags": (b"\xe1\x00", "reserved flags"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_packets_are_refused(name: str) -> None:
    wire, what = MALFORMED[name]
    with pytest.raises(MalformedPacket, match=what):
        Decoder(max_packet=1024).feed(wire)


def test_the_packets_before_a_malformed_one_are_kept() -> None:
    with pytest.raises(MalformedPacket) as raised:
        Decoder().feed(encode(Publish("t", b"1")) + encode(Pingreq()) + b"\x00\x00")
    assert raised.value.before == (Publish("t", b"1"), Pingreq())


def test_a_packet_above_the_limit_is_refused_before_its_body_comes() -> None:
    decoder = Decoder(max_packet=100)
    assert decoder.feed(b"\x30\x64") == []
    with pytest.raises(MalformedPacket, match="101 bytes, above the limit of 100"):
        Decoder(max_packet=100).feed(b"\x30\x65")


@pytest.mark.parametrize(
    ("name", "level"), [(b"\0\4MQTT", 6), (b"\0\4MQTT", 3), (b"\0\6MQIsdp", 3), (b"\0\4mqtt", 4)]
)
def test_other_protocols_are_told_apart(name: bytes, level: int) -> None:
    (packet,) = Decoder().feed(connect_bytes(0xFF, "junk", name=name, level=level))
    assert packet == UnsupportedConnect(name[2:].decode(), level)


def test_known_bytes() -> None:
    """The example of MQTT 3.1.1 figure 3.6 in spirit: every field of a CONNECT in its place."""
    packet = Connect("id", False, 10, Will("w", b"m", 1, True), "u", b"p")
    assert encode(packet) == (
        b"\x10\x1a\x00\x04MQTT\x04\xec\x00\x0a\x00\x02id\x00\x01w\x00\x01m\x00\x01u\x00\x01p"
    )
    assert encode(Publish("a/b", b"x", 1, pid=10)) == b"\x32\x08\x00\x03a/b\x00\x0ax"


@pytest.mark.parametrize(
    "packet",
    [
        Publish("t", b"", 1),
        Publish("t", b"", 0, pid=1),
        Connect("c", password=b"p"),
        Publish("t" * 70_000, b""),
        Publish("t", bytes(1 << 28)),
    ],
    ids=["no identifier", "needless identifier", "password alone", "long topic", "huge payload"],
)
def test_what_mqtt_cannot_carry_is_refused(packet: Packet) -> None:
    with pytest.raises(ValueError, match=r"PUBLISH with QoS|password|do not fit"):
        encode(packet)


def test_a_level_of_the_future_is_refused_clearly() -> None:
    with pytest.raises(ValueError, match="MQTT level 6 is not supported"):
        Decoder(level=6)
    with pytest.raises(ValueError, match="MQTT level 6 is not supported"):
        encode(Pingreq(), level=6)


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(Connect("c", username="u", password=b"secret"))
