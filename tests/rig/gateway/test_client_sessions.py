"""Take-over, persistent sessions, retained messages, wills and keep-alive, by MQTT 3.1.1,
whichever broker is behind."""

from __future__ import annotations

import uuid

import pytest

from rig.gateway.codec import Connack, Connect, Puback, Publish, Suback, Subscribe, Will
from rig.trace import Event
from tests.rig.gateway.clients import PATIENCE_S
from tests.rig.gateway.world import World


@pytest.fixture
def topic() -> str:
    """A topic of this test alone."""
    return f"topic/{uuid.uuid4().hex}"


# -- take-over ----------------------------------------------------------------------------------


@pytest.mark.parametrize("clean", [True, False], ids=["clean", "persistent"])
def test_a_second_connection_takes_over(world: World, topic: str, clean: bool) -> None:
    """MQTT 3.1.1 §3.1.4: the first is disconnected, the second works; its will goes out."""
    watcher = world.connected("thing2")
    watcher.subscribe(f"{topic}/#")
    first = world.bare()
    first.connect("thing1", clean=clean, will=Will(f"{topic}/will", b"gone", 1))
    first.send(Subscribe(1, ((f"{topic}/sub", 1),)))
    assert first.receive() == Suback(1, (1,))

    second = world.bare()
    assert second.connect("thing1", clean=clean) == Connack(0, session_present=not clean)
    assert first.receive_until_end() == []
    assert watcher.next().topic == f"{topic}/will"
    closed = world.wait("TCP_CLOSE", "to_device", conn=2)
    assert "connection 3 took over" in closed.data["reason"]

    if clean:
        second.send(Subscribe(1, ((f"{topic}/sub", 1),)))
        assert second.receive() == Suback(1, (1,))
    watcher.publish(f"{topic}/sub", b"to the second")
    delivered = second.receive()
    assert isinstance(delivered, Publish)
    assert delivered.payload == b"to the second"


def test_take_over_changes_the_session_mode(world: World, topic: str) -> None:
    """Persistent, then clean, then persistent: the clean one leaves nothing behind."""
    for clean, present in ((False, False), (True, False), (False, False), (False, True)):
        client = world.bare()
        assert client.connect("thing1", clean=clean).session_present is present
        client.send(Subscribe(1, ((topic, 1),)))
        assert client.receive() == Suback(1, (1,))


def test_many_take_overs_in_a_row(world: World) -> None:
    """The newest of ten that come at once wins, and its requests are answered."""
    clients = [world.bare() for _ in range(10)]
    for client in clients:
        client.send(Connect("thing1"))
    closed = 0

    def nine_closed(event: Event) -> bool:
        nonlocal closed
        closed += event.kind == "TCP_CLOSE"
        return closed == 9

    world.recorder.wait(nine_closed, PATIENCE_S)
    # The gateway reads ten sockets in an order of its own; whoever's CONNECT came last stays.
    connects = [event.conn for event in world.recorder.events if event.kind == "CONNECT"]
    assert connects[-1] is not None
    last = clients.pop(connects[-1] - 1)
    for client in clients:
        assert client.receive_until_end() in ([], [Connack(0)])
    assert last.receive() == Connack(0)
    request = "$aws/things/thing1/jobs/get"
    last.send(Publish(request, b"{}", 0))
    assert last.receive() == Publish(f"{request}/accepted", b"{}", 0)


# -- persistent sessions ------------------------------------------------------------------------


def test_qos_1_messages_wait_for_a_persistent_session(world: World, topic: str) -> None:
    device = world.bare()
    assert device.connect("thing1", clean=False) == Connack(0, session_present=False)
    device.send(Subscribe(1, ((f"{topic}/1", 1), (f"{topic}/0", 0))))
    assert device.receive() == Suback(1, (1, 0))
    device.reset()
    world.wait("TCP_CLOSE", "from_device", conn=1)
    other = world.connected("thing2")
    for number in range(3):
        other.publish(f"{topic}/1", b"%d" % number)
        other.publish(f"{topic}/0", b"not kept")

    again = world.bare()
    assert again.connect("thing1", clean=False) == Connack(0, session_present=True)
    waiting = again.receive_many(3)
    assert [packet.payload for packet in waiting if isinstance(packet, Publish)] == [
        b"0",
        b"1",
        b"2",
    ]
    assert {
        (packet.topic, packet.qos, packet.retain)
        for packet in waiting
        if isinstance(packet, Publish)
    } == {(f"{topic}/1", 1, False)}


def test_an_unacknowledged_message_comes_again_with_dup(world: World, topic: str) -> None:
    """MQTT 3.1.1 §4.4: with its own packet identifier; once acknowledged, never more."""
    device = world.bare()
    device.connect("thing1", clean=False)
    device.send(Subscribe(1, ((topic, 1),)))
    device.receive()
    world.connected("thing2").publish(topic, b"once")
    first = device.receive()
    device.reset()

    again = world.bare()
    assert again.connect("thing1", clean=False).session_present
    redelivered = again.receive()
    assert isinstance(first, Publish)
    assert redelivered == Publish(topic, b"once", 1, dup=True, pid=first.pid)
    assert redelivered.pid is not None
    again.send(Puback(redelivered.pid), Publish(topic, b"sentinel", 0))
    sentinel = again.receive()
    assert isinstance(sentinel, Publish)
    assert sentinel.payload == b"sentinel"
    again.reset()

    third = world.bare()
    assert third.connect("thing1", clean=False).session_present
    third.send(Publish(topic, b"last", 0))
    last = third.receive()
    assert isinstance(last, Publish)
    assert last.payload == b"last"


def test_a_clean_session_leaves_nothing(world: World, topic: str) -> None:
    device = world.connected("thing1")
    device.subscribe(topic)
    device.disconnect()
    world.connected("thing2").publish(topic)
    again = world.connected("thing1", clean=False)
    assert again.session_present is False
    again.subscribe("sentinel/thing1")
    again.publish("sentinel/thing1")
    assert again.next().topic == "sentinel/thing1"


def test_notifications_wait_for_a_persistent_session(world: World) -> None:
    news = "$aws/things/thing1/jobs/notify-next"
    device = world.bare()
    device.connect("thing1", clean=False)
    device.send(Subscribe(1, ((news, 1),)))
    assert device.receive() == Suback(1, (1,))
    device.close()
    world.wait("TCP_CLOSE", "from_device")
    world.loop.call(world.gateway.publish(news, b"meanwhile"))
    again = world.bare()
    assert again.connect("thing1", clean=False).session_present
    message = again.receive()
    assert isinstance(message, Publish)
    assert (message.topic, message.payload) == (news, b"meanwhile")


# -- QoS and retained messages ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "subscribed", "delivered"), [(0, 1, 0), (1, 0, 0), (1, 1, 1), (1, 2, 1)]
)
def test_delivery_has_the_lower_qos(
    world: World, topic: str, published: int, subscribed: int, delivered: int
) -> None:
    device = world.bare()
    device.connect("thing1")
    device.send(Subscribe(1, ((topic, subscribed),)))
    assert device.receive() == Suback(1, (min(subscribed, 1),))
    world.connected("thing2").publish(topic, b"x", published)
    message = device.receive()
    assert isinstance(message, Publish)
    assert message.qos == delivered


def test_a_repeated_subscription_changes_the_qos(world: World, topic: str) -> None:
    device = world.bare()
    device.connect("thing1")
    for qos in (0, 1):
        device.send(Subscribe(1, ((topic, qos),)))
        assert device.receive() == Suback(1, (qos,))
    world.connected("thing2").publish(topic, b"x", 1)
    message = device.receive()
    assert isinstance(message, Publish)
    assert message.qos == 1


def test_a_retained_message_meets_whoever_subscribes_and_nobody_else(
    world: World, topic: str
) -> None:
    world.connected("thing1").publish(topic, b"kept", retain=True)
    subscriber = world.connected("thing2")
    subscriber.subscribe(topic)
    message = subscriber.next()
    assert (message.payload, message.retain) == (b"kept", True)

    bystander = world.connected("thing3")
    bystander.subscribe(f"{topic}/other")
    bystander.publish(f"{topic}/other", b"sentinel")
    assert bystander.next().payload == b"sentinel"
    # An empty payload clears it, and is delivered as any other message (§3.3.1.3).
    bystander.publish(topic, b"", retain=True)
    assert subscriber.next().payload == b""
    late = world.connected("thing4")
    late.subscribe(topic)
    late.publish(topic, b"first that late sees")
    assert late.next().payload == b"first that late sees"


def test_unsubscribing_ends_delivery(world: World, topic: str) -> None:
    device = world.connected("thing1")
    device.subscribe(topic)
    device.subscribe(f"{topic}/sentinel")
    device.unsubscribe(topic)
    device.publish(topic)
    device.publish(f"{topic}/sentinel")
    assert device.next().topic == f"{topic}/sentinel"


def test_all_messages_before_disconnect_are_delivered(world: World, topic: str) -> None:
    other = world.connected("thing2")
    other.subscribe(topic)
    device = world.connected("thing1")
    for _ in range(20):
        device.publish(topic, qos=0)
    device.disconnect()
    assert len(other.topics(20)) == 20


# -- wills --------------------------------------------------------------------------------------


def test_the_will_is_published_when_the_connection_breaks(world: World, topic: str) -> None:
    watcher = world.connected("thing2")
    watcher.subscribe(topic)
    device = world.connected("thing1", will=(topic, b"broken", 1, True))
    device.vanish()
    will = watcher.next()
    assert (will.payload, will.qos) == (b"broken", 1)
    late = world.connected("thing3")
    late.subscribe(topic)
    assert late.next().retain is True


def test_no_will_after_disconnect(world: World, topic: str) -> None:
    watcher = world.connected("thing2")
    watcher.subscribe(topic)
    device = world.connected("thing1", will=(topic, b"broken", 1, False))
    device.disconnect()
    world.wait("TCP_CLOSE", "from_device", reason="DISCONNECT")
    # The gateway is done with the device only when the broker is.
    world.loop.call(world.gateway.drop("thing1"))
    watcher.publish(topic, b"sentinel")
    assert watcher.next().payload == b"sentinel"


# -- keep-alive ---------------------------------------------------------------------------------


def test_a_silent_device_is_dropped_and_its_will_published(world: World, topic: str) -> None:
    watcher = world.connected("thing2")
    watcher.subscribe(topic)
    device = world.bare()
    device.connect("thing1", keepalive=1, will=Will(topic, b"silent"))
    assert watcher.next().payload == b"silent"
    assert device.receive_until_end() == []
    closed = world.wait("TCP_CLOSE", "to_device")
    assert closed.data["reason"] == "silent for 1.5 times its keep-alive of 1 s"


def test_pings_keep_a_device_connected(world: World) -> None:
    """paho pings by itself; after two keep-alives it is still there."""
    device = world.connected("thing1", keepalive=1)
    ping = world.wait("PINGREQ")
    world.wait("PINGREQ", since=world.recorder.events.index(ping) + 1)
    device.publish("$aws/things/thing1/jobs/get")
    assert device.next().topic == "$aws/things/thing1/jobs/get/accepted"
