"""What the gateway's tests work with: the gateway, a job service to answer, a registry, a CA."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rig.gateway.codec import LEVEL_3_1_1
from rig.gateway.faults import FaultPlan
from rig.gateway.gateway import Gateway
from rig.jobs.outcome import Notification, Outcome, Reply
from rig.loop_thread import LoopThread
from rig.pki import CertificateAuthority
from rig.trace import Event, Recorder
from tests.rig.gateway.clients import PATIENCE_S, Bare, Paho

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

    def bare(self, thing: str = "thing1", level: int = LEVEL_3_1_1) -> Bare:
        """A TCP (and TLS) connection; CONNECT is the test's business."""
        client = Bare(self.port, self.tls_for(thing), level)
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
