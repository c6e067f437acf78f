"""A control plane that is served, as boto3 reaches it."""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from rig.clock import SystemClock
from rig.jobs.access_key import AccessKey
from rig.jobs.arns import Arns
from rig.jobs.control import ControlPlane
from rig.jobs.control.context import Context
from rig.jobs.control.regions import Regions
from rig.jobs.download import DownloadServer
from rig.jobs.signing_jobs import Signer
from rig.page.face import FleetPage, page_url
from rig.pki import CertificateAuthority
from rig.signing import SigningKey
from rig.trace import Header, Recorder, RecorderSwitch
from tests.rig.jobs.test_download import event_loop
from tests.rig.jobs.world import THING, World, make_world

KEY = AccessKey("AKIDEXAMPLE", "secret/with+odd=characters")
PAGE_TOKEN = "throw-away"
ROLE = "arn:aws:iam::000000000000:role/otarig-ota-role"
IMAGE = bytes(range(256)) * 200
SIGNATURE = b"\x30\x45\x02" + bytes(68)
THING_ARN = f"arn:aws:iot:us-east-1:000000000000:thing/{THING}"


@dataclass
class Site:
    """A service that is served, and clients of it."""

    world: World
    url: str
    recorder: Recorder
    signing_key: SigningKey
    ca: Path | None = None

    def client(self, service: str, key: AccessKey = KEY) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key.key_id,
            aws_secret_access_key=key.secret,
            verify=str(self.ca) if self.ca else None,
            config=Config(
                s3={"addressing_style": "path"}, retries={"max_attempts": 0}, read_timeout=20
            ),
        )

    @property
    def page_url(self) -> str:
        return page_url(self.url, PAGE_TOKEN)

    @property
    def iot(self) -> Any:
        return self.client("iot")

    @property
    def s3(self) -> Any:
        return self.client("s3")


def serve(tmp_path: Path, *, tls: bool = False) -> Iterator[Site]:
    # boto3 signs with the machine's time.
    clock = SystemClock()
    world = make_world(tmp_path)
    world.clock.advance(clock.now() - world.clock.now())
    authority = CertificateAuthority.generate(clock)
    settings = world.service.settings
    key = SigningKey.generate()
    random_id = lambda: str(uuid.uuid4())  # noqa: E731
    signer = Signer(world.store, world.service.objects, world.clock, random_id, key)
    endpoints = {"iot:Data-ATS": "localhost:8883"}
    context = Context(world.service, authority, endpoints, Arns(settings), signer)
    server_tls, ca = None, None
    if tls:
        authority.save(tmp_path / "pki")
        ca = tmp_path / "pki" / "ca.pem"
        authority.issue_server().save(tmp_path / "s.pem", tmp_path / "s.key")
        server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_tls.load_cert_chain(tmp_path / "s.pem", tmp_path / "s.key")
    presigner = world.service._presigner
    assert presigner is not None
    recorder = Recorder(Header("s", "k", THING))
    with event_loop() as loop:

        def run(action: Callable[[], Any]) -> None:
            asyncio.run_coroutine_threadsafe(action(), loop).result(20)

        server = DownloadServer(
            world.service.objects,
            world.clock,
            RecorderSwitch(recorder),
            presigner,
            tls=server_tls,
            faces=[
                FleetPage(Regions((context,)), world.clock, PAGE_TOKEN, lambda: server.base_url),
                ControlPlane(Regions((context,)), KEY, world.clock),
            ],
        )
        run(server.start)
        try:
            yield Site(world, server.base_url, recorder, key, ca)
        finally:
            run(server.stop)
            world.store.close()


def update_arguments(**changes: Any) -> dict[str, Any]:
    arguments = {
        "otaUpdateId": "u1",
        "targets": [THING_ARN],
        "roleArn": ROLE,
        "protocols": ["MQTT", "HTTP"],
        "files": [
            {
                "fileName": "app.bin",
                "fileType": 0,
                "fileLocation": {"s3Location": {"bucket": "images", "key": "fw.bin"}},
                "codeSigning": custom(SIGNATURE),
            }
        ],
    }
    return {**arguments, **changes}


def custom(signature: bytes) -> dict[str, Any]:
    return {
        "customCodeSigning": {
            "signature": {"inlineDocument": signature},
            "certificateChain": {"certificateName": "signer.pem"},
            "hashAlgorithm": "SHA256",
            "signatureAlgorithm": "ECDSA",
        }
    }


def error_of(action: Callable[[], Any]) -> tuple[str, int, str]:
    """Code, HTTP status and message of the `ClientError` that this raises."""
    with pytest.raises(ClientError) as caught:
        action()
    response = caught.value.response
    error = response["Error"]
    return error["Code"], response["ResponseMetadata"]["HTTPStatusCode"], error["Message"]
