"""What a run on a board will need, each checked by itself: the table behind `otarig doctor`.

A check returns what it found, in a few words, or raises `BenchError` or `UsageError`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rig.by_hand import factory_image, wait_for_boot
from rig.errors import BenchError
from rig.trace import RecorderSwitch
from targets.board import Board
from targets.driver import Connection, Driver
from targets.drivers import open_driver
from targets.firmware_image import make_image, makes_images, part_file

MARKER = bytes(16)
NOWHERE = 9
"""A port where no gateway is: what a check starts is not to find one."""


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    name: str
    run: Callable[[], str]
    touches: bool = False
    """Whether it opens a port, flashes or switches; a dry run leaves that out."""


def checks(board: Board) -> list[Check]:
    """The checks for a board, in an order in which each needs those before it."""
    found = []
    if board.driver == "process":
        found.append(Check("command", lambda: _program(board.process.command[0], "process")))
    if board.power.kind == "virtual":
        found.append(Check("emulator", lambda: _program("qemu-system-arm", "virtual board")))
    if board.driver == "pyocd":
        found.append(Check("target type", lambda: _target(board)))
        found.append(Check("debug probe", lambda: _probe(board)))
    if board.driver == "command":
        found.append(Check("flash tool", lambda: _program(board.command.flash[0], "command")))
    if board.power.kind == "command":
        found.append(Check("power switch", lambda: _program(board.power.on[0], "power")))
    for part in board.flash.parts:
        found.append(Check(f"file {part.file}", lambda name=part.file: _file(name)))  # type: ignore[misc]
    if makes_images(board):
        found.append(Check("image", lambda: _image(board)))
    for field, url, used in (
        ("console.url", board.console.url, board.console.kind == "serial"),
        ("modem.url", board.modem.url, board.modem.url != "virtual"),
    ):
        if used and url:
            found.append(Check(field, lambda f=field, u=url: _port(board, f, u), touches=True))  # type: ignore[misc]
    found.append(Check("flash, start, read back", lambda: _start(board), touches=True))
    return found


def _program(name: str, whose: str) -> str:
    path = sys.executable if name == "{python}" else shutil.which(name)
    if path is None:
        raise BenchError(f"{name} is missing ({whose}); install it or mend the board file")
    return str(path)


def _target(board: Board) -> str:
    from pyocd.target import TARGET

    name = board.pyocd.target.lower()
    if name not in TARGET and not board.pyocd.pack:
        raise BenchError(
            f"pyOCD knows no target {board.pyocd.target!r}; `pyocd list --targets` shows those it "
            "knows, `pyocd pack install` adds others; mend pyocd.target"
        )
    return board.pyocd.target


def _probe(board: Board) -> str:
    from targets.probe_session import choose_probe, connected_probes

    probe = choose_probe(board.name, board.pyocd.probe, connected_probes())
    return f"{probe.unique_id} ({probe.description})"


def _file(name: str) -> str:
    path = part_file(name)
    return f"{path.stat().st_size} bytes"


def _image(board: Board) -> str:
    image = make_image(board, board.image.factory_version, None, 0, MARKER)
    return f"{len(image)} bytes"


def _port(board: Board, field: str, url: str) -> str:
    from targets.console_source import only_port, open_serial

    baudrate = board.console.baudrate if field.startswith("console") else board.modem.baudrate
    open_serial(board.name, field, url, baudrate).close()
    return only_port(board.name, field, url)


def _start(board: Board) -> str:
    """Everything at once, the way a run does it."""
    with tempfile.TemporaryDirectory(prefix="otarig-doctor-") as folder:
        driver = open_driver(board, Path(folder), RecorderSwitch())
        try:
            return _started(board, driver)
        finally:
            driver.close()


def _started(board: Board, driver: Driver) -> str:
    driver.provision(factory_image(board), Connection(board.thing, "127.0.0.1", NOWHERE))
    driver.power_on()
    boot = wait_for_boot(board, driver)
    for reading in driver.read_slots():
        if reading.slot == boot.slot:
            return f"runs {boot.version} from slot {boot.slot}, sha256 {reading.sha256[:16]}…"
    raise BenchError(
        f"the boot marker names slot {boot.slot!r}, which flash.slots of the board file has not"
    )
