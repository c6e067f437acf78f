"""From a board file to the driver that speaks to the board."""

from __future__ import annotations

from pathlib import Path

from rig.trace import RecorderSwitch
from targets.board import Board
from targets.driver import Driver
from targets.process import ProcessDriver


def open_driver(board: Board, root: Path, recorder: RecorderSwitch) -> Driver:
    """The driver that the board file names; its files go below `root`. Raises `BenchError`.

    The caller closes it, whatever happens.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    if board.driver == "pyocd":
        # Here, not above: pyOCD takes a second to import, and other boards need none of it.
        from targets.pyocd_driver import PyocdDriver

        return PyocdDriver(board, root, recorder)
    if board.driver == "command":
        from targets.command_driver import CommandDriver

        return CommandDriver(board, root, recorder)
    return ProcessDriver(board, root, recorder)
