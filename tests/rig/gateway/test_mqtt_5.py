"""MQTT 5 devices: through the gateway to a mosquitto that speaks 5, and away from an amqtt that
does not."""

from __future__ import annotations

import asyncio
import logging
import queue
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties as PahoProperties
from paho.mqtt.reasoncodes import ReasonCode

from rig.errors import BenchError
from rig.gateway.acts import Close, Lack, Send
from rig.gateway.broker_link import BrokerLink
from rig.gateway.codec import (
    LEVEL_5,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Properties,
    Property,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
    encode,
)
from rig.gateway.codec.properties import only
from rig.gateway.codec.reasons import Reason
from rig.gateway.endpoint import BrokerEndpoint
from rig.gateway.faults import CloseConnection, Fault, PacketMatch
from rig.gateway.session import Session
from rig.gateway.settings import MAX_PACKET
from rig.jobs.outcome import Outcome, Reply
from tests.rig.gateway.clients import PATIENCE_S, Bare
from tests.rig.gateway.world import World

NEXT = "$aws/things/thing1/jobs/$next/get"
UPDATE = "$aws/things/thing1/jobs/job1/update"
NOTIFY = "$aws/things/thing1/jobs/notify"
STREAM = "$aws/things/thing1/streams/s/get/cbor"
USER: Properties = ((Property.USER_PROPERTY, ("k", "v")), (Property.USER_PROPERTY, ("k", "w")))
mosquitto_only = pytest.mark.parametrize("broker_kind", ["mosquitto"], indirect=True)
amqtt_only = pytest.mark.parametrize("broker_kind", ["amqtt"], indirect=True)
both_transports = pytest.mark.parametrize("transport", ["plain", "tls"], indirect=True)


def device_5(world: World, thing: str = "thing1", **fields: object) -> Bare:
    device = world.bare(thing, LEVEL_5)
    connack = device.connect(thing, **fields)
    assert connack.rc == 0, connack
    return device


def subscribed(device: Bare, topic_filter: str, options: int = 1) -> tuple[int, ...]:
    device.send(Subscribe(1, ((topic_filter, options),)))
    suback = device.receive()
    assert isinstance(suback, Suback)
    return suback.codes


def published(device: Bare) -> Publish:
    """The next PUBLISH to the device, acknowledged."""
    packet = device.receive()
    assert isinstance(packet, Publish), packet
    if packet.pid is not None:
        device.send(Puback(packet.pid))
    return packet


# -- a broker that speaks it ----------------------------------------------------------------------


@mosquitto_only
@both_transports
def test_paho_5_gets_answers_unasked_for_and_news_by_the_broker(world: World) -> None:
    """The client of real life: answers without a subscription, the correlation data with them."""
    messages: queue.Queue[paho.MQTTMessage] = queue.Queue()
    codes: queue.Queue[ReasonCode] = queue.Queue()
    client = paho.Client(CallbackAPIVersion.VERSION2, "thing1", protocol=MQTTProtocolVersion.MQTTv5)
    client.on_message = lambda _c, _u, message: messages.put(message)
    client.on_connect = lambda _c, _u, _f, code, _p: codes.put(code)
    client.on_subscribe = lambda _c, _u, _m, given, _p: codes.put(given[0])
    tls = world.tls_for("thing1")
    if tls is not None:
        client.tls_set_context(tls)
    client.connect("127.0.0.1" if tls is None else "localhost", world.port)
    client.loop_start()
    try:
        assert codes.get(timeout=PATIENCE_S).value == 0
        client.subscribe(NOTIFY, 1)
        assert codes.get(timeout=PATIENCE_S).value == 1
        properties: Any = PahoProperties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic = "answers/here"
        properties.CorrelationData = b"\x00\x01"
        client.publish(UPDATE, b'{"status":"SUCCEEDED"}', 1, properties=properties)
        answer: Any = messages.get(timeout=PATIENCE_S)
        assert (answer.topic, answer.qos) == (f"{UPDATE}/accepted", 1)
        assert answer.properties.CorrelationData == b"\x00\x01"
        assert messages.get(timeout=PATIENCE_S).topic == NOTIFY
    finally:
        client.disconnect()
        client.loop_stop()


@mosquitto_only
def test_connack_tells_the_gateways_own_terms(world: World) -> None:
    device = world.bare(level=LEVEL_5)
    wants = ((Property.SESSION_EXPIRY_INTERVAL, 30), (Property.TOPIC_ALIAS_MAXIMUM, 5))
    connack = device.connect("thing1", keepalive=30, properties=wants)
    assert (connack.rc, connack.session_present) == (0, False)
    said = dict(connack.properties)
    assert said[Property.MAXIMUM_QOS] == 1
    assert said[Property.TOPIC_ALIAS_MAXIMUM] == 8
    assert said[Property.SHARED_SUBSCRIPTION_AVAILABLE] == 0
    assert said[Property.MAXIMUM_PACKET_SIZE] == MAX_PACKET
    event = world.wait("CONNECT")
    assert event.data["level"] == 5
    assert event.data["properties"] == {"session_expiry_interval": 30, "topic_alias_maximum": 5}


@mosquitto_only
def test_properties_pass_from_device_to_device(world: World) -> None:
    """Request and response between devices: all that a message carries arrives, in its order."""
    responder, requester = device_5(world, "thing2"), device_5(world, "thing1")
    assert subscribed(responder, "ask/thing2") == (1,)
    assert subscribed(requester, "answers/thing1") == (1,)
    carried: Properties = (
        (Property.CONTENT_TYPE, "text/plain"),
        (Property.RESPONSE_TOPIC, "answers/thing1"),
        (Property.CORRELATION_DATA, b"\x07"),
        (Property.PAYLOAD_FORMAT_INDICATOR, 1),
        *USER,
    )
    requester.send(Publish("ask/thing2", b"?", 1, pid=9, properties=carried))
    assert requester.receive() == Puback(9)
    question = published(responder)
    assert set(question.properties) == set(carried)
    assert only(question.properties, Property.USER_PROPERTY) == USER
    answer_to = dict(question.properties)[Property.RESPONSE_TOPIC]
    assert answer_to == "answers/thing1"
    back = only(question.properties, Property.CORRELATION_DATA)
    responder.send(Publish("answers/thing1", b"!", 0, properties=back))
    assert published(requester) == Publish("answers/thing1", b"!", 0, properties=back)
    event = world.wait("PUBLISH", "from_device", topic="ask/thing2")
    assert event.data["properties"]["user_property"] == [["k", "v"], ["k", "w"]]
    assert event.data["properties"]["correlation_data"] == "07"


@mosquitto_only
def test_an_old_device_and_a_new_one_talk_to_each_other(world: World) -> None:
    old = world.bare("thing2")
    old.connect("thing2")
    new = device_5(world)
    old.send(Subscribe(1, (("t", 1),)))
    assert old.receive() == Suback(1, (1,))
    new.send(Publish("t", b"x", 1, pid=1, properties=USER))
    assert new.receive() == Puback(1)
    got = old.receive()
    assert isinstance(got, Publish)
    assert (got.topic, got.payload, got.properties) == ("t", b"x", ())


@mosquitto_only
def test_aliases_are_resolved_for_requests_faults_and_the_trace(world: World) -> None:
    device = device_5(world)
    one: Properties = ((Property.TOPIC_ALIAS, 1),)
    device.send(Publish(NEXT, b"{}", properties=one), Publish("", b'{"n":2}', properties=one))
    for payload in (b"{}", b'{"n":2}'):
        assert device.receive() == Publish(f"{NEXT}/accepted", payload)
    assert [topic for _, topic, _ in world.service.requests] == [NEXT, NEXT]
    events = [event for event in world.recorder.events if event.dir == "from_device"]
    assert [event.data["topic"] for event in events if event.kind == "PUBLISH"] == [NEXT, NEXT]
    world.faults.add(
        Fault(PacketMatch("from_device", "PUBLISH", topic_suffix="$next/get"), CloseConnection())
    )
    device.send(Publish("", b"{}", properties=one))
    assert device.receive_until_end() == []


@mosquitto_only
def test_an_alias_of_an_ordinary_topic_reaches_the_broker_as_the_topic(world: World) -> None:
    listener, device = device_5(world, "thing2"), device_5(world)
    assert subscribed(listener, "t") == (1,)
    alias: Properties = ((Property.TOPIC_ALIAS, 8),)
    device.send(Publish("t", b"1", properties=alias), Publish("", b"2", properties=alias))
    assert [published(listener) for _ in range(2)] == [Publish("t", b"1"), Publish("t", b"2")]


@mosquitto_only
def test_an_alias_cannot_hide_a_forbidden_topic(world: World) -> None:
    device = device_5(world)
    alias: Properties = ((Property.TOPIC_ALIAS, 1),)
    device.send(Publish(f"{NEXT}/accepted", b"{}", properties=alias))
    (farewell,) = device.receive_until_end()
    assert isinstance(farewell, Disconnect)
    assert farewell.rc == Reason.NOT_AUTHORIZED
    assert world.service.requests == []


@mosquitto_only
def test_the_session_lasts_as_long_as_its_expiry_says(world: World) -> None:
    """Clean start off and on, expiry at CONNECT and another at DISCONNECT."""
    lasting: Properties = ((Property.SESSION_EXPIRY_INTERVAL, 600),)
    device = device_5(world, properties=lasting)
    assert subscribed(device, "t") == (1,)
    device.send(Disconnect())
    assert device.receive_until_end() == []
    other = device_5(world, "thing2")
    other.send(Publish("t", b"missed", 1, pid=1))
    assert other.receive() == Puback(1)

    again = world.bare(level=LEVEL_5)
    connack = again.connect("thing1", clean=False, properties=lasting)
    assert connack.session_present
    assert published(again).payload == b"missed"
    # Never mind what CONNECT said: over with this DISCONNECT.
    again.send(Disconnect(0, ((Property.SESSION_EXPIRY_INTERVAL, 0),)))
    assert again.receive_until_end() == []
    last = world.bare(level=LEVEL_5)
    assert not last.connect("thing1", clean=False, properties=lasting).session_present


@mosquitto_only
def test_a_session_without_expiry_ends_with_its_connection(world: World) -> None:
    device = device_5(world, clean=False)
    assert subscribed(device, "t") == (1,)
    device.send(Disconnect())
    assert device.receive_until_end() == []
    again = world.bare(level=LEVEL_5)
    assert not again.connect("thing1", clean=False).session_present


@mosquitto_only
def test_a_will_with_properties_comes_on_disconnect_with_will(world: World) -> None:
    listener = device_5(world, "thing2")
    assert subscribed(listener, "wills") == (1,)
    device = device_5(world, will=Will("wills", b"gone", 1, properties=USER))
    device.send(Disconnect(Reason.WITH_WILL))
    will = published(listener)
    assert (will.payload, will.properties) == (b"gone", USER)
    quiet = device_5(world, will=Will("wills", b"again", 1))
    quiet.send(Disconnect())
    assert quiet.receive_until_end() == []
    listener.send(Publish("wills", b"sentinel"))
    assert published(listener).payload == b"sentinel"


@mosquitto_only
def test_subscription_options_and_identifiers_are_the_brokers(world: World) -> None:
    device = device_5(world)
    no_local = 0x04
    identifier: Properties = ((Property.SUBSCRIPTION_IDENTIFIER, 7),)
    device.send(
        Subscribe(1, (("mine", 1 | no_local), ("all", 2), ("$SYS/#", 0)), identifier),
        Publish("mine", b"1"),
        Publish("all", b"2"),
    )
    suback = device.receive()
    assert suback == Suback(1, (1, 1, Reason.NOT_AUTHORIZED))
    assert published(device) == Publish("all", b"2", properties=identifier)
    event = world.wait("SUBSCRIBE")
    assert event.data["filters"] == [["mine", 1], ["all", 2], ["$SYS/#", 0]]
    assert event.data["options"] == [5, 2, 0]
    device.send(Unsubscribe(2, ("all", "never")))
    no_subscription = 0x11
    assert device.receive() == Unsuback(2, (0, no_subscription))


@mosquitto_only
def test_shared_subscriptions_are_refused_as_such(world: World) -> None:
    assert subscribed(device_5(world), "$share/g/t") == (Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,)


# -- what the device takes ------------------------------------------------------------------------


def blocks(count: int, size: int = 16) -> Outcome:
    topic = "$aws/things/thing1/streams/s/data/cbor"
    return Outcome(tuple(Reply(topic, bytes([number]) * size) for number in range(count)))


@mosquitto_only
def test_no_more_is_in_flight_than_the_device_takes(world: World) -> None:
    world.service.answer = lambda *_: blocks(5)
    device = device_5(world, properties=((Property.RECEIVE_MAXIMUM, 2),))
    device.send(Publish(STREAM, b"{}", 1, pid=1), Publish(NEXT, b"{}", 0))
    assert device.receive() == Puback(1)
    first = device.receive_many(2)
    # The answers of QoS 0 pass those that wait.
    passing = device.receive_many(5)
    assert [packet.qos for packet in first + passing if isinstance(packet, Publish)] == [1] * 2 + [
        0
    ] * 5
    order = []
    for packet in first:
        assert isinstance(packet, Publish)
        assert packet.pid is not None
        device.send(Puback(packet.pid))
        order.append(packet.payload[0])
    order += [published(device).payload[0] for _ in range(3)]
    assert order == [0, 1, 2, 3, 4]


@mosquitto_only
def test_a_packet_larger_than_the_device_takes_is_left_out(world: World) -> None:
    outcome = Outcome((Reply(f"{NEXT}/accepted", b"x" * 200), Reply(f"{NEXT}/accepted", b"small")))
    world.service.answer = lambda *_: outcome
    device = device_5(world, properties=((Property.MAXIMUM_PACKET_SIZE, 100),))
    device.send(Publish(NEXT, b"{}", 1, pid=1))
    assert device.receive() == Puback(1)
    assert published(device).payload == b"small"
    assert "more than the device takes" in world.wait("NOTE").data["text"]


@mosquitto_only
def test_a_device_that_acknowledges_nothing_is_told_so_in_the_end(world: World) -> None:
    world.service.answer = lambda *_: blocks(100)
    device = device_5(world, properties=((Property.RECEIVE_MAXIMUM, 1),))
    device.send(*(Publish(STREAM, b"{}", 1, pid=pid) for pid in range(1, 13)))
    last = device.receive_until_end()[-1]
    assert isinstance(last, Disconnect)
    assert last.rc == Reason.QUOTA_EXCEEDED


# -- why a connection ends ------------------------------------------------------------------------

BREACHES: dict[str, tuple[Packet, Reason]] = {
    "QoS 2": (Publish("t", b"", 2, pid=1), Reason.QOS_NOT_SUPPORTED),
    "another's topic": (Publish("$aws/things/thing2/jobs/get", b"{}"), Reason.NOT_AUTHORIZED),
    "a payload too large": (Publish("t", bytes(128 * 1024 + 1)), Reason.PACKET_TOO_LARGE),
    "a second CONNECT": (Connect("thing1", level=LEVEL_5), Reason.PROTOCOL_ERROR),
    "AUTH": (Auth(0x18), Reason.PROTOCOL_ERROR),
    "an alias never set": (Publish("", b""), Reason.PROTOCOL_ERROR),
    "an alias too high": (
        Publish("t", b"", properties=((Property.TOPIC_ALIAS, 9),)),
        Reason.TOPIC_ALIAS_INVALID,
    ),
    "a packet too large": (Publish("t", bytes(MAX_PACKET)), Reason.PACKET_TOO_LARGE),
}


@mosquitto_only
@pytest.mark.parametrize("breach", BREACHES)
def test_the_device_is_told_why_it_has_to_go(world: World, breach: str) -> None:
    packet, reason = BREACHES[breach]
    device = device_5(world)
    device.send(packet)
    (farewell,) = device.receive_until_end()
    assert isinstance(farewell, Disconnect)
    assert farewell.rc == reason
    event = world.wait("DISCONNECT", "to_device")
    assert event.data["rc"] == reason
    assert event.data["properties"]["reason_string"]


REFUSED: dict[str, tuple[str, dict[str, Any], Reason]] = {
    "no client id": ("", {}, Reason.CLIENT_IDENTIFIER_NOT_VALID),
    "a stranger": ("stranger", {}, Reason.NOT_AUTHORIZED),
    "an authentication method": (
        "thing1",
        {"properties": ((Property.AUTHENTICATION_METHOD, "SCRAM"),)},
        Reason.BAD_AUTHENTICATION_METHOD,
    ),
    "a will to another": (
        "thing1",
        {"will": Will("$aws/things/thing2/jobs/get", b"")},
        Reason.NOT_AUTHORIZED,
    ),
    "a will with QoS 2": ("thing1", {"will": Will("t", b"", 2)}, Reason.QOS_NOT_SUPPORTED),
}


@mosquitto_only
@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_device_is_told_why(world: World, case: str) -> None:
    client_id, fields, reason = REFUSED[case]
    device = world.bare(level=LEVEL_5)
    connack = device.connect(client_id, **fields)
    assert connack.rc == reason
    assert dict(connack.properties)[Property.REASON_STRING]
    assert device.receive_until_end() == []


@mosquitto_only
def test_the_older_connection_hears_that_it_was_taken_over(world: World) -> None:
    older = device_5(world)
    device_5(world)
    (farewell,) = older.receive_until_end()
    assert isinstance(farewell, Disconnect)
    assert farewell.rc == Reason.SESSION_TAKEN_OVER


@mosquitto_only
def test_silence_ends_with_its_reason(world: World) -> None:
    device = device_5(world, keepalive=1)
    (farewell,) = device.receive_until_end()
    assert isinstance(farewell, Disconnect)
    assert farewell.rc == Reason.KEEP_ALIVE_TIMEOUT


@mosquitto_only
def test_a_broker_that_goes_away_is_no_fault_of_the_device(
    world: World, request: pytest.FixtureRequest
) -> None:
    device = device_5(world)
    request.getfixturevalue("mosquitto_process").kill()
    (farewell,) = device.receive_until_end()
    assert isinstance(farewell, Disconnect)
    assert farewell.rc == Reason.UNSPECIFIED
    again = world.bare(level=LEVEL_5)
    assert again.connect("thing1").rc == Reason.SERVER_UNAVAILABLE


# -- a broker that does not -----------------------------------------------------------------------


@amqtt_only
def test_a_broker_of_3_1_1_refuses_and_says_so_on_the_console(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "rig.gateway.gateway"):
        for _ in range(2):
            device = world.bare(level=LEVEL_5)
            connack = device.connect("thing1")
            assert connack.rc == Reason.UNSUPPORTED_PROTOCOL_VERSION
            assert "--broker" in str(dict(connack.properties)[Property.REASON_STRING])
            assert device.receive_until_end() == []
    # Once, however often devices come.
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("the device speaks MQTT 5, the broker behind the gateway 3.1.1 only")
    assert isinstance(world.gateway.failure, BenchError)
    older = world.bare()
    assert older.connect("thing1") == Connack(0)


@pytest.mark.parametrize(
    "answer",
    [encode(Connack(1)), encode(Connack(Reason.UNSUPPORTED_PROTOCOL_VERSION), LEVEL_5)],
    ids=["as 3.1.1 says it", "as 5 says it"],
)
def test_a_broker_by_url_tells_that_it_does_not_speak_5(answer: bytes) -> None:
    """Such a broker is known only by its CONNACK."""
    lost: list[tuple[str, Reason]] = []

    class Listener:
        def broker_lost(self, why: str, reason: Reason = Reason.UNSPECIFIED) -> None:
            lost.append((why, reason))

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_arguments: None

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await reader.read()
        writer.close()

    async def ask() -> None:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connect = Connect("thing1", level=LEVEL_5)
        gone = asyncio.Event()
        listener = Listener()
        listener.broker_gone = gone.set  # type: ignore[attr-defined]
        await BrokerLink(BrokerEndpoint("127.0.0.1", port), connect, listener).open()
        await asyncio.wait_for(gone.wait(), PATIENCE_S)
        server.close()

    asyncio.run(ask())
    ((why, reason),) = lost
    assert reason is Reason.UNSUPPORTED_PROTOCOL_VERSION
    assert why.endswith("it does not speak MQTT level 5")


def test_what_such_a_broker_says_reaches_device_and_bench() -> None:
    session = Session(lambda _thing: True)
    list(session.on_device(Connect("thing1", level=LEVEL_5)))
    lack, refusal, end = session.broker_refused("no", Reason.UNSUPPORTED_PROTOCOL_VERSION)
    assert isinstance(lack, Lack)
    assert "--broker" in lack.what
    assert isinstance(refusal, Send)
    assert isinstance(refusal.packet, Connack)
    assert refusal.packet.rc == Reason.UNSUPPORTED_PROTOCOL_VERSION
    assert isinstance(end, Close)


@amqtt_only
def test_a_stranger_cannot_spoil_a_run_with_its_level(world: World) -> None:
    device = world.bare(level=LEVEL_5)
    assert device.connect("stranger").rc == Reason.NOT_AUTHORIZED
    assert world.gateway.failure is None
