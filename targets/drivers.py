"""From a board file to the driver that speaks to the board."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from rig.errors import UsageError
from rig.trace import RecorderSwitch
from targets.board import Board
from targets.driver import Driver
from targets.process import ProcessDriver


def open_driver(board: Board, root: Path, recorder: RecorderSwitch) -> Driver:
    """The driver that the board file names; its files go below `root`.

    The caller closes it, whatever happens. Raises `BenchError`, `UsageError`.
    """
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    if board.driver == "pyocd":
        # Here, not above: pyOCD takes a second to import, and other boards need none of it.
        from targets.pyocd_driver import PyocdDriver

        return PyocdDriver(board, root, recorder)
    if board.driver == "command":
        from targets.command_driver import CommandDriver

        return CommandDriver(board, root, recorder)
    if board.driver == "process":
        return ProcessDriver(board, root, recorder)
    return _own_driver(board)(board, root, recorder)


def _own_driver(board: Board) -> Callable[[Board, Path, RecorderSwitch], Driver]:
    """The class that a board file names as module:Class (docs/write-a-driver.md)."""
    module, _, name = board.driver.partition(":")
    try:
        found: Callable[[Board, Path, RecorderSwitch], Driver]
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"board {board.name!r}: driver {board.driver!r} cannot be imported: {error}; "
            "is its folder the current one, or in PYTHONPATH?"
        ) from None
    return found
