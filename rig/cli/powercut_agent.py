"""`otarig powercut --board reference`: what is printed of the sweep over the agent's slots."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from random import Random

from rig.cli.main import EXIT_NOT_CONFORMANT, EXIT_OK
from rig.cli.progress import safe
from rig.cli.terminal import TerminalConsole
from rig.errors import UsageError
from rig.interruption import interruption
from rig.powercut.agent_slots import RUNS, record, sweep
from rig.powercut.disk import RecordingFilesystem
from rig.powercut.lines import file_brick
from rig.signing import SigningKey
from targets.board import Board


def run(board: Board, options: argparse.Namespace) -> int:
    """Raises `UsageError` for another device, `BenchError`."""
    if board.product != "reference":
        raise UsageError(
            f"board {board.name!r} is no reference agent, whose file operations could be cut"
        )
    interruption.take_signals()
    console = TerminalConsole(highlight=False, soft_wrap=True)
    key, random, started = SigningKey.generate(), Random(options.seed), time.monotonic()
    kinds: Counter[str] = Counter()
    cuts = bricks = 0
    for name in options.only or RUNS:
        recording = record(name, key, RecordingFilesystem())
        kinds.update(operation.call.value for operation in recording.log)
        for outcome in sweep(recording, key, random):
            interruption.check()
            cuts += 1
            if outcome.flaw:
                bricks += 1
                console.print(safe(file_brick(name, outcome)), style="red")
            if bricks >= options.bricks:
                break
    seconds = time.monotonic() - started
    touched = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    console.print(f"file operations: {kinds.total()} ({touched})")
    console.print(f"cuts: {cuts}, each with updates thereafter, {cuts / seconds:.1f} per second")
    verdict = f"bricks = {bricks}, in {seconds:.0f} s, seed {options.seed}"
    console.print(verdict, style="red" if bricks else "green")
    return EXIT_NOT_CONFORMANT if bricks else EXIT_OK
