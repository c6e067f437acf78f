"""An emulator whose owner was killed does not live on."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

PATIENCE_MS = 10_000
OWNER = """
import sys, time
from pathlib import Path
from targets.virtual.board import VirtualBoard

board = VirtualBoard("orphan", Path(sys.argv[1]))
board.power_on(halt=True)
print(board.emulator_pid, flush=True)
time.sleep(600)
"""


def test_it_dies_with_its_owner(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    emulator = os.pidfd_open(int(owner.stdout.readline()))
    try:
        owner.send_signal(signal.SIGKILL)
        owner.communicate()
        ended = select.poll()
        ended.register(emulator, select.POLLIN)
        assert ended.poll(PATIENCE_MS), "the emulator still runs"
    finally:
        os.close(emulator)
