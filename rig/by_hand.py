"""A device without a scenario: its factory image, and waiting for it to show that it runs."""

from __future__ import annotations

import time

from agent.protocol.image import Behaviour
from agent.protocol.version import Version
from rig.errors import BenchError
from rig.scenario.board_images import image_source
from targets.board import Board
from targets.driver import BootReport, Driver

LOOK_S = 0.01
"""Between two looks whether the device has booted."""
MARKER = bytes(16)
FACTORY_SIZE = 4096


def factory_image(board: Board) -> bytes:
    """The image a device is flashed with by hand: of its factory version, its marker all zero."""
    version = Version.parse(board.image.factory_version)
    return image_source(board)(version, FACTORY_SIZE, Behaviour.PASS, MARKER)


def wait_for_boot(board: Board, driver: Driver, *, after: int = 0) -> BootReport:
    """The first boot with a higher number than `after`. Raises `BenchError` if none shows."""
    limit_s = board.slack_s + board.declares.trial_time_s
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        boot = driver.last_boot
        if boot is not None and boot.number > after:
            return boot
        if not driver.is_running():
            raise BenchError(f"device {board.name!r} stopped running before it showed a boot")
        time.sleep(LOOK_S)
    raise BenchError(
        f"device {board.name!r} is silent: no boot marker within {limit_s:g} s; look at its "
        "console and at the console section of its board file"
    )
