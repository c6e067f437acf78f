"""MQTT: the gateway's decoder at both levels, the session behind it, and the fleet's reader."""

from __future__ import annotations

import json
from collections.abc import Iterator

from agent.fleet import packets as fleet
from benchmarks.fuzz.parser import in_pieces
from rig.gateway import acts
from rig.gateway.codec import (
    LEVEL_3_1_1,
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
from rig.gateway.codec.properties import without
from rig.gateway.recording import packet_keys
from rig.gateway.session import Session
from rig.jobs.outcome import Outcome, Reply

MAX_PACKET = 4096
MAX_ALIAS = 8
THING = "thing1"
_STREAM = f"$aws/things/{THING}/streams/S/data/cbor"
_NEXT = f"$aws/things/{THING}/jobs/$next/get"

PACKETS: tuple[Packet, ...] = (
    Connect(THING, keepalive=60),
    Connect(THING, False, 0, Will("a/b", b"gone", 1, True), "user", b"secret"),
    Connack(0),
    Connack(5, True),
    Publish(_NEXT, b'{"clientToken":"0:thing1"}'),
    Publish("a/b", b"x" * 300, 1, True, True, 9),
    Puback(1),
    Pubrec(2),
    Pubrel(3),
    Pubcomp(4),
    Subscribe(5, (("a/+/b", 1), ("#", 0))),
    Suback(5, (1, 0x80)),
    Unsubscribe(6, ("a/b", "c/#")),
    Unsuback(6),
    Pingreq(),
    Pingresp(),
    Disconnect(),
)
PACKETS_5: tuple[Packet, ...] = (
    Connect(
        THING,
        level=LEVEL_5,
        will=Will("a", b"", properties=((Property.WILL_DELAY_INTERVAL, 5),)),
        properties=(
            (Property.SESSION_EXPIRY_INTERVAL, 3600),
            (Property.RECEIVE_MAXIMUM, 2),
            (Property.MAXIMUM_PACKET_SIZE, 4096),
            (Property.USER_PROPERTY, ("name", "value")),
            (Property.USER_PROPERTY, ("name", "other")),
        ),
    ),
    Connack(0x8E, properties=((Property.REASON_STRING, "why"),)),
    Publish("a/b", b"x", properties=((Property.TOPIC_ALIAS, 3),)),
    Publish("", b"y", 1, pid=7, properties=((Property.TOPIC_ALIAS, 3),)),
    Publish(_NEXT, b"{}", 1, pid=8, properties=((Property.CORRELATION_DATA, b"\0\1"),)),
    Puback(1, 0x10),
    Pubrel(3, 0x92, ((Property.REASON_STRING, "no"),)),
    Subscribe(5, (("a/#", 0x2D),), ((Property.SUBSCRIPTION_IDENTIFIER, 300),)),
    Suback(5, (0x97,)),
    Unsubscribe(6, ("a",)),
    Unsuback(6, (0, 0x11)),
    Disconnect(4, ((Property.SESSION_EXPIRY_INTERVAL, 0),)),
    Auth(0x18, ((Property.AUTHENTICATION_METHOD, "m"), (Property.AUTHENTICATION_DATA, b"d"))),
)


def decode_3_1_1(data: bytes) -> None:
    """Whole or in pieces the same packets come out, and each is written as it was read."""
    _decode(data, LEVEL_3_1_1)


def decode_5(data: bytes) -> None:
    """The same, with properties and topic aliases."""
    _decode(data, LEVEL_5)


def _decode(data: bytes, level: int) -> None:
    whole, why = _read([data[1:]], level)
    pieced, why_pieced = _read(in_pieces(data), level)
    assert (pieced, why_pieced) == (whole, why)
    for packet, at_level in whole:
        json.dumps(packet_keys(packet))
        if isinstance(packet, UnsupportedConnect):
            continue
        if isinstance(packet, Publish):
            # It has its topic now, so a fresh decoder knows all of it but the alias.
            packet = _without_alias(packet)
        again = Decoder(level=at_level).feed(encode(packet, at_level))
        assert again == [packet], (packet, again)


def _read(
    pieces: Iterator[bytes] | list[bytes], level: int
) -> tuple[list[tuple[Packet, int]], str]:
    decoder = Decoder(MAX_PACKET, level, MAX_ALIAS)
    packets: list[tuple[Packet, int]] = []
    why = ""
    for piece in pieces:
        before = decoder.level
        try:
            found: tuple[Packet, ...] = tuple(decoder.feed(piece))
        except MalformedPacket as error:
            found, why = error.before, str(error)
        for packet in found:
            before = packet.level if isinstance(packet, Connect) else before
            packets.append((packet, before))
        if why:
            break
        assert len(decoder._buffer) <= MAX_PACKET + 5
    return packets, why


def _without_alias(packet: Publish) -> Publish:
    return Publish(
        packet.topic,
        packet.payload,
        packet.qos,
        packet.retain,
        packet.dup,
        packet.pid,
        without(packet.properties, Property.TOPIC_ALIAS),
    )


def session(data: bytes) -> None:
    """A device that is who it says sends anything: what the session keeps stays bounded."""
    decoder = Decoder(MAX_PACKET, max_alias=MAX_ALIAS)
    device = Session(lambda name: name == THING)
    ended = False
    try:
        packets: tuple[Packet, ...] = tuple(decoder.feed(data))
    except MalformedPacket as error:
        packets = error.before
    for packet in packets:
        todo = list(device.on_device(packet))
        while todo:
            act = todo.pop(0)
            ended = ended or isinstance(act, acts.Close)
            if isinstance(act, acts.OpenBroker):
                encode(act.connect, act.connect.level)
                todo += device.broker_opened(Connack(0))
            elif isinstance(act, acts.Ask):
                topic = f"{act.request.topic[:1000]}/accepted"
                todo += device.answer(act.request, Outcome((Reply(topic, b"{}"),)))
            elif isinstance(act, acts.Send | acts.Forward):
                encode(act.packet, device.level)
        if ended:
            assert device.state is acts.State.ENDED
            assert not list(device.on_device(packet)), "it goes on after its end"
            return


def fleet_reader(data: bytes) -> None:
    """What the gateway's codec takes for good packets of a server, the fleet reads alike."""
    reader, pieced = fleet.Reader(), fleet.Reader()
    found: list[fleet.Received] = []
    cut: list[fleet.Received] = []
    broken = cut_broken = False
    try:
        found = reader.feed(data[1:])
    except fleet.BrokenStreamError:
        broken = True
    try:
        for piece in in_pieces(data):
            cut += pieced.feed(piece)
    except fleet.BrokenStreamError:
        cut_broken = True
    assert broken == cut_broken
    # Broken bytes give nothing that stood in the same piece.
    assert broken or found == cut
    if not broken:
        _as_the_gateway_reads(data[1:], found)


def _as_the_gateway_reads(data: bytes, found: list[fleet.Received]) -> None:
    try:
        packets = Decoder(fleet.MAX_PACKET).feed(data)
    except MalformedPacket as error:
        packets = list(error.before)
    for packet, read in zip(packets, found, strict=False):
        if isinstance(packet, Publish):
            mine = (packet.topic.encode(), packet.payload, packet.pid or 0)
            assert (read.topic, read.payload, read.pid) == mine


def seeds_3_1_1() -> list[bytes]:
    return [b"\3" + encode(packet) for packet in PACKETS]


def seeds_5() -> list[bytes]:
    return [b"\3" + encode(packet, LEVEL_5) for packet in PACKETS_5]


def session_seeds() -> list[bytes]:
    hello, hello_5 = encode(PACKETS[0]), encode(PACKETS_5[0])
    return [hello + encode(packet) for packet in PACKETS] + [
        hello_5 + encode(packet, LEVEL_5) for packet in PACKETS_5
    ]


def fleet_seeds() -> list[bytes]:
    return [
        b"\2" + encode(packet)
        for packet in (Connack(0), Puback(300), Suback(1, (1,)), *PACKETS[4:6], Pingresp())
    ] + [b"\2" + encode(Publish(_STREAM, b"x" * 200))]
