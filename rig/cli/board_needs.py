"""What must be on this machine before a board can be driven: installed after saying so."""

from __future__ import annotations

from rig.cli.system_package import ensure_command
from targets.board import Board

EMULATOR = "qemu-system-arm"


def ensure_board_needs(board: Board) -> None:
    """Install what the board's driver needs of the system. Raises `BenchError`."""
    if board.power.kind == "virtual":
        ensure_command(EMULATOR, package=EMULATOR, purpose="the virtual board runs in it")
