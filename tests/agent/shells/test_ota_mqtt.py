"""The MQTT shell on a client that belongs to the application, through a real socket."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTMessage

from agent.config import MqttEndpoint
from agent.connection import make_client
from agent.machine.ports import EventData, JobAnswer, StreamMessage
from agent.mqtt import OtaMqtt
from agent.protocol import topics
from agent.protocol.states import Event
from tests.agent.device.scripted_cloud import PREFIX, THING, ScriptedCloud

NG = topics.next_get(THING)
UP = topics.update(THING, "J")


class Application:
    """An application with its own messages on the same client."""

    def __init__(self, port: int) -> None:
        self.endpoint = MqttEndpoint("127.0.0.1", port)
        self.client: Client = make_client(self.endpoint, THING)
        self.own: list[str] = []
        self.client.on_message = self.on_message
        self.events: list[tuple[Event, EventData]] = []
        self.mqtt = OtaMqtt(self.client, THING, self.signal, lambda: 7.0)
        self.mqtt.claim()

    def on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.own.append(message.topic)

    def signal(self, event: Event, payload: EventData) -> bool:
        self.events.append((event, payload))
        return True

    def connect(self) -> None:
        self.client.connect(self.endpoint.host, self.endpoint.port)
        self.until(self.client.is_connected)

    def until(self, met: Callable[[], bool]) -> None:
        """Run the client's network loop until ``met``."""
        deadline = time.monotonic() + 10
        while not met():
            assert time.monotonic() < deadline, (self.events, self.own)
            self.client.loop(0.05)


@pytest.fixture
def cloud() -> Iterator[ScriptedCloud]:
    with ScriptedCloud() as running:
        yield running


@pytest.fixture
def app(cloud: ScriptedCloud) -> Iterator[Application]:
    application = Application(cloud.port)
    application.connect()
    yield application
    application.client.disconnect()


def request(number: int) -> bytes:
    return json.dumps({"clientToken": f"{number}:{THING}"}).encode()


def test_ota_topics_are_claimed_and_no_others(cloud: ScriptedCloud, app: Application) -> None:
    others = ["jobs/notify", "jobs/J/update/accepted", "streams/S/rejected/cbor", "shadow/update"]
    for topic in others:
        cloud.to_device(topic, b"{}")
    cloud.to_device("jobs/notify-next", b"doc")
    cloud.to_device("streams/S-1/data/cbor", b"block")
    cloud.to_device("jobs/$next/get/accepted", b"answer")
    app.until(lambda: len(app.events) == 3)
    assert app.own == [PREFIX + topic for topic in others]
    assert app.events == [
        (Event.RECEIVED_JOB_DOCUMENT, b"doc"),
        (Event.RECEIVED_FILE_BLOCK, StreamMessage("S-1", b"block")),
        (Event.RECEIVED_JOB_DOCUMENT, JobAnswer(b"answer")),
    ]


def test_released_topics_go_to_the_application(cloud: ScriptedCloud, app: Application) -> None:
    app.mqtt.release()
    cloud.to_device("jobs/notify-next", b"doc")
    app.until(lambda: bool(app.own))
    assert app.events == []


def test_request_and_answer(app: Application) -> None:
    assert app.mqtt.subscribe(topics.notify_next(THING), 1)
    assert app.mqtt.publish(NG, request(0), 1)
    assert app.mqtt.asked_at == 7.0
    app.until(lambda: bool(app.events))
    assert app.mqtt.asked_at is None
    assert app.mqtt.requests == 1


def test_answer_to_an_earlier_request_is_dropped(cloud: ScriptedCloud, app: Application) -> None:
    cloud.lose_answers = 2
    app.mqtt.publish(NG, request(0), 1)
    app.mqtt.publish(NG, request(1), 1)
    for number in (0, 1):
        cloud.wait(lambda: cloud.lose_answers == 0)
        cloud.to_device("jobs/$next/get/accepted", request(number))
    app.until(lambda: bool(app.events))
    assert app.events == [(Event.RECEIVED_JOB_DOCUMENT, JobAnswer(request(1)))]


@pytest.mark.parametrize("answer", [b"", b"{}", b"[]", b'{"clientToken":7}', b"\xff", b"[" * 9999])
def test_answer_without_a_token_is_the_agents_to_judge(
    cloud: ScriptedCloud, app: Application, answer: bytes
) -> None:
    cloud.lose_answers = 2
    app.mqtt.publish(NG, request(0), 1)
    app.mqtt.publish(NG, request(1), 1)
    cloud.wait(lambda: cloud.lose_answers == 0)
    cloud.to_device("jobs/$next/get/accepted", answer)
    app.until(lambda: bool(app.events))
    assert app.events == [(Event.RECEIVED_JOB_DOCUMENT, JobAnswer(answer))]


def test_flushed_when_acknowledged(app: Application) -> None:
    assert app.mqtt.flushed
    app.mqtt.publish(UP, b"{}", 1)
    assert not app.mqtt.flushed
    app.until(lambda: app.mqtt.flushed)


def test_without_a_connection_only_final_words_are_kept(cloud: ScriptedCloud) -> None:
    app = Application(cloud.port)
    assert not app.mqtt.subscribe(topics.notify_next(THING), 1)
    assert not app.mqtt.unsubscribe(topics.notify_next(THING))
    assert not app.mqtt.publish(NG, request(0), 1)
    assert not app.mqtt.publish(topics.stream_get(THING, "S"), b"x", 0)
    assert not app.mqtt.publish(UP, b"progress", 0)
    assert app.mqtt.publish(UP, b'{"status":"SUCCEEDED","statusDetails":{}}', 1)
    assert not app.mqtt.flushed
    app.connect()
    app.until(lambda: app.mqtt.flushed)
    assert [(topic, flags & 6) for topic, _, flags in cloud.published] == [(UP, 2)]
    app.client.disconnect()


def test_small_packets_are_not_delayed(app: Application) -> None:
    sock: Any = app.client.socket()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
