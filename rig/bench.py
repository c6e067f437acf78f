"""The bench: a server in a thread of its own, one device, and a trace for each scenario."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rig.clock import SystemClock
from rig.errors import BenchError, UsageError
from rig.gateway.endpoint import BrokerEndpoint
from rig.jobs.outcome import Notification
from rig.loop_thread import LoopThread
from rig.private_files import write_private_file
from rig.scenario import Cloud, Device, Scenario
from rig.scenario.board_images import image_source
from rig.scenario.disturbance import Disturbance
from rig.scenario.images import ImageMaker
from rig.server import Server, ServerSettings
from rig.signing import SigningKey
from rig.trace import Header, Recorder, RecorderSwitch
from targets.board import Board
from targets.driver import Capability, Connection, StateFollower
from targets.drivers import open_driver


@dataclass(frozen=True)
class BenchOptions:
    """`broker` is a URL, None the embedded one; `transport` None is what the board says.

    `follow_states`: in every scenario, not only in those that are about them.

    Raises `UsageError` for what is no broker's URL.
    """

    broker: str | None = None
    transport: str | None = None
    follow_states: bool = False

    def __post_init__(self) -> None:
        if self.broker is not None:
            BrokerEndpoint.parse(self.broker)


class Bench:
    """Up between `open` and `close`; all its files are in a private temporary directory."""

    def __init__(self, board: Board, options: BenchOptions) -> None:
        self.board = board
        self._options = options
        self._tls = (options.transport or board.transport) == "tls"
        self._recorder = RecorderSwitch()
        self._stack = ExitStack()
        self._job_numbers = itertools.count(1)
        self._image_seed = itertools.count(1)
        self._trusted = SigningKey.generate()
        self._foreign = SigningKey.generate()
        self._connections: dict[str, Connection] = {}

    def open(self) -> Bench:
        """Start the server and take hold of the device. Raises `UsageError`, `BenchError`."""
        try:
            self._open()
        except BaseException:
            self._stack.close()
            raise
        return self

    def close(self) -> None:
        """Leave no process, port or file behind. Raises `BenchError` if the server failed."""
        self._stack.close()
        self._check()

    def _open(self) -> None:
        root = Path(tempfile.mkdtemp(prefix="otarig-bench-"))
        self._stack.callback(shutil.rmtree, root, ignore_errors=True)
        loop = LoopThread("otarig-server")
        self._stack.callback(loop.close)
        settings = ServerSettings(
            root / "server",
            tls_port=0 if self._tls else None,
            plain_port=None if self._tls else 0,
            https=self._tls,
            broker=self._options.broker,
        )
        self._loop = loop
        self._server = Server(settings, SystemClock(), self._recorder)
        loop.call(self._server.start())
        self._stack.callback(lambda: loop.call(self._server.stop()))
        self._root = root
        self._connection_of(self.board.thing)
        self.driver = open_driver(self.board, root, self._recorder)
        self._server.gateway.before_open = self._catch_up_console
        self._stack.callback(lambda: self.driver.close())
        if {Capability.FLASH, Capability.READ_SLOTS} <= self.driver.capabilities:
            self._flash_once()
        if self._options.follow_states:
            self._follow_states(True)

    def _flash_once(self) -> None:
        """A device that cannot be flashed is told before anything is judged.

        What all scenarios share, the boot loader for one, is then in flash from the first one on.
        """
        images = ImageMaker(image_source(self.board), itertools.count())
        factory = images.make(self.board.image.factory_version)
        self.driver.provision(factory.content, self._connection_of(self.board.thing))
        self.driver.power_off()

    def _catch_up_console(self) -> None:
        """Where the console is a pipe: others are read every few milliseconds."""
        catch_up = getattr(self.driver, "catch_up_console", None)
        if catch_up is not None:
            catch_up()

    def exchange(self, board: Board) -> None:
        """Put another board of the same thing and driver in the place of this one.

        Between scenarios only; the server stays as it is.
        """
        self.driver.close()
        self.board = board
        self.driver = open_driver(board, self._root, self._recorder)

    def _connection_of(self, thing: str) -> Connection:
        """What the device of that name connects with; made at its first use."""
        if thing not in self._connections:
            folder = self._root / f"thing-{len(self._connections)}"
            folder.mkdir(mode=0o700)
            self._connections[thing] = self._enrol(thing, folder)
        return self._connections[thing]

    def _enrol(self, thing: str, root: Path) -> Connection:
        """Make the thing and what the device proves itself with."""
        server = self._server
        server.jobs.registry.create_thing(thing)
        signer = root / "signer.pem"
        write_private_file(signer, self._trusted.public_pem)
        if not self._tls:
            assert server.gateway.plain_port is not None
            return Connection(thing, "127.0.0.1", server.gateway.plain_port, signer_keys=(signer,))
        credentials = server.authority.issue_client(thing)
        cert, key = root / "device.pem", root / "device.key"
        credentials.save(cert, key)
        server.jobs.registry.attach_certificate(thing, credentials.certificate_id)
        assert server.gateway.tls_port is not None
        return Connection(
            thing,
            "127.0.0.1",
            server.gateway.tls_port,
            ca=server.ca_file,
            cert=cert,
            key=key,
            http_ca=server.ca_file,
            signer_keys=(signer,),
        )

    @contextmanager
    def following_states(self) -> Iterator[None]:
        """In the scenarios within, the agent's states go into the trace. Raises `UsageError`."""
        self._follow_states(True)
        try:
            yield
        finally:
            self._follow_states(self._options.follow_states)

    def _follow_states(self, wanted: bool) -> None:
        if Capability.STATE_WITNESS not in self.driver.capabilities:
            raise UsageError(
                f"the states of the board {self.board.name!r} cannot be followed: that takes a "
                "chip on a probe, driver pyocd, and witness.state in its board file"
            )
        assert isinstance(self.driver, StateFollower)
        self.driver.follow_states(wanted)

    @contextmanager
    def scenario(self, name: str, thing: str | None = None) -> Iterator[Scenario]:
        """A scenario with an empty job queue, no faults, and the device off.

        `thing` is the name that the device goes by here, the board file's unless given.
        """
        self._check()
        board = self.board
        thing = thing or board.thing
        recorder = Recorder(Header(name, board.name, thing, board.declares.model_dump(mode="json")))
        images = ImageMaker(image_source(board), self._image_seed)
        cloud = Cloud(
            self._server.jobs,
            self._server.faults,
            recorder,
            images,
            thing,
            self._trusted,
            self._foreign,
            self._job_numbers,
            self._announce,
            lambda: self._loop.call(self._server.gateway.catch_up()),
        )
        factory = images.make(board.image.factory_version)
        connection = self._connection_of(thing)
        device = Device(self.driver, board, recorder, connection, factory, self._check)
        disturb = Disturbance(
            self._server.faults,
            self._server.download.faults,
            thing,
            lambda: self._loop.call(self._server.gateway.drop(thing)),
        )
        self._recorder.use(recorder)
        end = partial(self._end_scenario, thing)
        try:
            yield Scenario(name, recorder, cloud, device, disturb, end)
        finally:
            end()
            cloud.forget_jobs()
            self._recorder.use(None)

    def _announce(self, notification: Notification) -> None:
        self._loop.loop.call_soon_threadsafe(self._server.gateway.notify, notification)

    def _end_scenario(self, thing: str) -> None:
        """The device is off and its connection is gone, so nothing runs into the next trace."""
        self._server.faults.clear()
        self._server.download.faults.clear()
        self.driver.power_off()
        self._loop.call(self._server.gateway.drop(thing))
        self._check()

    def _check(self) -> None:
        failure = self._server.gateway.failure
        if isinstance(failure, BenchError):
            raise BenchError(str(failure))
        if failure is not None:
            raise BenchError(f"the gateway failed while it served: {failure}")
