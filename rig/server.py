"""The self-hosted service as one object: gateway, broker, job service and download server."""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import uuid
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rig.clock import Clock
from rig.errors import BenchError
from rig.gateway.broker import BrokerEndpoint, EmbeddedBroker
from rig.gateway.faults import FaultPlan
from rig.gateway.gateway import Gateway
from rig.gateway.settings import GatewaySettings
from rig.jobs.access_key import AccessKey
from rig.jobs.arns import Arns
from rig.jobs.control import ControlPlane
from rig.jobs.control.context import Context
from rig.jobs.download import DownloadServer
from rig.jobs.objects import ObjectStore
from rig.jobs.outcome import Notification
from rig.jobs.presign import Presigner
from rig.jobs.service import JobService
from rig.jobs.settings import JobSettings
from rig.jobs.signing_jobs import Signer
from rig.jobs.store import Store
from rig.page.face import FleetPage, page_url
from rig.pki import LOOPBACK_NAMES, CertificateAuthority
from rig.private_files import make_private_directory
from rig.serve_state import SIGNING_KEY_FILE, file_of_seat
from rig.signing import SigningKey
from rig.trace import RecorderSwitch

_log = logging.getLogger(__name__)

TICK_S = 1.0
"""How often executions that are past their deadline are looked for (job service §3.3), and what
other processes have changed."""


def _random_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class ServerSettings:
    """`data` outlives the process: jobs, images, CA, keys. Port 0 picks one, None is none.

    With `https` the download server and the control plane speak TLS with the same certificate as
    the gateway; without, they are for loopback only. `store` is the URL of the database that jobs
    are kept in, by default a file in `data`. Each process on one `data` has another `seat`; with
    `share_ports` they may listen on the same ports, and each gets some of the connections. Who
    knows the `page_token` may use the fleet's page.
    """

    data: Path
    host: str = "127.0.0.1"
    tls_port: int | None = 0
    plain_port: int | None = 0
    http_port: int = 0
    https: bool = False
    broker: str | None = None
    store: str | None = None
    seat: int = 1
    share_ports: bool = False
    page_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def _open_store(settings: ServerSettings) -> Store:
    if settings.store is not None:
        return Store(settings.store)
    return Store.in_file(settings.data / "jobs.sqlite")


class Server:
    """Everything that devices and users talk to. Belongs to the event loop that starts it."""

    def __init__(self, settings: ServerSettings, clock: Clock, recorder: RecorderSwitch) -> None:
        self._settings = settings
        self._clock = clock
        self._recorder = recorder
        self._stack = AsyncExitStack()
        self.faults = FaultPlan()
        data = make_private_directory(settings.data)
        self.authority = CertificateAuthority.load_or_generate(data / "ca", clock)
        self.control_key = AccessKey.load_or_generate(data / "control-key.json")
        objects = ObjectStore(data / "objects")
        url_key = AccessKey.load_or_generate(data / "url-key.json")
        presigner = Presigner(url_key, clock, base_url="")
        self._cert, self._key = self._issue_server_files()
        self._store = _open_store(settings)
        self.jobs = JobService(self._store, objects, clock, JobSettings(), _random_id, presigner)
        self._endpoints: dict[str, str] = {}
        self.signing_key = SigningKey.load_or_generate(data / SIGNING_KEY_FILE)
        context = Context(
            self.jobs,
            self.authority,
            self._endpoints,
            Arns(self.jobs.settings),
            Signer(self._store, objects, clock, _random_id, self.signing_key),
        )
        self.download = DownloadServer(
            objects,
            clock,
            recorder,
            presigner,
            settings.host,
            settings.http_port,
            self._https_context() if settings.https else None,
            [
                FleetPage(context, clock, settings.page_token, lambda: self.download.base_url),
                ControlPlane(context, self.control_key, clock),
            ],
            share_port=settings.share_ports,
        )
        self.gateway: Gateway

    @property
    def page_url(self) -> str:
        """Of the fleet's page, with its token."""
        return page_url(self.download.base_url, self._settings.page_token)

    @property
    def ca_file(self) -> Path:
        """The certificate that both sides trust."""
        return self._settings.data / "ca" / "ca.pem"

    async def start(self) -> None:
        """Listen everywhere. Raises `UsageError` and `BenchError`, with nothing left running."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Close everything, last opened first."""
        await self._stack.aclose()
        self._store.close()

    async def _start(self) -> None:
        settings = self._settings
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
                server_cert=self._cert,
                server_key=self._key,
                client_ca=self.ca_file,
                share_ports=settings.share_ports,
            ),
            self.jobs,
            self.jobs,
            self._recorder,
            self.faults,
        )
        await self.gateway.start()
        self._stack.push_async_callback(self.gateway.stop)
        await self.download.start()
        self._stack.push_async_callback(self.download.stop)
        self._endpoints["iot:Data-ATS"] = self._endpoints["iot:Data"] = settings.host
        self._endpoints["iot:Jobs"] = self.download.base_url.partition("//")[2]
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

    def _issue_server_files(self) -> tuple[Path, Path]:
        """The server's certificate and key: made anew at each start, for the host of this one."""
        data, seat = self._settings.data, self._settings.seat
        cert, key = (data / file_of_seat(name, seat) for name in ("server.pem", "server.key"))
        hosts = list(LOOPBACK_NAMES)
        if self._settings.host not in hosts:
            hosts.insert(0, self._settings.host)
        self.authority.issue_server(hosts).save(cert, key)
        return cert, key

    def _https_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self._cert, self._key)
        return context
