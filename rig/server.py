"""The self-hosted service as one object: its regions, the control plane over them, downloads."""

from __future__ import annotations

import secrets
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rig.clock import Clock
from rig.gateway.faults import FaultPlan
from rig.gateway.gateway import Gateway
from rig.jobs.access_key import AccessKey
from rig.jobs.control import ControlPlane
from rig.jobs.control.regions import Regions
from rig.jobs.download import DownloadServer
from rig.jobs.objects import ObjectStore
from rig.jobs.presign import Presigner
from rig.jobs.service import JobService
from rig.jobs.settings import DEFAULT_REGION
from rig.jobs.store import Store
from rig.page.face import FleetPage, page_url
from rig.pki import LOOPBACK_NAMES, CertificateAuthority
from rig.private_files import make_private_directory
from rig.region import Region, RegionSettings, Shared
from rig.serve_state import SIGNING_KEY_FILE, file_of_seat
from rig.signing import SigningKey
from rig.trace import RecorderSwitch


@dataclass(frozen=True)
class ServerSettings:
    """`data` outlives the process: jobs, images, CA, keys. Port 0 picks one, None is none.

    With `https` the download server and the control plane speak TLS with the same certificate as
    the gateway; without, they are for loopback only. `store` is the URL of the database that jobs
    are kept in, by default a file in `data`. Each process on one `data` has another `seat`; with
    `share_ports` they may listen on the same ports, and each gets some of the connections. Who
    knows the `page_token` may use the fleet's page. `host`, the MQTT ports and `broker` are those
    of the first region, `region`; `more_regions` say their own.
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
    region: str = DEFAULT_REGION
    more_regions: tuple[RegionSettings, ...] = ()

    @property
    def regions(self) -> tuple[RegionSettings, ...]:
        """All of them, the first one first."""
        first = RegionSettings(self.region, self.host, self.tls_port, self.plain_port, self.broker)
        return (first, *self.more_regions)


class Server:
    """Everything that devices and users talk to. Belongs to the event loop that starts it."""

    def __init__(self, settings: ServerSettings, clock: Clock, recorder: RecorderSwitch) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        data = make_private_directory(settings.data)
        self.authority = CertificateAuthority.load_or_generate(data / "ca", clock)
        self.control_key = AccessKey.load_or_generate(data / "control-key.json")
        self.signing_key = SigningKey.load_or_generate(data / SIGNING_KEY_FILE)
        url_key = AccessKey.load_or_generate(data / "url-key.json")
        certificate, private_key = self._issue_server_files()
        shared = Shared(
            ObjectStore(data / "objects"),
            clock,
            recorder,
            Presigner(url_key, clock, base_url=""),
            self.authority,
            self.signing_key,
            certificate,
            private_key,
            self.ca_file,
            settings.share_ports,
        )
        self.regions = self._make_regions(shared)
        contexts = Regions(tuple(region.context for region in self.regions.values()))
        self.download = DownloadServer(
            shared.objects,
            clock,
            recorder,
            shared.presigner,
            settings.host,
            settings.http_port,
            _https_context(certificate, private_key) if settings.https else None,
            [
                FleetPage(contexts, clock, settings.page_token, lambda: self.download.base_url),
                ControlPlane(contexts, self.control_key, clock),
            ],
            share_port=settings.share_ports,
        )

    @property
    def jobs(self) -> JobService:
        """Of the first region, as all that follows."""
        return self.regions[self._settings.region].jobs

    @property
    def gateway(self) -> Gateway:
        return self.regions[self._settings.region].gateway

    @property
    def faults(self) -> FaultPlan:
        return self.regions[self._settings.region].faults

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
        for region in self.regions.values():
            await region.stop()

    async def _start(self) -> None:
        for region in self.regions.values():
            await region.start()
        await self.download.start()
        self._stack.push_async_callback(self.download.stop)
        for region in self.regions.values():
            region.begin(self.download.base_url.partition("//")[2])

    def _make_regions(self, shared: Shared) -> dict[str, Region]:
        """By their names; no store stays open if one of them cannot be used."""
        made: dict[str, Region] = {}
        names = [settings.name for settings in self._settings.regions]
        try:
            for settings in self._settings.regions:
                others = [name for name in names if name != settings.name]
                store = self._open_store(settings.name)
                made[settings.name] = Region(settings, store, shared, others)
        except BaseException:
            for region in made.values():
                region.close_store()
            raise
        return made

    def _open_store(self, region: str) -> Store:
        url = self._settings.store
        if url is None:
            url = f"sqlite:///{(self._settings.data / 'jobs.sqlite').absolute()}"
        return Store(url, None if region == DEFAULT_REGION else region)

    def _issue_server_files(self) -> tuple[Path, Path]:
        """The server's certificate and key: made anew at each start, for the hosts of this one."""
        data, seat = self._settings.data, self._settings.seat
        cert, key = (data / file_of_seat(name, seat) for name in ("server.pem", "server.key"))
        asked = dict.fromkeys(region.host for region in self._settings.regions)
        hosts = [host for host in asked if host not in LOOPBACK_NAMES]
        self.authority.issue_server([*hosts, *LOOPBACK_NAMES]).save(cert, key)
        return cert, key


def _https_context(certificate: Path, private_key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, private_key)
    return context
