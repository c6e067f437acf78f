"""Devices that take all they can get: the gateway stays small, and serves the others."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from benchmarks.processes import resident_kib
from rig.gateway import limits
from rig.gateway.codec import (
    LEVEL_5,
    SUBACK_FAILURE,
    Connack,
    Connect,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    encode,
)
from rig.gateway.limits import Strangers
from tests.rig.gateway.clients import Bare
from tests.rig.gateway.world import World

on_amqtt = pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)
on_tls_too = pytest.mark.parametrize("transport", ["plain", "tls"], indirect=True)

RATION = 8 << 20
# Far above what a gateway with bounds takes here, far below what one without them would.
ROOM_KIB = 400 * 1024
REQUEST = "$aws/things/thing1/jobs/get"
BLOCKS = "$aws/things/thing1/streams/s/get/cbor"
_pids = itertools.cycle(range(1, 65_536))


def _messages(qos: int, topic: str, payload: bytes, retain: bool = False) -> Callable[[], bytes]:
    def make() -> bytes:
        pid = next(_pids) if qos else None
        return encode(Publish(topic, payload, qos, retain, pid=pid))

    return make


def _filters() -> bytes:
    number = next(_pids)
    return encode(Subscribe(number, ((f"flood/{number}/+", 1),)))


FLOODS: dict[str, Callable[[], bytes]] = {
    "PUBLISH of QoS 0": _messages(0, "flood", bytes(1000)),
    "PUBLISH of QoS 1": _messages(1, "flood", bytes(1000)),
    "large PUBLISH": _messages(0, "flood", bytes(100_000)),
    "SUBSCRIBE": _filters,
    "PINGREQ": lambda: encode(Pingreq()) * 1000,
    "job requests": _messages(1, REQUEST, b'{"clientToken":"1"}'),
    "job updates": _messages(
        1, "$aws/things/thing1/jobs/J/update", b'{"status":"SUCCEEDED","statusDetails":{"a":"b"}}'
    ),
    "block requests": _messages(0, BLOCKS, b'{"n":32}'),
    "PUBACK": lambda: encode(Puback(next(_pids))) * 100,
    "CONNECT": lambda: encode(Connect("thing1")),
    "noise": lambda: os.urandom(1000),
}


class Attack:
    """A device that sends without end and reads nothing, and comes back when it is thrown out."""

    def __init__(self, world: World, make: Callable[[], bytes], hello: bytes) -> None:
        self.sent = 0
        self._tls = world.tls_for("thing1")
        self._port, self._make, self._hello = world.port, make, hello
        self._end = threading.Event()
        self._device: Bare | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._end.is_set():
            with contextlib.suppress(OSError):
                device = Bare(self._port, self._tls)
                with contextlib.closing(device):
                    # Whoever is not read must not be waited for at the test's end.
                    device.socket.settimeout(0.2)
                    device.send_bytes(self._hello)
                    self._flood(device)

    def _flood(self, device: Bare) -> None:
        while not self._end.is_set():
            with contextlib.suppress(TimeoutError):
                data = self._make()
                device.send_bytes(data)
                self.sent += len(data)

    def end(self) -> None:
        self._end.set()
        self._thread.join()


@pytest.fixture
def attack(world: World) -> Iterator[Callable[..., Attack]]:
    begun: list[Attack] = []

    def begin(make: Callable[[], bytes], hello: bytes = encode(Connect("thing1"))) -> Attack:
        begun.append(Attack(world, make, hello))
        return begun[-1]

    yield begin
    for each in begun:
        each.end()


def served_well(world: World, rounds: int = 60) -> None:
    """A device that keeps the rules gets every answer, and what it is subscribed to."""
    device = world.bare("thing2")
    assert device.connect("thing2") == Connack(0)
    device.send(Subscribe(1, (("thing2/own", 1),)))
    assert device.receive() == Suback(1, (1,))
    topic = "$aws/things/thing2/jobs/get"
    for number in range(2, rounds + 2):
        device.send(Publish(topic, b"%d" % number, 1, pid=number))
        assert device.receive() == Puback(number)
        answer = device.receive()
        assert isinstance(answer, Publish)
        assert answer.payload == b"%d" % number
        assert answer.pid is not None
        device.send(Puback(answer.pid))
    device.send(Publish("thing2/own", b"through the broker", 0))
    received = device.receive()
    assert isinstance(received, Publish)
    assert received.payload == b"through the broker"
    device.close()


@on_amqtt
@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_harms_nobody_else(world: World, attack: Callable[..., Attack], name: str) -> None:
    world.recorder._ration = RATION
    before = resident_kib([os.getpid()])
    flood = attack(FLOODS[name])
    world.wait("CONNECT", conn=1)
    served_well(world)
    flood.end()
    assert flood.sent
    assert resident_kib([os.getpid()]) - before < ROOM_KIB
    assert world.gateway.failure is None


@on_amqtt
@on_tls_too
def test_connections_without_end_harm_nobody_else(
    world: World, attack: Callable[..., Attack]
) -> None:
    """TCP alone, one after the other and many at once; nobody says CONNECT."""
    world.gateway._strangers = Strangers(50)
    sockets: list[socket.socket] = []

    def pile_up() -> bytes:
        if len(sockets) == 200:
            sockets.pop(0).close()
        sockets.append(socket.create_connection(("127.0.0.1", world.port)))
        return b""

    flood = attack(pile_up, hello=b"")
    turned_away = world.wait("TCP_CLOSE", "to_device")
    assert turned_away.data["reason"] == "more than 50 connections without CONNECT"
    served_well(world, rounds=5)
    flood.end()
    for each in sockets:
        each.close()
    assert world.gateway.failure is None


@on_amqtt
def test_a_device_that_fills_its_part_of_the_trace_is_thrown_out(
    world: World, attack: Callable[..., Attack]
) -> None:
    world.recorder._ration = RATION
    flood = attack(FLOODS["PINGREQ"])
    closed = world.wait("TCP_CLOSE", "to_device")
    assert closed.data["reason"] == "the device floods: its part of the trace is full"
    note = world.wait("NOTE", text="the part of thing thing1 in the trace is full")
    assert note.t <= closed.t
    # It comes again and again; of others everything is still recorded.
    served_well(world)
    flood.end()
    of_the_flood = [event for event in world.recorder.events if event.kind == "PINGREQ"]
    assert len(of_the_flood) * limits.EVENT_BYTES <= RATION


@on_amqtt
def test_strangers_who_fill_the_trace_take_nothing_from_a_devices_part(world: World) -> None:
    world.recorder._ration = 40 * limits.EVENT_BYTES
    for _ in range(50):
        device = world.bare()
        device.send(Pingreq())
        assert device.receive_until_end() == []
    note = world.wait("NOTE", text="the part of strangers in the trace is full")
    of_strangers = len(world.recorder.events)
    assert of_strangers <= 41
    honest = world.bare("thing2")
    assert honest.connect("thing2") == Connack(0)
    connected = world.wait("CONNACK")
    kinds = [event.kind for event in world.recorder.events[of_strangers:]]
    assert kinds == ["TCP_OPEN", "CONNECT", "CONNACK"]
    assert {event.conn for event in world.recorder.events[of_strangers:]} == {51}
    assert note.t <= connected.t
    assert world.gateway.failure is None


@on_amqtt
def test_what_follows_connect_is_on_the_devices_own_account(world: World) -> None:
    """Also when it comes in one piece with it: strangers would else pay for the flood."""
    world.recorder._ration = 100 * limits.EVENT_BYTES
    device = world.bare()
    device.send_bytes(encode(Connect("thing1")) + encode(Pingreq()) * 200)
    assert world.wait("TCP_CLOSE", "to_device").data["reason"].startswith("the device floods")
    assert world.recorder._spent["strangers"] < 10 * limits.EVENT_BYTES
    notes = [event.data["text"] for event in world.recorder.events if event.kind == "NOTE"]
    assert notes == ["the part of thing thing1 in the trace is full"]


@on_amqtt
@pytest.mark.parametrize("hello", [b"", encode(Connect("thing1"))], ids=["stranger", "device"])
@pytest.mark.parametrize("kind", ["PUBLISH", "SUBSCRIBE", "CONNECT"])
def test_256_mb_are_not_taken_in(world: World, hello: bytes, kind: str) -> None:
    first = {"PUBLISH": b"\x30", "SUBSCRIBE": b"\x82", "CONNECT": b"\x10"}[kind]
    before = resident_kib([os.getpid()])
    device = world.bare()
    megabyte = bytes(1 << 20)
    with contextlib.suppress(OSError):
        device.send_bytes(hello + first + b"\xff\xff\xff\x7f")
        for _ in range(256):
            device.send_bytes(megabyte)
    reason = world.wait("TCP_CLOSE", "to_device").data["reason"]
    assert "a packet of 268435455 bytes, above the limit" in reason
    assert resident_kib([os.getpid()]) - before < 100 * 1024
    served_well(world, rounds=5)


@on_amqtt
@on_tls_too
def test_half_a_packet_is_not_kept_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "STALL_S", 0.2)
    device = world.bare()
    assert device.connect("thing1") == Connack(0)
    device.send_bytes(encode(Publish("t", bytes(1000)))[:500])
    assert device.receive_until_end() == []
    reason = world.wait("TCP_CLOSE", "to_device").data["reason"]
    assert reason == "a packet has stood half sent for 0.2 s"


@on_amqtt
def test_a_whole_packet_leaves_nothing_to_wait_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The half of one that became whole is forgotten, however silent the device is then."""
    monkeypatch.setattr(limits, "STALL_S", 0.1)
    device, other = world.bare(), world.bare("thing2")
    assert device.connect("thing1") == Connack(0)
    assert other.connect("thing2") == Connack(0)
    ping = encode(Pingreq())
    device.send_bytes(ping[:1])
    device.send_bytes(ping[1:])
    assert device.receive() == Pingresp()
    # Begun later and ended for it: whatever was watching the first has looked by then.
    other.send_bytes(ping[:1])
    assert other.receive_until_end() == []
    device.send(Pingreq())
    assert device.receive() == Pingresp()


@on_amqtt
@on_tls_too
def test_a_device_that_reads_nothing_is_given_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "STALL_S", 0.2)
    device = world.bare()
    device.connect("thing1")
    device.send(*[Publish(BLOCKS, b'{"n":256}')] * 40)
    closed = world.wait("TCP_CLOSE", "to_device")
    assert closed.data["reason"] == "the device has read nothing for 0.2 s"
    served_well(world, rounds=5)


# -- subscriptions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("broker_kind", ["mosquitto"], indirect=True)
@pytest.mark.parametrize("level", [4, LEVEL_5])
def test_no_more_subscriptions_than_there_is_room_for(world: World, level: int) -> None:
    device = world.bare(level=level)
    device.connect("thing1")
    for number in range(limits.MAX_SUBSCRIPTIONS):
        device.send(Subscribe(number + 1, ((f"own/{number}", 1),)))
        assert device.receive() == Suback(number + 1, (1,))
    device.send(Subscribe(100, (("own/more", 1), ("own/7", 0))))
    refused = SUBACK_FAILURE if level < LEVEL_5 else 0x97
    assert device.receive() == Suback(100, (refused, 0))
    device.send(Unsubscribe(101, ("own/3",)))
    assert isinstance(device.receive(), Unsuback)
    device.send(Subscribe(102, (("own/more", 1),)))
    assert device.receive() == Suback(102, (1,))


# -- what the embedded broker keeps ----------------------------------------------------------------


@on_amqtt
def test_the_broker_keeps_retained_messages_as_long_as_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_RETAINED_BYTES", 2100)
    device = world.connected("thing1")
    for number in range(4):
        device.publish(f"own/{number}", bytes(1000), retain=True)
    # A message that is cleared or replaced gives its room back; for 8 there is none again.
    device.publish("own/0", b"", retain=True)
    device.publish("own/1", bytes(10), retain=True)
    device.publish("own/9", bytes(1000), retain=True)
    device.publish("own/7", bytes(1000), retain=True)
    device.publish("own/8", bytes(1000), retain=True)
    device.subscribe("own/#")
    messages = [device.next() for _ in range(3)]
    kept = {message.topic: len(message.payload) for message in messages}
    assert kept == {"own/1": 10, "own/9": 1000, "own/7": 1000}
    device.publish("own/end")
    assert device.next().topic == "own/end"


# -- who has to go ---------------------------------------------------------------------------------


def test_one_connection_too_many_costs_the_oldest_of_the_greediest() -> None:
    strangers: Strangers[str] = Strangers(4)
    assert strangers.add("quiet", "10.0.0.1") is None
    for name in ("first", "second", "third"):
        assert strangers.add(name, "10.0.0.2") is None
    assert strangers.add("new", "10.0.0.3") == "first"
    assert strangers.add("fourth", "10.0.0.2") == "second"
    assert len(strangers) == 4
    strangers.discard("quiet")
    strangers.discard("quiet")
    assert strangers.add("fifth", "10.0.0.2") is None


def test_known_devices_can_always_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, room in ((1024, 256), (1_000_000, 2048), (resource.RLIM_INFINITY, 2048)):
        monkeypatch.setattr(resource, "getrlimit", lambda _which, soft=soft: (soft, soft))
        assert limits.max_strangers() == room
