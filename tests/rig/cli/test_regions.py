"""Several regions in one `serve`: each with its things, jobs, gateway and broker."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from threading import Event
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from rig.gateway.endpoint import BrokerEndpoint
from rig.serve_state import STATE_FILE, ServeState, file_of_seat, find_serve
from tests.chromium import chromium
from tests.mosquitto import start_mosquitto
from tests.postgresql import Cluster
from tests.rig.cli.command import Desk, serving, terminal

USAGE = 2
PATIENCE_S = 30.0
DATA = Path(".otarig") / "serve"
HERE, THERE = "us-east-1", "eu-west-1"
REGIONS = ("--region", HERE, "--region", THERE)
ACCOUNT = "000000000000"


@pytest.fixture
def state(desk: Desk) -> Iterator[ServeState]:
    """Of a `serve` with two regions, and the broker that each brings along."""
    with serving(desk, *REGIONS) as serve:
        yield find_serve(desk.directory / DATA)
        assert serve.end() == 0


def client_of(state: ServeState, region: str, service: str = "iot") -> Any:
    return boto3.client(
        service,
        endpoint_url=state.endpoint,
        region_name=region,
        aws_access_key_id=state.access_key_id,
        aws_secret_access_key=state.secret_access_key,
    )


def error_of(call: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as raised:
        call()
    error = raised.value.response["Error"]
    return error["Code"], error["Message"]


def make_job(state: ServeState, region: str, job_id: str, thing: str = "lamp") -> None:
    iot = client_of(state, region)
    arn = iot.describe_thing(thingName=thing)["thingArn"]
    iot.create_job(jobId=job_id, targets=[arn], document="{}")


class Device:
    """A client with the certificate of one region, at the gateway of one region."""

    def __init__(self, state: ServeState, directory: Path, region: str, thing: str) -> None:
        iot = client_of(state, region)
        iot.create_thing(thingName=thing)
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
        assert f":{region}:" in made["certificateArn"]
        self._state, self._thing = state, thing
        self._certificate = directory / f"{region}.pem"
        self._key = directory / f"{region}.key"
        self._certificate.write_text(made["certificatePem"])
        self._key.write_text(made["keyPair"]["PrivateKey"])
        self.heard: Queue[str] = Queue()

    def connect(self, host: str, port: int) -> tuple[Client, str]:
        """Connect and wait for the answer, which comes back as its reason."""
        context = ssl.create_default_context(cafile=self._state.ca)
        context.load_cert_chain(self._certificate, self._key)
        client = Client(CallbackAPIVersion.VERSION2, self._thing, reconnect_on_failure=False)
        client.tls_set_context(context)
        subscribed = Event()
        client.on_subscribe = lambda *_: subscribed.set()
        answered: Queue[str] = Queue()
        client.on_connect = lambda *arguments: answered.put(str(arguments[3]))
        client.on_message = lambda client, _, message: self.heard.put(
            json.loads(message.payload)["execution"]["jobId"]
        )
        client.connect(host, port)
        client.loop_start()
        reason = answered.get(timeout=PATIENCE_S)
        if reason == "Success":
            client.subscribe(f"$aws/things/{self._thing}/jobs/notify-next", 1)
            assert subscribed.wait(PATIENCE_S)
        return client, reason


def place_of(endpoint: str) -> tuple[str, int]:
    host, _, port = endpoint.rpartition(":")
    return host, int(port)


def test_a_name_stands_for_another_thing_in_each(state: ServeState) -> None:
    here, there = client_of(state, HERE), client_of(state, THERE)
    one = here.create_thing(thingName="lamp")
    other = there.create_thing(thingName="lamp")
    assert one["thingArn"] == f"arn:aws:iot:{HERE}:{ACCOUNT}:thing/lamp"
    assert other["thingArn"] == f"arn:aws:iot:{THERE}:{ACCOUNT}:thing/lamp"
    assert one["thingId"] != other["thingId"]
    make_job(state, THERE, "job1")
    assert here.list_jobs()["jobs"] == []
    (job,) = there.list_jobs()["jobs"]
    assert job["jobArn"] == f"arn:aws:iot:{THERE}:{ACCOUNT}:job/job1"
    there.update_event_configurations(eventConfigurations={"JOB": {"Enabled": True}})
    shown = here.describe_event_configurations()["eventConfigurations"]
    assert shown["JOB"] == {"Enabled": False}


def test_an_arn_of_the_other_region_is_refused(state: ServeState) -> None:
    here, there = client_of(state, HERE), client_of(state, THERE)
    for iot in (here, there):
        iot.create_thing(thingName="lamp")
    wrong = here.describe_thing(thingName="lamp")["thingArn"]
    code, message = error_of(lambda: there.create_job(jobId="job1", targets=[wrong], document="{}"))
    assert code == "InvalidRequestException"
    assert f"is of region {HERE}, this is {THERE}" in message
    assert there.list_jobs()["jobs"] == []
    assert error_of(lambda: there.list_tags_for_resource(resourceArn=wrong))[0] == code


def test_a_region_that_is_not_served(state: ServeState) -> None:
    code, message = error_of(client_of(state, "ap-south-1").list_things)
    assert code == "SignatureDoesNotMatch"
    assert f"one of {HERE}, {THERE}, not 'ap-south-1'" in message


def test_each_has_its_gateway_and_hears_its_own_jobs(state: ServeState, tmp_path: Path) -> None:
    places = {}
    for region in (HERE, THERE):
        endpoint = client_of(state, region).describe_endpoint(endpointType="iot:Data-ATS")
        places[region] = place_of(endpoint["endpointAddress"])
        address = state.regions[region]
        assert places[region] == (address.mqtt_host, address.mqtt_port)
    assert places[HERE] != places[THERE]
    devices = {region: Device(state, tmp_path, region, "lamp") for region in places}
    clients = {region: devices[region].connect(*places[region])[0] for region in places}
    try:
        make_job(state, THERE, "there")
        assert devices[THERE].heard.get(timeout=PATIENCE_S) == "there"
        make_job(state, HERE, "here")
        # Had it heard of the other one, that would be first.
        assert devices[HERE].heard.get(timeout=PATIENCE_S) == "here"
        # The certificate of a region stands for nothing at the other's gateway.
        stranger, reason = devices[THERE].connect(*places[HERE])
        stranger.loop_stop()
        assert reason == "Not authorized"
    finally:
        for client in clients.values():
            client.disconnect()
            client.loop_stop()


def test_agent_update_and_fleet_in_a_region(desk: Desk) -> None:
    size = ("--size", "20000")
    with serving(desk, *REGIONS) as serve:
        with (
            terminal(desk, "agent", "--thing", "lamp", "--region", THERE) as there,
            terminal(desk, "agent", "--thing", "lamp") as here,
        ):
            there.wait_for("ota: connected")
            here.wait_for("ota: connected")
            update = desk.run("update", "--thing", "lamp", "--region", THERE, *size)
            assert update.code == 0, update.out + update.err
            assert "SUCCEEDED reason: accepted v1.0.1" in update.out
            update = desk.run(
                "update", "--thing", "lamp", "--region", THERE, "--protocol", "HTTP", *size
            )
            assert update.code == 0, update.out + update.err
            assert "SUCCEEDED reason: accepted v1.0.2" in update.out
            fleet = json.loads(desk.run("fleet", "--json", "--region", THERE).out)
            assert [job["counts"]["SUCCEEDED"] for job in fleet["jobs"]] == [1, 1]
            assert (fleet["region"], fleet["regions"]) == (THERE, [HERE, THERE])
            assert json.loads(desk.run("fleet", "--json").out)["jobs"] == []
            assert there.end() == 0
            assert here.end() == 0
            assert "1.0.1" not in here.text
        for verb in (("fleet",), ("update", "--thing", "lamp"), ("agent", "--thing", "lamp")):
            wrong = desk.run(*verb, "--region", "ap-south-1")
            assert wrong.code == USAGE
            assert "ap-south-1" in wrong.complaint
        assert serve.end() == 0


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_restart_finds_each_region_again_in_whatever_order(
    desk: Desk, cluster: Cluster, store: str
) -> None:
    url = ("--store", cluster.new_database()) if store == "postgresql" else ()
    with serving(desk, *REGIONS, *url) as serve:
        state = find_serve(desk.directory / DATA)
        for region in (HERE, THERE):
            client_of(state, region).create_thing(thingName=f"of-{region}")
        assert serve.end() == 0
    swapped = ("--region", THERE, "--region", HERE)
    with serving(desk, *swapped, *url) as serve:
        state = find_serve(desk.directory / DATA)
        assert state.region == THERE
        for region in (HERE, THERE):
            (thing,) = client_of(state, region).list_things()["things"]
            assert thing["thingName"] == f"of-{region}"
        assert serve.end() == 0
    # With one region alone, that is meant whatever a client is set to.
    with serving(desk, "--region", THERE, *url) as serve:
        state = find_serve(desk.directory / DATA)
        (thing,) = client_of(state, HERE).list_things()["things"]
        assert thing["thingName"] == f"of-{THERE}"
        assert serve.end() == 0


def test_several_serves_have_the_same_regions(
    desk: Desk, cluster: Cluster, mosquitto: BrokerEndpoint, tmp_path: Path
) -> None:
    """A job made in a region at one `serve` comes to the region's device at the other."""
    directory = tmp_path / "second"
    directory.mkdir()
    process, port = start_mosquitto(directory)
    try:
        options = (
            *("--store", cluster.new_database(), "--region", HERE),
            *("--broker", f"mqtt://{mosquitto}"),
            *("--region", f"{THERE},broker=mqtt://127.0.0.1:{port}"),
        )
        with serving(desk, *options) as first, serving(desk, *options) as second:
            one = find_serve(desk.directory / DATA)
            file = desk.directory / DATA / file_of_seat(STATE_FILE, 2)
            address = json.loads(file.read_text("utf-8"))["regions"][THERE]
            assert address["mqtt_port"] != one.regions[THERE].mqtt_port
            device = Device(one, tmp_path, THERE, "lamp")
            client, _ = device.connect(address["mqtt_host"], address["mqtt_port"])
            try:
                client_of(one, HERE).create_thing(thingName="lamp")
                make_job(one, HERE, "here")
                make_job(one, THERE, "there")
                assert device.heard.get(timeout=PATIENCE_S) == "there"
            finally:
                client.disconnect()
                client.loop_stop()
            assert [first.end(), second.end()] == [0, 0]
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def test_the_page_shows_one_region_at_a_time(desk: Desk, tmp_path: Path) -> None:
    with serving(desk, *REGIONS) as serve:
        state = find_serve(desk.directory / DATA)
        client_of(state, THERE).create_thing(thingName="lamp")
        make_job(state, THERE, "there")
        with chromium(tmp_path / "profile") as page:
            page.show(400, 900)
            page.visit(state.page)
            page.wait("!document.getElementById('regions').hidden")
            options = "[...document.querySelectorAll('#region option')].map(o => o.textContent)"
            assert page.run(options) == [HERE, THERE]
            page.run(
                f"document.getElementById('region').value = '{THERE}';"
                "document.getElementById('region').dispatchEvent(new Event('change'))"
            )
            page.wait("document.querySelector('#jobs b')?.textContent === 'there'")
            assert page.run("document.documentElement.scrollWidth") == 400
            # What is made is made there.
            page.run("document.getElementById('new').click()")
            for name, value in (("jobId", "second"), ("things", "lamp")):
                page.run(f"document.getElementById('new-form').elements.{name}.value = '{value}'")
            page.run("document.querySelector('#new-form [type=submit]').click()")
            page.wait("document.querySelectorAll('#jobs li').length === 2")
            assert page.complaints == []
        made = [job["jobId"] for job in client_of(state, THERE).list_jobs()["jobs"]]
        assert sorted(made) == ["second", "there"]
        assert client_of(state, HERE).list_jobs()["jobs"] == []
        assert serve.end() == 0
