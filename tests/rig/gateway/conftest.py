"""A gateway in a thread of its own, with amqtt or mosquitto behind, and a job service to answer."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rig.clock import SystemClock
from rig.gateway.broker import BrokerEndpoint, EmbeddedBroker
from rig.gateway.faults import FaultPlan
from rig.gateway.gateway import Gateway
from rig.gateway.settings import GatewaySettings
from rig.jobs.outcome import Notification, Outcome, Reply
from rig.loop_thread import LoopThread
from rig.pki import CertificateAuthority
from rig.trace import Event, Header, Recorder, RecorderSwitch
from tests.rig.gateway.clients import PATIENCE_S, Bare, Paho

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
START_ATTEMPTS = 5

Answer = Callable[[str, str, bytes], Outcome]


@dataclass
class FakeService:
    """Answers each request with one `accepted`, or as `answer` says; remembers the requests.

    A payload that says SUCCEEDED brings the news too; a stream request brings `n` data messages.
    """

    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    answer: Answer | None = None

    def handle(self, thing: str, topic: str, payload: bytes) -> Outcome:
        self.requests.append((thing, topic, payload))
        if self.answer is not None:
            return self.answer(thing, topic, payload)
        prefix = f"$aws/things/{thing}"
        if "/streams/" in topic:
            count = json.loads(payload)["n"]
            data = topic.replace("/get/", "/data/")
            return Outcome(tuple(Reply(data, bytes([i % 256]) * 4096) for i in range(count)))
        replies = (Reply(f"{topic}/accepted", payload),)
        if b"SUCCEEDED" not in payload:
            return Outcome(replies)
        return Outcome(
            replies,
            (
                Notification(f"{prefix}/jobs/notify", b"{}"),
                Notification(f"{prefix}/jobs/notify-next", b"{}"),
            ),
        )


@dataclass
class FakeRegistry:
    """Things named `thing…` exist; certificates belong to whom the test says."""

    owners: dict[str, frozenset[str]] = field(default_factory=dict)

    def things_of_certificate(self, sha256_hex: str) -> frozenset[str]:
        return self.owners.get(sha256_hex, frozenset())

    def has_thing(self, name: str) -> bool:
        return name.startswith("thing")


@dataclass
class Pki:
    """A throw-away CA with a server certificate; client contexts on demand."""

    directory: Path
    authority: CertificateAuthority
    server_cert: Path
    server_key: Path
    ca: Path

    def client(self, name: str) -> tuple[ssl.SSLContext, str]:
        """A context with a new client certificate, and that certificate's id."""
        return self.client_of(self.authority, name)

    def client_of(self, authority: CertificateAuthority, name: str) -> tuple[ssl.SSLContext, str]:
        credentials = authority.issue_client(name)
        cert, key = self.directory / f"{name}.pem", self.directory / f"{name}.key"
        credentials.save(cert, key)
        context = self.anonymous()
        context.load_cert_chain(cert, key)
        return context, credentials.certificate_id

    def anonymous(self) -> ssl.SSLContext:
        """A context without a client certificate."""
        return ssl.create_default_context(cafile=str(self.ca))


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


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start_mosquitto(directory: Path) -> tuple[subprocess.Popen[str], int]:
    """A mosquitto that listens on loopback; another port if somebody took the first one."""
    config = directory / "mosquitto.conf"
    for _ in range(START_ATTEMPTS):
        port = free_port()
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n"
            "log_dest stderr\nlog_type information\nlog_type notice\nlog_type error\nconnection_messages false\n"
        )
        process = subprocess.Popen(
            [MOSQUITTO, "-c", str(config)], stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        if any("running" in line for line in process.stderr):
            return process, port
        process.wait()
    raise AssertionError(f"mosquitto does not start: run {MOSQUITTO} -c {config}")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[BrokerEndpoint]:
    process, port = start_mosquitto(tmp_path)
    yield BrokerEndpoint("127.0.0.1", port)
    process.terminate()
    process.communicate(timeout=PATIENCE_S)


@pytest.fixture(params=["amqtt", "mosquitto"])
def broker_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["plain"])
def transport(request: pytest.FixtureRequest) -> str:
    """Plain, unless a test asks for more by parametrising indirectly."""
    return str(request.param)


@dataclass
class World:
    """The gateway under test and everything around it."""

    loop: LoopThread
    gateway: Gateway
    recorder: Recorder
    service: FakeService
    registry: FakeRegistry
    faults: FaultPlan
    pki: Pki
    transport: str
    clients: list[Paho | Bare] = field(default_factory=list)

    def paho(self, thing: str, **options: object) -> Paho:
        """A client that has not connected yet."""
        client = Paho(self.port, thing, tls=self.tls_for(thing), **options)  # type: ignore[arg-type]
        self.clients.append(client)
        return client

    def connected(self, thing: str, **options: object) -> Paho:
        client = self.paho(thing, **options)
        assert client.connect() == 0
        return client

    def bare(self, thing: str = "thing1") -> Bare:
        """A TCP (and TLS) connection; CONNECT is the test's business."""
        client = Bare(self.port, self.tls_for(thing))
        self.clients.append(client)
        return client

    @property
    def port(self) -> int:
        port = self.gateway.tls_port if self.transport == "tls" else self.gateway.plain_port
        assert port is not None
        return port

    def tls_for(self, thing: str) -> ssl.SSLContext | None:
        if self.transport != "tls":
            return None
        context, fingerprint = self.pki.client(thing)
        self.registry.owners[fingerprint] = frozenset({thing})
        return context

    def wait(self, kind: str, dir: str | None = None, since: int = 0, **data: object) -> Event:
        """The first event of this kind with these keys."""

        def wanted(event: Event) -> bool:
            keys = event.to_dict()
            return (
                event.kind == kind
                and dir in (None, event.dir)
                and all(keys.get(key) == value for key, value in data.items())
            )

        return self.recorder.wait(wanted, PATIENCE_S, since, f"{kind} {dir or ''} {data}")

    def kinds(self, conn: int = 1, dir: str | None = None) -> list[str]:
        """The kinds of a connection's events, in order."""
        return [
            event.kind
            for event in self.recorder.events
            if event.conn == conn and dir in (None, event.dir)
        ]


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
