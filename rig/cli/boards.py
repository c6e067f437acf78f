"""`otarig boards`: the boards that come with the rig."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from rig.cli.main import parser
from rig.cli.terminal import TerminalConsole
from targets.board import board_names, load_board


def run(arguments: Sequence[str]) -> int:
    parser("boards", __doc__ or "").parse_args(arguments)
    table = Table(box=None, pad_edge=False)
    for heading in ("board", "driver", "what it is"):
        table.add_column(heading)
    for name in board_names():
        board = load_board(name)
        table.add_row(board.name, board.driver, board.description)
    TerminalConsole().print(table)
    return 0
