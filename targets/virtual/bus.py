"""The bus on which pyOCD finds virtual boards, as it finds real ones on USB.

pyOCD asks the class of a probe which probes there are, so there is one bus for a process. Boards
that a run has plugged in come first; with none, there is the board that everybody has: its flash
is in the user's state directory (or in the one that OTARIG_BENCH names).
"""

from __future__ import annotations

import os
from pathlib import Path

from rig.errors import BenchError
from targets.virtual.board import VirtualBoard

FOLDER_VARIABLE = "OTARIG_BENCH"
BOARD_FOLDER = "virtual-board"
HOUSE_BOARD = "microbit-v1"
"""Probe id of the board that everybody has."""


class Bus:
    """Boards by their probe id."""

    def __init__(self) -> None:
        self._plugged: dict[str, VirtualBoard] = {}

    def plug(self, board: VirtualBoard) -> None:
        if board.probe_id in self._plugged:
            raise BenchError(
                f"a virtual board {board.probe_id!r} is plugged in already; "
                "one run at a time uses it in one process"
            )
        self._plugged[board.probe_id] = board

    def unplug(self, board: VirtualBoard) -> None:
        if self._plugged.get(board.probe_id) is board:
            del self._plugged[board.probe_id]

    def ids(self) -> list[str]:
        return sorted({*self._plugged, HOUSE_BOARD})

    def board(self, probe_id: str) -> VirtualBoard | None:
        """The board that is plugged in under this id."""
        return self._plugged.get(probe_id)


BUS = Bus()


def bench_folder() -> Path:
    """Where a bench by hand keeps what it needs from one command to the next."""
    if chosen := os.environ.get(FOLDER_VARIABLE):
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "otarig" / "bench"


def house_folder() -> Path:
    """Where the flash of the board is kept that everybody has."""
    return bench_folder() / BOARD_FOLDER
