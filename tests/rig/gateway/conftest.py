"""A gateway in a thread of its own, with amqtt or mosquitto behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.clock import SystemClock
from rig.gateway.broker import EmbeddedBroker
from rig.gateway.faults import FaultPlan
from rig.gateway.gateway import Gateway
from rig.gateway.settings import GatewaySettings
from rig.loop_thread import LoopThread
from rig.pki import CertificateAuthority
from rig.trace import Header, Recorder, RecorderSwitch
from tests.rig.gateway.world import FakeRegistry, FakeService, Pki, World


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    directory = tmp_path / "pki"
    directory.mkdir()
    authority = CertificateAuthority.generate(SystemClock())
    authority.save(directory)
    cert, key = directory / "server.pem", directory / "server.key"
    authority.issue_server().save(cert, key)
    ca = directory / "clients-trust.pem"
    ca.write_bytes(authority.certificate_pem)
    return Pki(directory, authority, cert, key, ca)


@pytest.fixture(params=["amqtt", "mosquitto"])
def broker_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["plain"])
def transport(request: pytest.FixtureRequest) -> str:
    """Plain, unless a test asks for more by parametrising indirectly."""
    return str(request.param)


@pytest.fixture
def world(
    broker_kind: str, transport: str, pki: Pki, request: pytest.FixtureRequest
) -> Iterator[World]:
    loop = LoopThread("gateway under test")
    embedded: EmbeddedBroker | None = None
    if broker_kind == "amqtt":
        embedded = EmbeddedBroker()
        endpoint = loop.call(embedded.start())
    else:
        endpoint = request.getfixturevalue("mosquitto")
    recorder = Recorder(Header("test", "test", "thing1"))
    service, registry, faults = FakeService(), FakeRegistry(), FaultPlan()
    settings = GatewaySettings(
        broker=endpoint,
        tls_port=0 if transport == "tls" else None,
        plain_port=0 if transport == "plain" else None,
        server_cert=pki.server_cert,
        server_key=pki.server_key,
        client_ca=pki.ca,
    )

    async def open_gateway() -> Gateway:
        gateway = Gateway(settings, service, registry, RecorderSwitch(recorder), faults)
        await gateway.start()
        return gateway

    gateway = loop.call(open_gateway())
    world = World(loop, gateway, recorder, service, registry, faults, pki, transport)
    yield world
    for client in world.clients:
        client.close()
    loop.call(gateway.stop())
    if embedded is not None:
        loop.call(embedded.stop())
    loop.close()
