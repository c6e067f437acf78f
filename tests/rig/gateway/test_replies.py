"""Requests are answered on the requesting connection only, unasked for and once (§1.8)."""

from __future__ import annotations

import json

import pytest

from rig.gateway.codec import Connect, Puback, Publish, Suback, Subscribe
from rig.jobs.outcome import Outcome, Reply
from tests.rig.gateway.world import World

NEXT = "$aws/things/thing1/jobs/$next/get"
UPDATE = "$aws/things/thing1/jobs/job1/update"
NOTIFY_NEXT = "$aws/things/thing1/jobs/notify-next"
STREAM = "$aws/things/thing1/streams/stream1/get/cbor"
DATA = "$aws/things/thing1/streams/stream1/data/cbor"
both_transports = pytest.mark.parametrize("transport", ["plain", "tls"], indirect=True)


@both_transports
def test_an_answer_comes_without_a_subscription(world: World) -> None:
    device = world.connected("thing1")
    device.publish(NEXT, b'{"clientToken":"1"}')
    answer = device.next()
    assert (answer.topic, answer.payload, answer.qos, answer.retain) == (
        f"{NEXT}/accepted",
        b'{"clientToken":"1"}',
        1,
        False,
    )
    assert world.service.requests == [("thing1", NEXT, b'{"clientToken":"1"}')]


@both_transports
def test_an_answer_comes_once_even_if_subscribed_to(world: World) -> None:
    device = world.connected("thing1")
    assert device.subscribe("$aws/things/thing1/#") == [1]
    device.publish(NEXT)
    assert device.next().topic == f"{NEXT}/accepted"
    device.subscribe("sentinel")
    device.publish("sentinel")
    assert device.next().topic == "sentinel"


def test_spies_see_nothing(world: World) -> None:
    """A `#` spy and every filter on `$aws` that it can think of."""
    spy = world.connected("thing2")
    assert spy.subscribe("#") == [1]
    assert spy.subscribe("+/things/thing1/#") == [1]
    assert spy.subscribe("+/+/+/+/+/+/#") == [1]
    refused = (
        "$aws/#",
        "$aws/+/thing1/#",
        "$aws/things/+/jobs/notify",
        "$aws/things/thing1/#",
        "$aws/things/#",
        "$SYS/#",
        "$share/group/#",
        "$share/group/$aws/things/thing1/#",
    )
    for topic_filter in refused:
        assert spy.subscribe(topic_filter) == [0x80], topic_filter
    device = world.connected("thing1")
    device.subscribe(NOTIFY_NEXT)
    device.publish(NEXT)
    device.publish(UPDATE, b'{"status":"SUCCEEDED"}')
    assert sorted(device.topics(3)) == sorted(
        [f"{NEXT}/accepted", f"{UPDATE}/accepted", NOTIFY_NEXT]
    )
    device.publish("sentinel")
    assert spy.next().topic == "sentinel"
    # Overlapping filters may bring the sentinel more than once, but nothing before it.
    assert set(spy.topics(spy.messages.qsize())) <= {"sentinel"}


def test_puback_replies_news_come_in_this_order(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    news = "$aws/things/thing1/jobs/notify"
    device.send(Subscribe(1, ((news, 1), (NOTIFY_NEXT, 1))))
    assert device.receive() == Suback(1, (1, 1))
    device.send(Publish(UPDATE, b"SUCCEEDED", 1, pid=7))
    puback, reply, *published = device.receive_many(4)
    assert puback == Puback(7)
    assert isinstance(reply, Publish)
    assert (reply.topic, reply.qos) == (f"{UPDATE}/accepted", 1)
    assert [packet.topic for packet in published if isinstance(packet, Publish)] == [
        news,
        NOTIFY_NEXT,
    ]


def test_news_waits_for_a_subscription_that_is_on_its_way(world: World) -> None:
    """The device does not wait for SUBACK; it gets the news all the same."""
    device = world.bare()
    device.connect("thing1")
    device.send(Subscribe(1, ((NOTIFY_NEXT, 1),)), Publish(UPDATE, b"SUCCEEDED", 0))
    received = device.receive_many(3)
    assert sorted(type(packet).__name__ for packet in received) == ["Publish", "Publish", "Suback"]
    last = received[-1]
    assert isinstance(last, Publish)
    assert last.topic == NOTIFY_NEXT


def test_the_answer_has_the_qos_of_the_request(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    device.send(Publish(NEXT, b"{}", 0))
    assert device.receive() == Publish(f"{NEXT}/accepted", b"{}", 0)


def test_a_repeated_request_is_answered_again(world: World) -> None:
    """Tokens repeat and DUP comes after a reconnect: never de-duplicate (§0.9)."""
    device = world.bare()
    device.connect("thing1")
    request = Publish(NEXT, b'{"clientToken":":thing1"}', 1, pid=1)
    device.send(request, Publish(NEXT, request.payload, 1, dup=True, pid=1))
    received = device.receive_many(4)
    assert [type(packet) for packet in received] == [Puback, Publish, Puback, Publish]
    assert len(world.service.requests) == 2


@both_transports
def test_many_data_messages_come_in_order(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    device.send(Publish(STREAM, json.dumps({"n": 256}).encode(), 0))
    received = device.receive_many(256)
    assert received == [Publish(DATA, bytes([i]) * 4096, 0) for i in range(256)]
    world.wait("PUBLISH", "to_device", payload=(b"\xff" * 4096).hex())
    assert world.kinds(dir="to_device") == ["CONNACK"] + ["PUBLISH"] * 256


def test_a_status_counts_even_if_the_device_resets_right_after_it(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    device.send(Publish(UPDATE, b'{"status":"IN_PROGRESS"}', 1, pid=1))
    device.reset()
    world.wait("TCP_CLOSE", conn=1)
    assert world.service.requests == [("thing1", UPDATE, b'{"status":"IN_PROGRESS"}')]


def test_a_status_counts_even_if_the_answer_before_it_cannot_be_sent(world: World) -> None:
    """The device sends it and resets while the gateway is about to write: the write fails."""
    device = world.bare()
    device.connect("thing1")

    def status_and_reset(thing: str, topic: str, payload: bytes) -> Outcome:
        world.service.answer = None
        device.send(Publish(UPDATE, b'{"status":"IN_PROGRESS"}', 1, pid=2))
        device.reset()
        return Outcome((Reply(f"{topic}/accepted", b"{}"),))

    world.service.answer = status_and_reset
    device.send(Publish(NEXT, b"{}", 1, pid=1))
    world.wait("TCP_CLOSE", conn=1)
    # Waits until the gateway is done with the connection.
    world.loop.call(world.gateway.drop("thing1"))
    assert [topic for _, topic, _ in world.service.requests] == [NEXT, UPDATE]
    assert "PUBACK" not in world.kinds(dir="to_device")


def test_a_status_counts_even_if_sent_before_connack(world: World) -> None:
    """CONNECT, status and reset in one breath (MQTT 3.1.1 §3.1.4 lets a client not wait)."""
    watcher = world.connected("thing2")
    watcher.subscribe("said")
    device = world.bare()
    device.send(
        Connect("thing1"), Publish(UPDATE, b"{}", 1, pid=1), Publish("said", b"too", 1, pid=2)
    )
    device.reset()
    assert watcher.next().payload == b"too"
    assert world.service.requests == [("thing1", UPDATE, b"{}")]


def test_replies_and_deliveries_never_share_a_packet_identifier(world: World) -> None:
    """Neither is acknowledged until all have come; then each acknowledgement finds its way."""
    device = world.bare()
    device.connect("thing1")
    device.send(Subscribe(1, (("news", 1),)))
    assert device.receive() == Suback(1, (1,))
    other = world.connected("thing2")
    for _ in range(5):
        device.send(Publish(NEXT, b"{}", 1, pid=9))
        other.publish("news")
    received = [packet for packet in device.receive_many(15) if isinstance(packet, Publish)]
    pids = [packet.pid for packet in received]
    assert len(received) == len(set(pids)) == 10
    device.send(*(Puback(pid) for pid in pids if pid is not None))
    device.send(Publish(NEXT, b"again", 0))
    assert device.receive() == Publish(f"{NEXT}/accepted", b"again", 0)


def test_a_failing_service_ends_the_connection_and_is_told(world: World) -> None:
    def fail(thing: str, topic: str, payload: bytes) -> Outcome:
        raise OSError("disk full")

    world.service.answer = fail
    device = world.bare()
    device.connect("thing1")
    device.send(Publish(NEXT, b"{}", 1, pid=1))
    assert device.receive_until_end() == []
    assert world.wait("BENCH_ERROR").data == {"text": "OSError: disk full"}
    assert isinstance(world.gateway.failure, OSError)


def test_the_largest_reply_passes(world: World) -> None:
    payload = bytes(128 * 1024)
    world.service.answer = lambda _thing, _topic, _payload: Outcome((Reply(DATA, payload),))
    device = world.bare()
    device.connect("thing1")
    device.send(Publish(STREAM, payload, 1, pid=1))
    assert device.receive() == Puback(1)
    reply = device.receive()
    assert isinstance(reply, Publish)
    assert reply.payload == payload


def test_the_rig_publishes_through_the_broker(world: World) -> None:
    device = world.connected("thing1")
    device.subscribe(NOTIFY_NEXT)
    world.loop.call(world.gateway.publish(NOTIFY_NEXT, b"news"))
    message = device.next()
    assert (message.topic, message.payload, message.qos) == (NOTIFY_NEXT, b"news", 1)


def test_the_rig_can_drop_a_device(world: World) -> None:
    device = world.bare()
    device.connect("thing1")
    world.loop.call(world.gateway.drop("thing1"))
    assert device.receive_until_end() == []
    assert world.wait("TCP_CLOSE", "to_device").data["reason"] == "dropped by the rig"
    world.loop.call(world.gateway.drop("thing1"))
