"""What a device sees of a fault, and what the trace says of it."""

from __future__ import annotations

import pytest

from rig.gateway.codec import (
    Connack,
    Connect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Will,
)
from rig.gateway.faults import (
    CloseConnection,
    Drop,
    Duplicate,
    Fault,
    Hold,
    PacketMatch,
    Replace,
)
from tests.rig.gateway.clients import Bare
from tests.rig.gateway.world import World

pytestmark = pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)

GET = Publish("$aws/things/thing1/streams/s/get/cbor", b'{"n":4}', 0)
REQUEST = Publish("$aws/things/thing1/jobs/get", b"{}", 1, pid=1)


def a_device(world: World) -> Bare:
    device = world.bare()
    device.connect("thing1")
    return device


def data_blocks(nth: int = 1, count: int | None = 1) -> PacketMatch:
    return PacketMatch("to_device", "PUBLISH", topic_suffix="/data/cbor", nth=nth, count=count)


def numbers(packets: list[Packet]) -> list[int]:
    return [packet.payload[0] for packet in packets if isinstance(packet, Publish)]


def sent_blocks(world: World) -> list[int]:
    """The data blocks that the trace says were sent."""
    return [
        bytes.fromhex(event.data["payload"])[0]
        for event in world.recorder.events
        if event.dir == "to_device" and event.kind == "PUBLISH"
    ]


def test_a_dropped_block_is_not_in_the_trace_as_sent(world: World) -> None:
    device = a_device(world)
    world.faults.add(Fault(data_blocks(nth=3), Drop()))
    device.send(GET, Pingreq())
    assert numbers(device.receive_many(4)) == [0, 1, 3]
    assert sent_blocks(world) == [0, 1, 3]
    fault = world.wait("FAULT")
    assert (fault.channel, fault.dir, fault.conn) == ("rig", "to_device", 1)
    assert (fault.data["action"], fault.data["packet"], fault.data["nth"]) == (
        "Drop",
        "PUBLISH",
        3,
    )
    assert fault.data["topic"].endswith("/data/cbor")


def test_the_connection_breaks_instead_of_a_block(world: World) -> None:
    """The blocks before it arrive, the will is published, nothing is sent after."""
    watcher = world.connected("thing2")
    watcher.subscribe("will")
    device = world.bare()
    device.connect("thing1", will=Will("will", b"broken"))
    world.faults.add(Fault(data_blocks(nth=3), CloseConnection()))
    device.send(GET, Pingreq())
    assert numbers(device.receive_until_end()) == [0, 1]
    assert watcher.next().payload == b"broken"
    assert world.kinds(conn=2, dir="to_device") == [
        "CONNACK",
        "PUBLISH",
        "PUBLISH",
        "FAULT",
        "TCP_CLOSE",
    ]


def test_a_replaced_and_a_duplicated_block(world: World) -> None:
    device = a_device(world)
    world.faults.add(Fault(data_blocks(nth=1), Replace(b"\x77")))
    world.faults.add(Fault(data_blocks(nth=2), Duplicate()))
    device.send(GET)
    assert numbers(device.receive_many(5)) == [0x77, 1, 1, 2, 3]
    world.wait("PUBLISH", "to_device", payload=(b"\x03" * 4096).hex())
    assert sent_blocks(world) == [0x77, 1, 1, 2, 3]


def test_held_blocks_come_when_released_and_the_rest_goes_on(world: World) -> None:
    device = a_device(world)
    world.faults.add(Fault(data_blocks(nth=2, count=None), Hold("data")))
    device.send(GET, Pingreq())
    first, pong = device.receive_many(2)
    assert numbers([first]) == [0]
    assert pong == Pingresp()
    assert sent_blocks(world) == [0]
    world.faults.release("data")
    assert numbers(device.receive_many(3)) == [1, 2, 3]
    device.send(GET)
    assert numbers(device.receive_many(4)) == [0, 1, 2, 3]


def test_what_is_held_for_a_lost_connection_is_lost(world: World) -> None:
    device = a_device(world)
    world.faults.add(Fault(data_blocks(count=None), Hold("data")))
    device.send(GET)
    world.wait("FAULT", nth=4)
    device.reset()
    again = a_device(world)
    world.faults.release("data")
    again.send(GET)
    assert numbers(again.receive_many(4)) == [0, 1, 2, 3]
    again.send(Pingreq())
    assert again.receive() == Pingresp()


def test_a_request_that_is_dropped_was_sent_by_the_device(world: World) -> None:
    device = a_device(world)
    world.faults.add(Fault(PacketMatch("from_device", "PUBLISH", topic_suffix="/jobs/get"), Drop()))
    device.send(REQUEST, Pingreq())
    assert device.receive() == Pingresp()
    assert world.service.requests == []
    assert world.wait("PUBLISH", "from_device").data["topic"] == REQUEST.topic
    device.send(REQUEST)
    assert device.receive() == Puback(1)


def test_a_duplicated_and_a_replaced_request(world: World) -> None:
    device = a_device(world)
    match = PacketMatch("from_device", "PUBLISH")
    world.faults.add(Fault(match, Replace(b"other")))
    world.faults.add(Fault(PacketMatch("from_device", "PUBLISH", nth=2), Duplicate()))
    device.send(Publish(REQUEST.topic, b"{}", 0), Publish(REQUEST.topic, b"{}", 0))
    received = device.receive_many(3)
    assert [packet.payload for packet in received if isinstance(packet, Publish)] == [
        b"other",
        b"{}",
        b"{}",
    ]


def test_a_held_request_is_answered_when_released(world: World) -> None:
    device = a_device(world)
    world.faults.add(Fault(PacketMatch("from_device", "PUBLISH"), Hold("request")))
    device.send(REQUEST, Pingreq())
    assert device.receive() == Pingresp()
    world.faults.release("request")
    assert device.receive() == Puback(1)
    assert isinstance(device.receive(), Publish)


def test_a_connack_that_never_comes(world: World) -> None:
    world.faults.add(Fault(PacketMatch("to_device", "CONNACK", thing="thing1"), Drop()))
    device = world.bare()
    device.send(Connect("thing1"), Pingreq())
    assert device.receive() == Pingresp()
    assert a_device(world).socket.fileno() >= 0


def test_a_connection_that_breaks_at_connect(world: World) -> None:
    world.faults.add(
        Fault(PacketMatch("from_device", "CONNECT", thing="thing1"), CloseConnection())
    )
    device = world.bare()
    device.send(Connect("thing1"))
    assert device.receive_until_end() == []
    assert world.bare().connect("thing1") == Connack(0)


def test_faults_hit_what_the_broker_delivers_too(world: World) -> None:
    device = a_device(world)
    device.send(Subscribe(1, (("t", 1),)))
    assert device.receive() == Suback(1, (1,))
    world.faults.add(Fault(PacketMatch("to_device", "PUBLISH", topic_suffix="t"), Drop()))
    other = world.connected("thing2")
    other.publish("t", b"dropped")
    other.publish("t", b"second")
    message = device.receive()
    assert isinstance(message, Publish)
    assert message.payload == b"second"
