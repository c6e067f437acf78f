"""One update of a whole fleet through one `otarig serve`, counted from the devices' side."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from agent.protocol.image import build_image
from agent.protocol.version import Version
from benchmarks.broker import Broker
from benchmarks.processes import cpu_s, resident_kib, speakers, write_configs
from rig.serve_client import ServeClient
from rig.serve_state import SIGNER_FILE, SIGNING_KEY_FILE, ServeState
from rig.signing import SigningKey

PATIENCE_S = 300.0
BLOCK_SIZE = 4096
UPDATE_ID = "fleet"
GROUP = "fleet"
KEY = "fleet.bin"


@dataclass(frozen=True)
class Measured:
    """What an update took. `lost` and `twice` name devices, `succeeded` is the service's count.

    `idle_kib` is what `serve` and the broker hold for one connected device that does nothing,
    `cpu` the seconds of processor time by who used them.
    """

    seconds: float
    idle_kib: float
    lost: tuple[str, ...]
    twice: tuple[str, ...]
    succeeded: int
    cpu: Mapping[str, float]


def update_fleet(
    directory: Path,
    broker: Broker,
    things: Sequence[str],
    size: int,
    processes: int,
    tls: bool,
) -> Measured:
    """Update every thing once; with `tls` each device shows a certificate of its own.

    The time begins with the call of CreateOTAUpdate and ends when the last device has its last
    report acknowledged.
    """
    data = directory / "serve"
    image = build_image(Version(1, 0, 1), size)
    certs = directory / "certs"
    with _serving(data, broker):
        client = ServeClient(data)
        target = _enrol(_iot(client.state), things)
        if tls:
            _issue(client, certs, things)
        client.upload(KEY, image)
    # Another one, as memory that enrolling has left free would be taken for none by the devices.
    with _serving(data, broker) as serve_pid:
        client = ServeClient(data)
        iot = _iot(client.state)
        endpoint: dict[str, Any] = {"port": client.state.plain_port}
        if tls:
            files = {"ca": client.state.ca, "certs": str(certs)}
            endpoint = {"port": client.state.mqtt_port, "tls": files}
        signature = SigningKey.load(data / SIGNING_KEY_FILE).sign(image)
        common = {
            "host": "127.0.0.1",
            **endpoint,
            "signer": str(data / SIGNER_FILE),
            "updates": 1,
            "patience_s": PATIENCE_S,
        }
        configs = write_configs(directory, "fleet", common, things, processes)
        service = [serve_pid, broker.pid]
        before_kib = resident_kib(service)
        with speakers(["agent.fleet", "--config"], configs) as fleets:
            for fleet in fleets:
                fleet.hear_idle()
            idle_kib = (resident_kib(service) - before_kib) / len(things)
            users = {
                "serve": [serve_pid],
                "mosquitto": [broker.pid],
                "devices": [fleet.pid for fleet in fleets],
            }
            before = {name: cpu_s(pids) for name, pids in users.items()}
            started = time.monotonic()
            job_id = client.create_update(UPDATE_ID, target, KEY, signature, ["MQTT"])
            devices = [device for fleet in fleets for device in fleet.hear()["devices"]]
            cpu = {name: cpu_s(pids) - before[name] for name, pids in users.items()}
        details = iot.describe_job(jobId=job_id)["job"]["jobProcessDetails"]
    lost, twice = flaws(devices, job_id, image)
    ends = [each["at"] for device in devices for each in device["finished"]]
    seconds = max(ends, default=float("inf")) - started
    return Measured(seconds, idle_kib, lost, twice, details["numberOfSucceededThings"], cpu)


def flaws(
    devices: Sequence[Mapping[str, Any]], job_id: str, image: bytes
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The devices that did not end with this image by this job, and those that did anything of
    it more than once."""
    digest = hashlib.sha256(image).hexdigest()
    once = dict.fromkeys(("files", "verified", "activated", "committed"), 1)
    once["blocks"] = -(-len(image) // BLOCK_SIZE)
    lost, twice = [], []
    for device in devices:
        ended = [(each["job_id"], each["sha256"]) for each in device["finished"]]
        if (job_id, digest) not in ended or device["failed"]:
            lost.append(device["thing"])
        elif len(ended) > 1 or device["tally"] != once:
            twice.append(device["thing"])
    return tuple(lost), tuple(twice)


@contextmanager
def _serving(data: Path, broker: Broker) -> Iterator[int]:
    """A `serve` with this data directory; its process."""
    ports = ["--mqtt-port", "0", "--plain-port", "0", "--http-port", "0"]
    options = ["--data", str(data), "--broker", f"mqtt://127.0.0.1:{broker.port}", *ports]
    serve = subprocess.Popen(
        [sys.executable, "-P", "-m", "rig.cli.main", "serve", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert serve.stdout is not None
        if not any("Ctrl-C ends serve." in line for line in serve.stdout):
            raise RuntimeError("serve does not start")
        yield serve.pid
    finally:
        serve.terminate()
        serve.communicate()


def _iot(state: ServeState) -> Any:
    return boto3.client(
        "iot",
        endpoint_url=state.endpoint,
        region_name=state.region,
        aws_access_key_id=state.access_key_id,
        aws_secret_access_key=state.secret_access_key,
    )


def _enrol(iot: Any, things: Sequence[str]) -> str:
    """Make the things and a group of them; the group's ARN."""
    arn = str(iot.create_thing_group(thingGroupName=GROUP)["thingGroupArn"])
    for thing in things:
        iot.create_thing(thingName=thing)
        iot.add_thing_to_thing_group(thingGroupName=GROUP, thingName=thing)
    return arn


def _issue(client: ServeClient, directory: Path, things: Sequence[str]) -> None:
    """A certificate for every thing, each in a file with its key."""
    directory.mkdir()
    for thing in things:
        identity = client.enrol(thing)
        pem = identity.certificate + identity.private_key
        (directory / f"{thing}.pem").write_text(pem)
