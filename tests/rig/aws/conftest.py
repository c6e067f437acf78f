"""A running `otarig serve` and what AWS's own clients need to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from rig.gateway.endpoint import BrokerEndpoint
from rig.serve_state import DEFAULT_DATA, ServeState, find_serve
from tests.rig.aws.device_sdk import Identity
from tests.rig.cli.command import Desk, Terminal, serving

THING = "sdk-thing"


@dataclass
class Service:
    """What `serve` tells of itself, with boto3 clients of it."""

    desk: Desk
    state: ServeState
    terminal: Terminal

    def client(self, name: str) -> Any:
        return boto3.client(
            name,
            endpoint_url=self.state.endpoint,
            region_name=self.state.region,
            aws_access_key_id=self.state.access_key_id,
            aws_secret_access_key=self.state.secret_access_key,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
        )

    def enrol(self, thing: str = THING) -> Identity:
        """A new thing with a certificate of its own."""
        iot = self.client("iot")
        iot.create_thing(thingName=thing)
        made = iot.create_keys_and_certificate(setAsActive=True)
        iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
        certificate = self.desk.directory / f"{thing}.pem"
        private_key = self.desk.directory / f"{thing}.key"
        certificate.write_text(made["certificatePem"])
        private_key.write_text(made["keyPair"]["PrivateKey"])
        return Identity(
            "localhost",
            self.state.mqtt_port,
            self.state.ca,
            str(certificate),
            str(private_key),
            thing,
        )

    def offer(self, job: str, thing: str = THING, document: str = '{"operation":"x"}') -> None:
        iot = self.client("iot")
        arn = iot.describe_thing(thingName=thing)["thingArn"]
        iot.create_job(jobId=job, targets=[arn], document=document)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    directory = tmp_path / "desk"
    directory.mkdir()
    return Desk(directory)


@pytest.fixture
def service(desk: Desk) -> Iterator[Service]:
    """With the broker that it brings along."""
    with serving(desk) as terminal:
        yield Service(desk, find_serve(desk.directory / DEFAULT_DATA), terminal)


@pytest.fixture
def service_5(desk: Desk, mosquitto: BrokerEndpoint) -> Iterator[Service]:
    """With a mosquitto behind, so that it speaks MQTT 5 too."""
    with serving(desk, "--broker", f"mqtt://{mosquitto}") as terminal:
        yield Service(desk, find_serve(desk.directory / DEFAULT_DATA), terminal)
