"""Job events on a real broker: who listens there, and that no device does (job service §1.9)."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, Queue
from threading import Event
from typing import Any

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from rig.gateway.endpoint import BrokerEndpoint
from tests.rig.aws.conftest import THING, Service
from tests.rig.aws.device_sdk import Identity

PATIENCE_S = 30.0
EVENTS = "$aws/events/#"


class Listener:
    """A client that takes down what it hears, in the order of the broker."""

    def __init__(self, client_id: str) -> None:
        self.heard: Queue[tuple[str, Any]] = Queue()
        self.granted: list[ReasonCode] = []
        self.client = Client(CallbackAPIVersion.VERSION2, client_id, reconnect_on_failure=False)
        self.client.on_message = lambda client, _, message: self.heard.put(
            (message.topic, json.loads(message.payload))
        )
        self._subscribed = Event()
        self.client.on_subscribe = self._on_subscribe

    def _on_subscribe(self, *arguments: Any) -> None:
        self.granted += arguments[3]
        self._subscribed.set()

    def subscribe(self, topic_filter: str) -> None:
        self._subscribed.clear()
        self.client.subscribe(topic_filter, 1)
        assert self._subscribed.wait(PATIENCE_S)

    def hear(self) -> tuple[str, Any]:
        return self.heard.get(timeout=PATIENCE_S)


@contextmanager
def connected(listener: Listener, host: str, port: int) -> Iterator[Listener]:
    listener.client.connect(host, port)
    listener.client.loop_start()
    try:
        yield listener
    finally:
        listener.client.disconnect()
        listener.client.loop_stop()


def device(identity: Identity) -> Listener:
    listener = Listener(identity.thing)
    context = ssl.create_default_context(cafile=identity.ca)
    context.load_cert_chain(identity.certificate, identity.private_key)
    listener.client.tls_set_context(context)
    return listener


@pytest.fixture
def watcher(service_5: Service, mosquitto: BrokerEndpoint) -> Iterator[Listener]:
    """A client of the broker itself, with all job events switched on."""
    switches = {kind: {"Enabled": True} for kind in ("JOB", "JOB_EXECUTION")}
    service_5.client("iot").update_event_configurations(eventConfigurations=switches)
    with connected(Listener("watcher"), mosquitto.host, mosquitto.port) as listener:
        listener.subscribe(EVENTS)
        yield listener


def test_a_fleet_is_watched_from_the_broker(service_5: Service, watcher: Listener) -> None:
    identity = service_5.enrol()
    iot, data = service_5.client("iot"), service_5.client("iot-jobs-data")
    service_5.offer("job1")
    with connected(device(identity), "localhost", identity.port) as agent:
        agent.subscribe(f"$aws/things/{THING}/jobs/notify-next")
        report = {"status": "SUCCEEDED", "statusDetails": {"reason": "accepted v2"}}
        agent.client.publish(f"$aws/things/{THING}/jobs/job1/update", json.dumps(report), 1)
        topic, ended = watcher.hear()
        assert topic == "$aws/events/jobExecution/job1/succeeded"
        assert ended["statusDetails"] == report["statusDetails"]
        assert ended["thingArn"] == iot.describe_thing(thingName=THING)["thingArn"]
        topic, completed = watcher.hear()
        assert topic == "$aws/events/job/job1/completed"
        created = iot.describe_job(jobId="job1")["job"]["createdAt"].timestamp()
        assert completed["createdAt"] == pytest.approx(created * 1000, abs=1)
    service_5.offer("job2")
    data.start_next_pending_job_execution(thingName=THING)
    iot.cancel_job(jobId="job2", force=True)
    iot.delete_job(jobId="job2")
    assert [watcher.hear()[0].removeprefix("$aws/events/") for _ in range(6)] == [
        "job/job2/cancellation_in_progress",
        "jobExecution/job2/canceled",
        "job/job2/canceled",
        "job/job2/deletion_in_progress",
        "jobExecution/job2/deleted",
        "job/job2/deleted",
    ]
    off = {kind: {"Enabled": False} for kind in ("JOB", "JOB_EXECUTION")}
    iot.update_event_configurations(eventConfigurations=off)
    service_5.offer("job3")
    iot.delete_job(jobId="job3", force=True)
    iot.update_event_configurations(eventConfigurations={"JOB": {"Enabled": True}})
    service_5.offer("job4")
    iot.cancel_job(jobId="job4")
    assert watcher.hear()[0] == "$aws/events/job/job4/cancellation_in_progress"


def test_no_device_hears_of_others(service_5: Service, watcher: Listener) -> None:
    identity = service_5.enrol()
    with connected(device(identity), "localhost", identity.port) as spy:
        for topic_filter in (EVENTS, "$aws/#", "#"):
            spy.subscribe(topic_filter)
        assert [code.is_failure for code in spy.granted] == [True, True, False]
        service_5.offer("job1")
        service_5.client("iot").cancel_job(jobId="job1")
        for _ in range(3):
            watcher.hear()
        # What it hears next is its own, published after the events.
        spy.client.publish("own/topic", "1", 1)
        assert spy.hear() == ("own/topic", 1)
        with pytest.raises(Empty):
            spy.heard.get_nowait()
