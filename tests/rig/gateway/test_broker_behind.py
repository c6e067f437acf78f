"""The broker behind: where it is, what happens without it, and who may use the embedded one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from rig.errors import BenchError, UsageError
from rig.gateway.broker import BrokerEndpoint, EmbeddedBroker
from rig.gateway.broker_link import BrokerLink
from rig.gateway.codec import Connack, Connect, Disconnect, Publish, Suback, Subscribe
from rig.gateway.gateway import Gateway
from rig.gateway.settings import GatewaySettings
from rig.trace import RecorderSwitch
from tests.mosquitto import free_port
from tests.rig.gateway.clients import Bare
from tests.rig.gateway.world import FakeRegistry, FakeService, World

ENDPOINTS = {
    "mqtt://127.0.0.1:1884": BrokerEndpoint("127.0.0.1", 1884),
    "mqtt://broker.example": BrokerEndpoint("broker.example", 1883),
    "mqtt://broker.example/": BrokerEndpoint("broker.example", 1883),
    "mqtt://[::1]:1": BrokerEndpoint("::1", 1),
    "mqtt://u:p%40ss@h:2": BrokerEndpoint("h", 2, "u", "p@ss"),
    "mqtt://u@h": BrokerEndpoint("h", 1883, "u"),
}
BAD_URLS = {
    "": "must begin with mqtt://",
    "localhost:1883": "must begin with mqtt://",
    "mqtts://h:8883": "must begin with mqtt://",
    "mqtt://": "lacks the host",
    "mqtt://:1883": "lacks the host",
    "mqtt://h:0": "port 0",
    "mqtt://h:x": "no valid port",
    "mqtt://h:99999": "no valid port",
    "mqtt://[::1": "no valid port",
    "mqtt://h:1/path": "after the port",
    "mqtt://h:1?x=1": "after the port",
    "mqtt://:secret@h": "password without a user name",
}


@pytest.mark.parametrize("url", ENDPOINTS)
def test_urls(url: str) -> None:
    assert BrokerEndpoint.parse(url) == ENDPOINTS[url]


@pytest.mark.parametrize("url", BAD_URLS)
def test_bad_urls_are_refused_in_one_line(url: str) -> None:
    with pytest.raises(UsageError, match=BAD_URLS[url]) as raised:
        BrokerEndpoint.parse(url)
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_password_is_ever_shown() -> None:
    endpoint = BrokerEndpoint.parse("mqtt://u:secret@h")
    assert "secret" not in f"{endpoint} {endpoint!r}"


# -- a broker that is not there -----------------------------------------------------------------


def start_gateway(broker: BrokerEndpoint) -> None:
    async def start() -> None:
        settings = GatewaySettings(broker=broker, plain_port=0)
        gateway = Gateway(settings, FakeService(), FakeRegistry(), RecorderSwitch())
        try:
            await gateway.start()
        finally:
            await gateway.stop()

    asyncio.run(start())


def test_an_unreachable_broker_is_a_bench_error_in_one_line() -> None:
    port = free_port()
    with pytest.raises(BenchError) as raised:
        start_gateway(BrokerEndpoint("127.0.0.1", port))
    assert str(raised.value) == (
        f"the broker at 127.0.0.1:{port} cannot be reached (is it running?): Connection refused"
    )


NO_BROKERS = {
    "refusal": (b"\x20\x02\x00\x05", "not authorized; does its URL need user:password@"),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\n" + b"X" * 100, "malformed MQTT"),
    "PINGRESP": (b"\xd0\x00", "did not begin with CONNACK"),
    "end of connection": (b"", "is gone"),
}


@pytest.mark.parametrize("name", NO_BROKERS)
def test_what_is_no_broker_for_us_is_a_bench_error(name: str) -> None:
    answer, said = NO_BROKERS[name]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(answer)

        serving = threading.Thread(target=serve)
        serving.start()
        with pytest.raises(BenchError, match=said):
            start_gateway(BrokerEndpoint("127.0.0.1", listener.getsockname()[1]))
        serving.join()


# -- the embedded broker ------------------------------------------------------------------------


@asynccontextmanager
async def embedded() -> AsyncIterator[BrokerEndpoint]:
    broker = EmbeddedBroker()
    yield await broker.start()
    await broker.stop()


def run(test: Callable[[BrokerEndpoint], Coroutine[Any, Any, None]]) -> None:
    async def in_broker() -> None:
        async with embedded() as endpoint:
            await test(endpoint)

    asyncio.run(in_broker())


def test_the_embedded_broker_is_on_loopback_with_a_random_password() -> None:
    seen: list[BrokerEndpoint] = []

    async def look(endpoint: BrokerEndpoint) -> None:
        seen.append(endpoint)

    run(look)
    run(look)
    assert {endpoint.host for endpoint in seen} == {"127.0.0.1"}
    assert seen[0].password != seen[1].password
    assert len(seen[0].password or "") >= 32


@pytest.mark.parametrize(
    "connect",
    [
        Connect("thing1"),
        Connect("thing1", username="gateway"),
        Connect("thing1", username="gateway", password=b"guess"),
        Connect("thing1", clean=False, username="", password=b""),
    ],
    ids=["anonymous", "user alone", "wrong password", "empty"],
)
@pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)
def test_other_users_of_the_machine_are_not_let_in(world: World, connect: Connect) -> None:
    """Nor can they end the connection, or have the session, of a device that is in."""
    device = world.bare()
    device.connect("thing1", clean=False)
    device.send(Subscribe(1, (("t", 1),)))
    assert device.receive() == Suback(1, (1,))
    intruder = Bare(world.gateway.broker.port)
    intruder.send(connect)
    assert intruder.receive_until_end() == [Connack(5)]
    intruder.close()
    device.send(Publish("t", b"still here", 0))
    message = device.receive()
    assert isinstance(message, Publish)
    assert message.payload == b"still here"


@pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)
def test_junk_at_the_embedded_brokers_port_harms_nobody(world: World) -> None:
    for junk in (b"\x00", b"GET / HTTP/1.0\r\n\r\n", b"\x10\xff\xff\xff\x7f", b"\x10\x02\x00\xff"):
        intruder = Bare(world.gateway.broker.port)
        intruder.send_bytes(junk)
        intruder.close()
    device = world.connected("thing1")
    device.publish("$aws/things/thing1/jobs/get")
    assert device.next().topic == "$aws/things/thing1/jobs/get/accepted"


# -- a broker that goes away --------------------------------------------------------------------


@pytest.mark.parametrize("broker_kind", ["mosquitto"], indirect=True)
def test_a_broker_that_ends_ends_the_devices_connections(
    world: World, request: pytest.FixtureRequest
) -> None:
    device = world.bare()
    device.connect("thing1")
    request.getfixturevalue("mosquitto_process").terminate()
    assert device.receive_until_end() == []
    assert "is gone" in world.wait("TCP_CLOSE", "to_device").data["reason"]
    assert "is gone" in world.wait("NOTE").data["text"]
    again = world.bare()
    again.send(Connect("thing1"))
    assert again.receive_until_end() == [Connack(3)]


def test_a_link_that_never_opened_can_be_closed() -> None:
    class Nobody:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_arguments: None

    async def close() -> BrokerLink:
        link = BrokerLink(BrokerEndpoint("127.0.0.1", 1), Connect("c"), Nobody())
        link.close(Disconnect())
        link.send([Connect("c")])
        return link

    assert asyncio.run(close())._transport is None
