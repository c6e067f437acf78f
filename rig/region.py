"""A region: things and jobs in a store of their own, the gateway of its devices, and its broker.

Regions share nothing that a device or a job could notice: the same name may stand for another
thing in each. What has no region is shared: images, the CA, the key that signs.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rig.clock import Clock
from rig.errors import BenchError
from rig.gateway.broker import BrokerEndpoint, EmbeddedBroker
from rig.gateway.faults import FaultPlan
from rig.gateway.gateway import Gateway
from rig.gateway.settings import GatewaySettings
from rig.jobs.arns import Arns
from rig.jobs.control.context import Context
from rig.jobs.objects import ObjectStore
from rig.jobs.outcome import Notification
from rig.jobs.presign import Presigner
from rig.jobs.service import JobService
from rig.jobs.settings import DEFAULT_REGION, JobSettings
from rig.jobs.signing_jobs import Signer
from rig.jobs.store import Store
from rig.pki import CertificateAuthority
from rig.signing import SigningKey
from rig.trace import RecorderSwitch

TICK_S = 1.0
"""How often executions that are past their deadline are looked for (job service §3.3), and what
other processes have changed."""
MQTT_TLS_PORT = 8883
"""Where clients look for an endpoint that tells no port."""


@dataclass(frozen=True)
class RegionSettings:
    """Where a region's gateway listens, and the URL of the broker behind it, None its own.

    Port 0 picks one, None is none.
    """

    name: str = DEFAULT_REGION
    host: str = "127.0.0.1"
    tls_port: int | None = 0
    plain_port: int | None = 0
    broker: str | None = None


@dataclass(frozen=True)
class Shared:
    """What all regions of a server have in common. Files are PEM."""

    objects: ObjectStore
    clock: Clock
    recorder: RecorderSwitch
    presigner: Presigner
    authority: CertificateAuthority
    signing_key: SigningKey
    certificate: Path
    private_key: Path
    ca: Path
    share_ports: bool


class Region:
    """Belongs to the event loop that starts it; `others` are the regions beside it."""

    def __init__(
        self, settings: RegionSettings, store: Store, shared: Shared, others: Collection[str]
    ) -> None:
        self.settings = settings
        self.faults = FaultPlan()
        self.gateway: Gateway
        self._shared = shared
        self._store = store
        self._stack = AsyncExitStack()
        self._endpoints: dict[str, str] = {}
        job_settings = JobSettings(region=settings.name)
        self.jobs = JobService(
            store, shared.objects, shared.clock, job_settings, _random_id, shared.presigner
        )
        self.context = Context(
            self.jobs,
            shared.authority,
            self._endpoints,
            Arns(job_settings),
            Signer(store, shared.objects, shared.clock, _random_id, shared.signing_key),
            frozenset(others),
        )

    async def start(self) -> None:
        """Reach the broker and listen. Raises `UsageError` and `BenchError`."""
        settings, shared = self.settings, self._shared
        if settings.broker is None:
            embedded = EmbeddedBroker()
            self._stack.push_async_callback(embedded.stop)
            broker = await embedded.start()
        else:
            broker = BrokerEndpoint.parse(settings.broker)
        self.gateway = Gateway(
            GatewaySettings(
                broker=broker,
                host=settings.host,
                tls_port=settings.tls_port,
                plain_port=settings.plain_port,
                server_cert=shared.certificate,
                server_key=shared.private_key,
                client_ca=shared.ca,
                share_ports=shared.share_ports,
            ),
            self.jobs,
            self.jobs,
            shared.recorder,
            self.faults,
        )
        await self.gateway.start()
        self._stack.push_async_callback(self.gateway.stop)

    def begin(self, http_address: str) -> None:
        """Tell news, and look for what is due; clients reach the jobs at this host and port."""
        self._endpoints["iot:Data-ATS"] = self._endpoints["iot:Data"] = self._mqtt_address
        self._endpoints["iot:Jobs"] = http_address
        loop = asyncio.get_running_loop()

        def publish(notification: Notification) -> None:
            loop.call_soon_threadsafe(self.gateway.notify, notification)

        self.jobs.on_notification(publish)
        self.gateway.on_told = self.jobs.told
        self.jobs.registry.on_identity_change(
            partial(loop.call_soon_threadsafe, self.gateway.check_identities)
        )
        ticking = asyncio.create_task(self._tick())

        async def end_ticking() -> None:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

        self._stack.push_async_callback(end_ticking)

    async def stop(self) -> None:
        """Close everything, last opened first."""
        await self._stack.aclose()
        self.close_store()

    def close_store(self) -> None:
        """All there is to close of one that was never started."""
        self._store.close()

    @property
    def _mqtt_address(self) -> str:
        """With the port where it is not the one that clients take by themselves."""
        port = self.gateway.tls_port
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        return self.settings.host if port in {None, MQTT_TLS_PORT} else f"{host}:{port}"

    async def _tick(self) -> None:
        failed: str | None = None
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await asyncio.to_thread(self.jobs.tick)
                await asyncio.to_thread(self.jobs.catch_up)
                failed = None
            except BenchError as error:
                # Told once, however long the database is away.
                if failed != str(error):
                    failed = str(error)
                    self.gateway.fail(error)


def _random_id() -> str:
    return str(uuid.uuid4())
