"""Every driver on the bench of its tests: a device, what it is told, and the trace of it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.protocol.image import Behaviour, build_image
from agent.protocol.version import Version
from rig.signing import SigningKey
from rig.trace import Event, Header, Recorder, RecorderSwitch
from targets.board import Board, load_board
from targets.driver import BootReport, Connection, Driver
from targets.drivers import open_driver
from targets.firmware_image import make_image, makes_images

PATIENCE_S = 30.0
BOARDS = ("reference", "microbit-v1-virtual")


@dataclass
class DriverBench:
    """One driver and what its device would connect to: a port where nobody answers."""

    driver: Driver
    board: Board
    recorder: Recorder
    connection: Connection

    def image(self, number: int) -> bytes:
        """A factory image; the number is in its marker."""
        marker = bytes([number]) * 16
        version = self.board.image.factory_version
        if makes_images(self.board):
            return make_image(self.board, version, None, Behaviour.PASS, marker)
        return build_image(Version.parse(version), 4096, product=self.board.product, marker=marker)

    def boot(self, since: int = 0) -> Event:
        """The first boot marker since that position of the trace."""
        return self.recorder.wait(lambda event: event.kind == "BOOT", PATIENCE_S, since=since)

    @property
    def mark(self) -> int:
        return len(self.recorder.events)

    @property
    def last_boot(self) -> BootReport | None:
        boot: BootReport | None = getattr(self.driver, "last_boot", None)
        return boot


MakeBench = Callable[[Board], DriverBench]


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[MakeBench]:
    """Benches that are taken apart after the test."""
    opened: list[Driver] = []
    signer = tmp_path / "signer.pem"
    signer.write_bytes(SigningKey.generate().public_pem)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    # Closed again: whoever connects is refused.

    def make(board: Board) -> DriverBench:
        recorder = Recorder(Header("driver", board.name, board.thing, {}))
        driver = open_driver(board, tmp_path / f"bench-{len(opened)}", RecorderSwitch(recorder))
        opened.append(driver)
        connection = Connection("thing-1", "127.0.0.1", port, signer_keys=(signer,))
        return DriverBench(driver, board, recorder, connection)

    yield make
    for driver in opened:
        driver.close()


@pytest.fixture(params=BOARDS)
def bench(request: pytest.FixtureRequest, make_bench: MakeBench) -> DriverBench:
    """A bench of each kind in turn."""
    return make_bench(load_board(request.param))


@pytest.fixture
def virtual_board() -> Board:
    return load_board("microbit-v1-virtual")


@pytest.fixture
def virtual(make_bench: MakeBench, virtual_board: Board) -> DriverBench:
    return make_bench(virtual_board)


def changed(board: Board, section: str, **fields: object) -> Board:
    """The board with some fields of one section changed."""
    return board.model_copy(update={section: getattr(board, section).model_copy(update=fields)})
