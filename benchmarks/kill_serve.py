"""Kill `serve` while a fleet updates: `python -m benchmarks.kill_serve [--devices N] [--kills N]`.

The job is continuous: between two kills the next few devices join its group and begin to update.
At a random moment soon after, one of the `serve` processes gets SIGKILL and another is started in
its place. With `--processes 1` jobs are in SQLite, with more in a PostgreSQL of its own.
"""

from __future__ import annotations

import argparse
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from agent.protocol.image import build_image
from agent.protocol.version import Version
from benchmarks.broker import Broker, broker
from benchmarks.processes import speakers, write_configs
from rig.serve_client import BUCKET, ServeClient
from rig.serve_state import SIGNER_FILE, SIGNING_KEY_FILE, ServeState
from rig.signing import SigningKey
from tests.postgresql import postgresql

PATIENCE_S = 100.0
AFTER_S = 0.5
"""The kill comes at most so long after the devices have been given the update."""
UPDATE_ID, GROUP, KEY = "kills", "fleet", "fleet.bin"
LOWEST_PORT = 10_000
READY = "Ctrl-C ends serve."


@dataclass(frozen=True)
class Outcome:
    """What became of the devices, which are named by thing.

    `lost` have not finished this update and no other; `twice` have finished or committed more than
    once; of `differing` the service says something else than what they last had confirmed.
    """

    kills: int
    seconds: float
    lost: tuple[str, ...]
    twice: tuple[str, ...]
    differing: tuple[str, ...]
    succeeded: int
    faults: int
    """Tracebacks in the log of the processes."""


class Serves:
    """The processes, which listen on the same ports; each is started in the place of a dead one."""

    def __init__(self, directory: Path, broker: Broker, store: str | None) -> None:
        self.data = directory / "serve"
        self.plain_port = _lasting_port()
        self._log = directory / "serve.log"
        ports = ("--mqtt-port", _lasting_port(), "--plain-port", self.plain_port)
        options = ("--data", self.data, "--broker", f"mqtt://127.0.0.1:{broker.port}", *ports)
        chosen = () if store is None else ("--store", store)
        self._options = [str(word) for word in (*options, "--http-port", _lasting_port(), *chosen)]
        self._running: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Start one and wait until it is ready; raises `RuntimeError`."""
        with self._log.open("a") as log:
            serve = subprocess.Popen(
                [sys.executable, "-P", "-m", "rig.cli.main", "serve", *self._options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._running.append(serve)
        assert serve.stdout is not None
        if not any(READY in line for line in serve.stdout):
            raise RuntimeError(f"serve does not start: {self._log.read_text()[-2000:]}")

    def kill_one(self, choice: random.Random) -> None:
        victim = choice.choice(self._running)
        self._running.remove(victim)
        victim.kill()
        victim.communicate()

    def stop(self) -> None:
        for serve in self._running:
            serve.terminate()
        for serve in self._running:
            serve.communicate()

    def faults(self) -> int:
        return self._log.read_text().count("Traceback")


def kill_during_update(
    directory: Path,
    broker: Broker,
    store: str | None,
    things: Sequence[str],
    size: int,
    kills: int,
    processes: int,
    seed: int,
) -> Outcome:
    """Update every thing once, and kill a process so many times meanwhile."""
    choice = random.Random(seed)
    image = build_image(Version(1, 0, 1), size)
    serves = Serves(directory, broker, store)
    with ExitStack() as stack:
        stack.callback(serves.stop)
        for _ in range(processes):
            serves.start()
        client = ServeClient(serves.data)
        iot = _iot(client.state)
        group = str(iot.create_thing_group(thingGroupName=GROUP)["thingGroupArn"])
        for thing in things:
            iot.create_thing(thingName=thing)
        client.upload(KEY, image)
        job_id = _create_update(iot, group, SigningKey.load(serves.data / SIGNING_KEY_FILE), image)
        config = {
            "host": "127.0.0.1",
            "port": serves.plain_port,
            "signer": str(serves.data / SIGNER_FILE),
            "updates": 1,
            "patience_s": PATIENCE_S + 10.0 * kills,
        }
        configs = write_configs(directory, "kills", config, things, 1)
        (fleet,) = stack.enter_context(speakers(["agent.fleet", "--config"], configs))
        fleet.hear_idle()
        started = time.monotonic()
        for number in range(kills):
            for thing in things[
                number * len(things) // kills : (number + 1) * len(things) // kills
            ]:
                iot.add_thing_to_thing_group(thingGroupName=GROUP, thingName=thing)
            # Any moment of an update may be the last of a process.
            time.sleep(choice.uniform(0, AFTER_S))
            serves.kill_one(choice)
            serves.start()
        devices = fleet.hear()["devices"]
        seconds = time.monotonic() - started
        executions = _executions(iot, job_id)
        details = iot.describe_job(jobId=job_id)["job"]["jobProcessDetails"]
        faults = serves.faults()
    lost, twice, differing = judge(devices, executions, job_id, str(Version(1, 0, 1)))
    succeeded = int(details["numberOfSucceededThings"])
    return Outcome(kills, seconds, lost, twice, differing, succeeded, faults)


def judge(
    devices: Sequence[Mapping[str, Any]],
    executions: Mapping[str, Sequence[str]],
    job_id: str,
    version: str,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The things that are lost, twice and differing; `executions` are the service's statuses."""
    lost, twice, differing = [], [], []
    for device in devices:
        thing, finished = device["thing"], device["finished"]
        if [each["job_id"] for each in finished if each["version"] == version][:1] != [job_id]:
            lost.append(thing)
        if len(finished) > 1 or device["tally"]["committed"] > 1:
            twice.append(thing)
        confirmed = "SUCCEEDED" if finished else "FAILED" if device["failed"] else None
        if list(executions.get(thing, ())) != [confirmed]:
            differing.append(thing)
    return tuple(lost), tuple(twice), tuple(differing)


def _lasting_port() -> int:
    """A port that is free and stays so while who listens there is away: none that the system gives
    to outgoing connections."""
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii")
    while True:
        port = LOWEST_PORT + secrets.randbelow(int(outgoing.split()[0]) - LOWEST_PORT)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port


def _create_update(iot: Any, group: str, key: SigningKey, image: bytes) -> str:
    signing = {
        "signature": {"inlineDocument": key.sign(image)},
        "certificateChain": {"certificateName": "signer.pem"},
        "hashAlgorithm": "SHA256",
        "signatureAlgorithm": "ECDSA",
    }
    file = {
        "fileName": "firmware.bin",
        "fileLocation": {"s3Location": {"bucket": BUCKET, "key": KEY}},
        "codeSigning": {"customCodeSigning": signing},
    }
    iot.create_ota_update(
        otaUpdateId=UPDATE_ID,
        targets=[group],
        targetSelection="CONTINUOUS",
        protocols=["MQTT"],
        files=[file],
        roleArn="arn:aws:iam::123456789012:role/ota",
    )
    return str(iot.get_ota_update(otaUpdateId=UPDATE_ID)["otaUpdateInfo"]["awsIotJobId"])


def _executions(iot: Any, job_id: str) -> dict[str, list[str]]:
    """The statuses of each thing's executions."""
    found: dict[str, list[str]] = {}
    pages = iot.get_paginator("list_job_executions_for_job").paginate(jobId=job_id)
    for page in pages:
        for each in page["executionSummaries"]:
            thing = each["thingArn"].rpartition("/")[2]
            found.setdefault(thing, []).append(each["jobExecutionSummary"]["status"])
    return found


def _iot(state: ServeState) -> Any:
    """A client that asks again when the process that it asked was killed."""
    return boto3.client(
        "iot",
        endpoint_url=state.endpoint,
        region_name=state.region,
        aws_access_key_id=state.access_key_id,
        aws_secret_access_key=state.secret_access_key,
        config=Config(retries={"mode": "standard", "max_attempts": 10}),
    )


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--devices", type=int, default=200)
    words.add_argument("--size", type=int, default=256 * 1024)
    words.add_argument("--kills", type=int, default=50)
    words.add_argument("--processes", type=int, default=2)
    words.add_argument("--seed", type=int, default=1)
    options = words.parse_args()
    things = [f"fleet-{number:05}" for number in range(options.devices)]
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        behind = stack.enter_context(broker(room))
        store = None
        if options.processes > 1:
            store = stack.enter_context(postgresql()).new_database()
        outcome = kill_during_update(
            room,
            behind,
            store,
            things,
            options.size,
            options.kills,
            options.processes,
            options.seed,
        )
    where = "SQLite" if store is None else "PostgreSQL"
    print(f"{options.devices} devices, {options.size} bytes, {options.processes} serve, {where}")
    print(f"{outcome.kills} kills in {outcome.seconds:.0f} s")
    print(
        f"updated {outcome.succeeded}, lost {len(outcome.lost)}, twice {len(outcome.twice)}, "
        f"other than confirmed {len(outcome.differing)}; tracebacks {outcome.faults}"
    )
    good = (options.devices, (), (), (), 0)
    met = good == (
        outcome.succeeded,
        outcome.lost,
        outcome.twice,
        outcome.differing,
        outcome.faults,
    )
    print(f"target (none lost, none twice, all as confirmed): {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
