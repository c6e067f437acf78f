"""Peers that break the rules end their own connection, and nobody else notices."""

from __future__ import annotations

import socket
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rig.gateway.codec import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Pubcomp,
    Publish,
    Pubrec,
    Pubrel,
    Suback,
    Unsuback,
    encode,
)
from tests.rig.gateway.clients import Bare
from tests.rig.gateway.world import World

pytestmark = pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)

UNWANTED: dict[str, tuple[Packet, ...]] = {
    "no CONNECT first": (Pingreq(),),
    "second CONNECT": (Connect("thing1"), Connect("thing1")),
    "PUBLISH with QoS 2": (Connect("thing1"), Publish("t", b"", 2, pid=1)),
    "PUBREL": (Connect("thing1"), Pubrel(1)),
    "PUBREC": (Connect("thing1"), Pubrec(1)),
    "PUBCOMP": (Connect("thing1"), Pubcomp(1)),
    "CONNACK": (Connect("thing1"), Connack(0)),
    "SUBACK": (Connect("thing1"), Suback(1, (0,))),
    "UNSUBACK": (Connect("thing1"), Unsuback(1)),
    "PINGRESP": (Connect("thing1"), Pingresp()),
}


@pytest.mark.parametrize("name", UNWANTED)
def test_packets_that_no_client_may_send(world: World, name: str) -> None:
    device = world.bare()
    device.send(*UNWANTED[name])
    expected = [Connack(0)] if len(UNWANTED[name]) == 2 else []
    assert device.receive_until_end() == expected
    closed = world.wait("TCP_CLOSE", "to_device")
    assert name.split()[-1] in closed.data["reason"] or "QoS 2" in closed.data["reason"]


def test_a_puback_for_nothing_is_ignored(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    device.send(Puback(1234), Pingreq())
    assert device.receive() == Pingresp()


def test_malformed_bytes_end_the_connection_after_what_was_good(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    request = "$aws/things/thing1/jobs/get"
    device.send_bytes(encode(Publish(request, b"{}", 1, pid=1)) + b"\x00\x00")
    received = device.receive_until_end()
    assert received[0] == Puback(1)
    assert len(received) == 2
    reason = world.wait("TCP_CLOSE", "to_device").data["reason"]
    assert reason == "malformed MQTT: reserved packet type 0"


def test_a_payload_above_128_kib_ends_the_connection(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    request = "$aws/things/thing1/jobs/get"
    device.send(Publish(request, bytes(128 * 1024), 1, pid=1))
    assert device.receive() == Puback(1)
    assert isinstance(device.receive(), Publish)
    device.send(Publish(request, bytes(128 * 1024 + 1), 1, pid=1))
    assert device.receive_until_end() == []
    assert "131073 bytes" in world.wait("TCP_CLOSE", "to_device").data["reason"]
    assert len(world.service.requests) == 1


def test_an_endless_packet_ends_the_connection_at_its_header(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    device.send_bytes(b"\x30\xff\xff\xff\x7f")
    assert device.receive_until_end() == []
    assert "above the limit" in world.wait("TCP_CLOSE", "to_device").data["reason"]


def test_a_peer_that_says_nothing_harms_nobody(world: World) -> None:
    silent = [world.bare() for _ in range(20)]
    device = world.bare()
    assert device.connect("thing1") == Connack(0)
    assert all(client.socket.fileno() >= 0 for client in silent)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(junk=st.binary(min_size=1, max_size=200), connected=st.booleans())
def test_junk_never_harms_the_gateway(world: World, junk: bytes, connected: bool) -> None:
    """The gateway has no failure of its own, and a well-behaved device is served next to it."""
    device = Bare(world.port)
    if connected:
        device.connect("thing1")
    device.send_bytes(junk)
    device.close()
    witness = Bare(world.port)
    assert witness.connect("thing2") == Connack(0)
    witness.send(Publish("$aws/things/thing2/jobs/get", b"{}", 1, pid=1))
    assert witness.receive() == Puback(1)
    assert isinstance(witness.receive(), Publish)
    witness.send(Disconnect())
    assert witness.receive_until_end() == []
    witness.close()
    assert world.gateway.failure is None


def test_a_device_that_reads_nothing_is_not_written_to_for_ever(world: World) -> None:
    """256 × 4 KiB for each request: it asks for gigabytes and takes none of them."""
    device = world.bare()
    device.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    device.connect("thing1")
    request = encode(Publish("$aws/things/thing1/streams/s/get/cbor", b'{"n":256}', 0))
    device.socket.setblocking(False)
    # Once the gateway stops reading, what it has not read fills the sockets' buffers up.
    requests = sent = 0
    try:
        while True:
            sent += device.socket.send(request * 100)
            requests += 100
    except BlockingIOError:
        pass
    witness = world.bare()
    assert witness.connect("thing2") == Connack(0)
    witness.send(Publish("$aws/things/thing2/jobs/get", b"{}", 1, pid=1))
    assert witness.receive() == Puback(1)
    asked = [thing for thing, _, _ in world.service.requests]
    assert asked.count("thing1") < 100 < requests
    device.reset()
    world.wait("TCP_CLOSE", conn=1)


def test_a_slow_device_gets_everything_in_the_end(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    count = 20
    request = Publish("$aws/things/thing1/streams/s/get/cbor", b'{"n":256}', 0)
    device.send(*[request] * count)
    received = device.receive_many(256 * count)
    assert all(isinstance(packet, Publish) for packet in received)
    device.send(Pingreq())
    assert device.receive() == Pingresp()


def test_nodelay_is_set_towards_the_device(world: World) -> None:
    """Without it each small reply costs 40 ms (Nagle against delayed acknowledgement)."""
    seen: list[int] = []

    async def look() -> None:
        for connection in world.gateway._connections:
            assert connection._transport is not None
            sock = connection._transport.get_extra_info("socket")
            seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            assert connection._link is not None
            assert connection._link._transport is not None
            behind = connection._link._transport.get_extra_info("socket")
            seen.append(behind.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    device = world.bare()
    device.connect("thing1")
    world.loop.call(look())
    assert seen == [1, 1]


def test_rst_is_recorded_as_the_devices_close(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    device.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    device.close()
    assert world.wait("TCP_CLOSE", "from_device").conn == 1
