"""Power: what is in flash stays, what runs ends, and nothing is left of a board that is closed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rig.errors import BenchError
from targets.virtual.board import BoardOff, CoreLockedUp, VirtualBoard
from targets.virtual.core import CoreState
from targets.virtual.flash_store import FLASH_FILE
from targets.virtual.memory_map import FLASH_SIZE
from tests.targets.virtual.machine_code import COUNTER, COUNTING, DOUBLE_FAULT


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def provisioned(folder: Path, content: bytes) -> VirtualBoard:
    folder.mkdir()
    (folder / FLASH_FILE).write_bytes(content.ljust(FLASH_SIZE, b"\xff"))
    return VirtualBoard("test", folder)


def state_when_it_ends(board: VirtualBoard) -> CoreState:
    """What the core does once it no longer runs."""
    for _ in range(100_000):
        # Locking up may be told once as an exception: by what was asked at that moment.
        with contextlib.suppress(CoreLockedUp):
            if board.state is not CoreState.RUNNING:
                return board.state
    pytest.fail("the core still runs")


def test_the_program_runs_from_power_on(tmp_path: Path) -> None:
    board = provisioned(tmp_path / "b", COUNTING)
    board.power_on()
    assert board.state is CoreState.RUNNING
    assert any(int.from_bytes(board.read(COUNTER, 4), "little") > 9 for _ in range(10_000))
    board.close()


def test_flash_outlives_power_off_and_ram_does_not(tmp_path: Path) -> None:
    board = provisioned(tmp_path / "b", COUNTING)
    board.power_on(halt=True)
    board.write(0x1000, b"kept")
    board.write(COUNTER, b"lost")
    board.power_off()
    board.power_on(halt=True)
    assert board.read(0x1000, 4) == b"kept"
    assert board.read(COUNTER, 4) == bytes(4)
    board.close()
    again = VirtualBoard("test", tmp_path / "b")
    again.power_on(halt=True)
    assert again.read(0, len(COUNTING)) == COUNTING
    again.close()


def test_flash_outlives_a_lock_up(tmp_path: Path) -> None:
    board = provisioned(tmp_path / "b", DOUBLE_FAULT)
    board.power_on(halt=True)
    board.write(0x1000, b"kept")
    board.write(COUNTER, b"text")
    board.reset()
    assert state_when_it_ends(board) is CoreState.LOCKED_UP
    assert board.read(0x1000, 4) == b"kept"
    assert board.read(COUNTER, 4) == b"text"
    board.close()


def test_what_is_off_does_not_answer(tmp_path: Path) -> None:
    board = VirtualBoard("test", tmp_path)
    with pytest.raises(BoardOff, match="'test' has no power"):
        board.read(0, 4)
    board.close()


def test_closing_leaves_no_process_and_no_port(tmp_path: Path) -> None:
    board = provisioned(tmp_path / "b", COUNTING)
    url = urlsplit(board.wire_url)
    board.power_on()
    pid = board.emulator_pid
    assert pid is not None
    assert is_alive(pid)
    board.close()
    assert not is_alive(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((url.hostname, url.port)).close()


def test_the_wire_stays_where_it_is(tmp_path: Path) -> None:
    board = provisioned(tmp_path / "b", COUNTING)
    before = board.wire_url
    board.power_on()
    board.power_off()
    assert board.wire_url == before
    board.close()


def test_an_emulator_that_is_killed_is_named_and_the_next_power_on_works(tmp_path: Path) -> None:
    board = provisioned(tmp_path / "b", COUNTING)
    board.power_on()
    assert board.emulator_pid is not None
    os.kill(board.emulator_pid, signal.SIGKILL)
    with pytest.raises(BoardOff, match="ended unexpectedly: it was killed"):
        state_when_it_ends(board)
    board.power_on()
    assert board.read(0, len(COUNTING)) == COUNTING
    board.close()


def test_a_missing_emulator_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    board = VirtualBoard("test", tmp_path / "b")
    with pytest.raises(BenchError, match=r"qemu-system-arm is missing.*install"):
        board.power_on()
    board.close()
    monkeypatch.undo()
    board = VirtualBoard("test", tmp_path / "b")
    board.power_on(halt=True)
    assert board.is_powered
    board.close()


def test_one_folder_is_for_one_process(tmp_path: Path) -> None:
    board = VirtualBoard("test", tmp_path)
    code = (
        "import sys; from pathlib import Path; from targets.virtual.board import VirtualBoard\n"
        "VirtualBoard('other', Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert f"is in use by process {os.getpid()}" in done.stderr
    board.close()
    VirtualBoard("test", tmp_path).close()


def test_a_flash_file_of_another_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / FLASH_FILE).write_bytes(b"short")
    board = VirtualBoard("test", tmp_path)
    with pytest.raises(BenchError, match="has 5 bytes, the flash has 262144; remove the file"):
        board.power_on()
    board.close()
