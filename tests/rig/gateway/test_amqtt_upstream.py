"""Each fault of amqtt that `amqtt_mended` puts right, shown by the stock broker.

A test that fails here says: upstream has mended this, take the mend out of `amqtt_mended`. That
the mended broker behaves is shown by `test_client_sessions`, where mosquitto has to pass as well.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.plugins.base import BaseAuthPlugin

from rig.gateway.codec import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Suback,
    Subscribe,
)
from rig.loop_thread import LoopThread
from tests.rig.gateway.clients import Bare


class LetInEverybody(BaseAuthPlugin):  # type: ignore[misc]
    """Not anonymous: amqtt keeps no messages for anonymous clients."""

    async def authenticate(self, *, session: object) -> bool:
        return True


@pytest.fixture
def stock() -> Iterator[int]:
    """The port of a broker as upstream made it."""
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)
    loop = LoopThread("stock amqtt")

    async def start() -> Broker:
        listener = ListenerConfig(type=ListenerType.TCP, bind="127.0.0.1:0")
        plugins: dict[str, dict[str, object]] = {f"{__name__}.{LetInEverybody.__name__}": {}}
        broker = Broker(BrokerConfig(listeners={"default": listener}, plugins=plugins))
        await broker.start()
        # Its sweep of ended sessions, once a second, would make some of this a matter of luck.
        broker._session_monitor_task.cancel()
        return broker

    broker = loop.call(start())
    yield broker._servers["default"].instance.sockets[0].getsockname()[1]
    loop.call(broker.shutdown())
    loop.close()


@pytest.fixture
def clients() -> Iterator[list[Bare]]:
    opened: list[Bare] = []
    yield opened
    for client in opened:
        client.close()


def a_client(port: int, clients: list[Bare], client_id: str, clean: bool = True) -> Bare:
    client = Bare(port)
    clients.append(client)
    client.send(Connect(client_id, clean=clean, keepalive=60))
    assert isinstance(client.receive(), Connack)
    return client


def subscribe(client: Bare, topic: str, qos: int) -> None:
    client.send(Subscribe(1, ((topic, qos),)))
    assert client.receive() == Suback(1, (qos,))


def next_publish(client: Bare) -> Publish:
    packet: Packet = client.receive()
    assert isinstance(packet, Publish)
    return packet


def test_stock_drops_who_publishes_below_aws(stock: int, clients: list[Bare]) -> None:
    client = a_client(stock, clients, "a")
    client.send(Publish("$aws/things/T/jobs/notify", b"", 1, pid=1))
    assert client.receive() == Puback(1)
    watcher = a_client(stock, clients, "b")
    subscribe(watcher, "ordinary", 1)
    client.send(Publish("ordinary", b"lost", 1, pid=2))
    assert client.receive() == Puback(2)
    watcher.send(Publish("ordinary", b"own", 0))
    assert next_publish(watcher).payload == b"own"


def test_stock_delivers_at_the_subscriptions_qos(stock: int, clients: list[Bare]) -> None:
    client = a_client(stock, clients, "a")
    subscribe(client, "t", 1)
    client.send(Publish("t", b"", 0))
    assert next_publish(client).qos == 1


def test_stock_keeps_the_old_qos_of_a_subscription(stock: int, clients: list[Bare]) -> None:
    client = a_client(stock, clients, "a")
    subscribe(client, "t", 0)
    subscribe(client, "t", 1)
    client.send(Publish("t", b"", 1, pid=1))
    received = client.receive_many(2)
    assert [packet.qos for packet in received if isinstance(packet, Publish)] == [0]


def test_stock_delivers_once_for_each_matching_filter(stock: int, clients: list[Bare]) -> None:
    client = a_client(stock, clients, "a")
    subscribe(client, "t/#", 0)
    subscribe(client, "t/1", 0)
    client.send(Publish("t/1", b"", 0))
    assert [packet.topic for packet in (next_publish(client), next_publish(client))] == ["t/1"] * 2


def test_stock_delivers_what_was_queued_as_if_retained(stock: int, clients: list[Bare]) -> None:
    sleeper = a_client(stock, clients, "a", clean=False)
    subscribe(sleeper, "t", 1)
    sleeper.send(Disconnect())
    assert sleeper.receive_until_end() == []
    other = a_client(stock, clients, "b")
    other.send(Publish("t", b"queued", 1, pid=1))
    assert other.receive() == Puback(1)
    assert next_publish(a_client(stock, clients, "a", clean=False)).retain is True


def test_stock_delivers_retained_messages_nobody_asked_for(stock: int, clients: list[Bare]) -> None:
    other = a_client(stock, clients, "b")
    subscribe(other, "t", 0)
    other.send(Publish("t", b"retained", 0, retain=True))
    assert next_publish(other).payload == b"retained"
    assert next_publish(a_client(stock, clients, "c")).payload == b"retained"


def test_stock_forgets_what_was_not_acknowledged(stock: int, clients: list[Bare]) -> None:
    device = a_client(stock, clients, "a", clean=False)
    subscribe(device, "t", 1)
    device.send(Publish("t", b"unacknowledged", 0))
    assert next_publish(device).payload == b"unacknowledged"
    device.send(Disconnect())
    assert device.receive_until_end() == []
    again = a_client(stock, clients, "a", clean=False)
    again.send(Publish("t", b"later", 0))
    assert next_publish(again).payload == b"later"


def test_stock_leaves_the_first_of_two_clean_connections(stock: int, clients: list[Bare]) -> None:
    first = a_client(stock, clients, "a")
    a_client(stock, clients, "a")
    first.send(Pingreq())
    assert first.receive_or_end() is not None


def test_stock_finds_a_clean_session_present(stock: int, clients: list[Bare]) -> None:
    first = a_client(stock, clients, "a")
    first.send(Disconnect())
    assert first.receive_until_end() == []
    second = Bare(stock)
    clients.append(second)
    second.send(Connect("a", clean=False, keepalive=60))
    assert second.receive() == Connack(0, session_present=True)
