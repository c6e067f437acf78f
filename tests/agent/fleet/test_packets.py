"""The fleet's side of the wire, held against the gateway's codec."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.fleet import packets
from rig.gateway import codec

TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="+#\0"), min_size=1, max_size=40)


@given(
    sent=st.lists(
        st.tuples(TOPICS, st.binary(max_size=20_000), st.integers(0, 65_535)), max_size=5
    ),
    cuts=st.lists(st.integers(1, 3000), min_size=1, max_size=20),
)
def test_what_the_gateway_writes_is_read_however_it_is_cut(
    sent: list[tuple[str, bytes, int]], cuts: list[int]
) -> None:
    wire = b"".join(
        codec.encode(codec.Publish(topic, payload, int(pid > 0), pid=pid or None))
        for topic, payload, pid in sent
    )
    reader, read = packets.Reader(), []
    for size in cuts:
        read += reader.feed(wire[:size])
        wire = wire[size:]
    read += reader.feed(wire)
    assert [(each.topic.decode(), each.payload, each.pid) for each in read] == sent


def test_what_a_device_writes_is_what_the_gateway_reads() -> None:
    wire = (
        packets.connect("thing1", 60)
        + packets.subscribe("a/b", 1, 7)
        + packets.publish("a/b", b"x" * 300, 8, dup=True)
        + packets.publish("a/b", b"", 0)
        + packets.puback(9)
        + packets.unsubscribe("a/b", 10)
        + packets.ping()
    )
    assert codec.Decoder().feed(wire) == [
        codec.Connect("thing1", keepalive=60),
        codec.Subscribe(7, (("a/b", 1),)),
        codec.Publish("a/b", b"x" * 300, 1, dup=True, pid=8),
        codec.Publish("a/b", b""),
        codec.Puback(9),
        codec.Unsubscribe(10, ("a/b",)),
        codec.Pingreq(),
    ]


def test_answers_of_the_gateway_are_told_apart() -> None:
    wire = codec.encode(codec.Connack(5)) + codec.encode(codec.Puback(300))
    refused, acknowledged = packets.Reader().feed(wire)
    assert (refused.kind, refused.payload[1]) == (packets.CONNACK, 5)
    assert (acknowledged.kind, acknowledged.pid) == (packets.PUBACK, 300)


def test_a_packet_ends_where_it_says() -> None:
    short, ping = packets.Reader().feed(b"\x90\x00\xd0\x00")
    assert (short.kind, short.pid) == (packets.SUBACK, 0)
    assert ping.kind == 13


@pytest.mark.parametrize(
    "wire",
    [
        b"\x30\xff\xff\xff\xff\x01",
        b"\x30\x01\x00",
        b"\x30\x02\x00\x09",
        # QoS 1 without an identifier, at the end and before another packet.
        b"\x32\x03\x00\x01t",
        b"\x32\x03\x00\x01t\xd0\x00",
        # 256 MiB announced.
        b"\x30\xff\xff\xff\x7f",
    ],
)
def test_what_is_no_mqtt_is_refused(wire: bytes) -> None:
    with pytest.raises(packets.BrokenStreamError):
        packets.Reader().feed(wire)
