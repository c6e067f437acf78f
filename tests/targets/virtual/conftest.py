"""A virtual board with a folder of its own, and a pyOCD session on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyocd.core.helpers import ConnectHelper

from targets.virtual.board import VirtualBoard
from targets.virtual.bus import BUS

PROBE_ID = "bench-1"


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    board = VirtualBoard(PROBE_ID, tmp_path / "board")
    BUS.plug(board)
    yield board
    BUS.unplug(board)
    board.close()


@pytest.fixture
def session(board: VirtualBoard) -> Iterator[Any]:
    """Open, the core halted before its first instruction, the flash erased."""
    board.power_on(halt=True)
    session = ConnectHelper.session_with_chosen_probe(
        blocking=False,
        unique_id=f"otarig:{PROBE_ID}",
        options={
            "target_override": "nrf51",
            "connect_mode": "attach",
            "hide_programming_progress": True,
        },
    )
    assert session is not None
    with session:
        yield session
