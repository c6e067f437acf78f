"""Several `serve` on one store, one broker and one data directory, as an operator starts them."""

from __future__ import annotations

import json
import signal
import ssl
from contextlib import ExitStack
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import boto3
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from rig.gateway.endpoint import BrokerEndpoint
from rig.serve_state import STATE_FILE, ServeState, file_of_seat, find_serve
from tests.mosquitto import free_port
from tests.postgresql import Cluster
from tests.rig.cli.command import ANY_PORTS, SERVING, Desk, serving, terminal

USAGE, BENCH = 2, 3
PATIENCE_S = 30.0
DATA = Path(".otarig") / "serve"


@pytest.fixture
def options(cluster: Cluster, mosquitto: BrokerEndpoint) -> tuple[str, ...]:
    """What all of them are started with."""
    broker = f"mqtt://{mosquitto.host}:{mosquitto.port}"
    return ("--store", cluster.new_database(), "--broker", broker)


def test_they_share_ports_and_data_and_one_may_die(desk: Desk, options: tuple[str, ...]) -> None:
    data = desk.directory / DATA
    ports = ("--mqtt-port", str(free_port()), "--http-port", str(free_port()))
    with serving(desk, *options, *ports) as first, serving(desk, *options, *ports) as second:
        state = find_serve(data)
        again = json.loads((data / file_of_seat(STATE_FILE, 2)).read_text("utf-8"))
        assert (again["endpoint"], again["mqtt_port"]) == (state.endpoint, state.mqtt_port)
        # A browser's next request may reach either.
        assert again["page"] == state.page
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        # Its file is still there and tells where it was, which is where the other one is.
        assert (data / STATE_FILE).exists()
        with terminal(desk, "agent", "--thing", "demo") as agent:
            agent.wait_for("ota: connected")
            update = desk.run("update", "--thing", "demo", "--size", "20000")
            assert update.code == 0, update.err + update.out
        with serving(desk, *options, *ports) as third:
            assert find_serve(data).page == state.page
            assert third.end() == 0
        assert not (data / STATE_FILE).exists()
        assert second.end() == 0
    assert not (data / file_of_seat(STATE_FILE, 2)).exists()
    assert "Traceback" not in first.text + second.text


class Listener:
    """A device's MQTT client that takes down what it is told."""

    def __init__(self, thing: str, port: int) -> None:
        self.told: Queue[tuple[str, Any]] = Queue()
        self.ended = Event()
        self._client = Client(CallbackAPIVersion.VERSION2, thing, reconnect_on_failure=False)
        self._client.on_message = lambda client, _, message: self.told.put(
            (message.topic.rpartition("/")[2], json.loads(message.payload))
        )
        self._client.on_disconnect = lambda *_: self.ended.set()
        subscribed = Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(f"$aws/things/{thing}/jobs/notify-next", 1)
        assert subscribed.wait(PATIENCE_S)

    def hear(self) -> tuple[str, Any]:
        return self.told.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def states_of(data: Path, count: int) -> list[ServeState]:
    return [
        ServeState(**json.loads((data / file_of_seat(STATE_FILE, seat)).read_text("utf-8")))
        for seat in range(1, count + 1)
    ]


def test_a_device_of_one_hears_of_a_job_made_at_the_other(
    desk: Desk, options: tuple[str, ...]
) -> None:
    plain = ("--plain-port", "0")
    with serving(desk, *options, *plain) as first, serving(desk, *options, *plain) as second:
        one, other = states_of(desk.directory / DATA, 2)
        iot = client_of(one)
        arn = iot.create_thing(thingName="demo")["thingArn"]
        assert other.plain_port is not None
        device = Listener("demo", other.plain_port)
        try:
            iot.create_job(jobId="job1", targets=[arn], document='{"a":1}')
            kind, payload = device.hear()
            assert (kind, payload["execution"]["jobId"]) == ("notify-next", "job1")
        finally:
            device.close()
        assert [first.end(), second.end()] == [0, 0]


def test_a_device_that_comes_to_the_other_leaves_the_first(
    desk: Desk, options: tuple[str, ...]
) -> None:
    plain = ("--plain-port", "0")
    with serving(desk, *options, *plain) as first, serving(desk, *options, *plain) as second:
        one, other = states_of(desk.directory / DATA, 2)
        iot = client_of(one)
        arn = iot.create_thing(thingName="demo")["thingArn"]
        assert one.plain_port is not None
        assert other.plain_port is not None
        before = Listener("demo", one.plain_port)
        after = Listener("demo", other.plain_port)
        try:
            assert before.ended.wait(PATIENCE_S)
            iot.create_job(jobId="job1", targets=[arn], document="{}")
            assert after.hear()[1]["execution"]["jobId"] == "job1"
            assert not after.ended.is_set()
            assert before.told.empty()
        finally:
            before.close()
            after.close()
        assert [first.end(), second.end()] == [0, 0]


def client_of(state: ServeState) -> Any:
    return boto3.client(
        "iot",
        endpoint_url=state.endpoint,
        region_name=state.region,
        aws_access_key_id=state.access_key_id,
        aws_secret_access_key=state.secret_access_key,
    )


def test_the_file_of_one_that_runs_is_found(desk: Desk, options: tuple[str, ...]) -> None:
    data = desk.directory / DATA
    with serving(desk, *options) as first, serving(desk, *options) as second:
        other = json.loads((data / file_of_seat(STATE_FILE, 2)).read_text("utf-8"))
        assert find_serve(data).endpoint != other["endpoint"]
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        assert find_serve(data).endpoint == other["endpoint"]
        assert second.end() == 0


def test_begun_at_once_they_make_one_set_of_keys(desk: Desk, options: tuple[str, ...]) -> None:
    data = desk.directory / DATA
    with ExitStack() as stack:
        begun = [
            stack.enter_context(terminal(desk, "serve", *ANY_PORTS, *options)) for _ in range(3)
        ]
        for serve in begun:
            serve.wait_for(SERVING)
        states = [
            json.loads((data / file_of_seat(STATE_FILE, seat)).read_text("utf-8"))
            for seat in (1, 2, 3)
        ]
        assert len({state["secret_access_key"] for state in states}) == 1
        assert len({state["mqtt_port"] for state in states}) == 3
        for seat, state in enumerate(states, 1):
            # Its certificate is of the one authority, and its key fits.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(
                data / file_of_seat("server.pem", seat), data / file_of_seat("server.key", seat)
            )
            server = ssl.get_server_certificate(
                ("127.0.0.1", state["mqtt_port"]), ca_certs=state["ca"], timeout=10
            )
            assert server in (data / file_of_seat("server.pem", seat)).read_text("ascii")
        assert [serve.end() for serve in begun] == [0, 0, 0]


def test_a_second_one_needs_the_broker_of_the_first(desk: Desk, options: tuple[str, ...]) -> None:
    with serving(desk, *options) as first:
        second = desk.run("serve", *ANY_PORTS, *options[:2])
        assert second.code == USAGE
        assert "give all of them one broker" in second.complaint
        assert first.end() == 0


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("nonsense", USAGE, "is not one that SQLAlchemy knows"),
        ("mysql://127.0.0.1/otarig", USAGE, "begins with sqlite:/// or postgresql://"),
        ("sqlite:////proc/nowhere/jobs.db", USAGE, "unable to open database file"),
        ("postgresql://u:geheim@127.0.0.1:1/otarig", BENCH, "Connection refused"),
    ],
)
def test_a_store_that_cannot_be_used(url: str, code: int, words: str, desk: Desk) -> None:
    done = desk.run("serve", *ANY_PORTS, "--store", url)
    assert done.code == code
    assert words in done.complaint
    assert "geheim" not in done.complaint
    assert not (desk.directory / DATA / STATE_FILE).exists()


def test_a_store_of_another_version(desk: Desk, cluster: Cluster) -> None:
    url = cluster.new_database()
    with serving(desk, "--store", url) as serve:
        assert serve.end() == 0
    with cluster.connect(url) as connection:
        connection.execute("UPDATE schema_version SET version = 99")
    done = desk.run("serve", *ANY_PORTS, "--store", url)
    assert done.code == USAGE
    assert "has schema version 99" in done.complaint
