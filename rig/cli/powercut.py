"""`otarig powercut`: the power cut at every flash operation of an update and of a rollback."""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rig.cli import powercut_agent
from rig.cli.board_needs import ensure_board_needs
from rig.cli.main import EXIT_NOT_CONFORMANT, EXIT_OK, parser
from rig.cli.progress import safe
from rig.cli.terminal import TerminalConsole
from rig.errors import BenchError, UsageError
from rig.interruption import interruption
from rig.powercut.agent_slots import RUNS as AGENT_RUNS
from rig.powercut.cuts import chosen, cuts
from rig.powercut.follow_up import FollowUp, follow_up, worth_following
from rig.powercut.lines import chip_brick
from rig.powercut.operations import Layout
from rig.powercut.recording import RUNS, Recording, layout_of, record
from rig.powercut.sweep import sweep
from rig.scenario.device import DeviceFailure
from targets.board import Board, load_board

DEFAULT_BOARD = "microbit-v1-virtual"
MAX_JOBS = 2


@dataclass
class Figures:
    """What the sweep came to."""

    operations: int = 0
    cuts: int = 0
    bricks: int = 0
    swept_s: float = 0.0
    followed: int = 0
    ended_well: int = 0
    nexts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)


def run(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    board = load_board(options.board)
    if board.driver == "process":
        return powercut_agent.run(board, options)
    if "file" in (options.only or ()):
        raise UsageError("--only file is for the reference agent alone: add --board reference")
    layout = layout_of(board)
    if options.jobs < 1:
        raise UsageError("--jobs must be at least 1")
    ensure_board_needs(board)
    interruption.take_signals()
    console = TerminalConsole(highlight=False, soft_wrap=True)
    started = time.monotonic()
    figures = Figures()
    for name in options.only or RUNS:
        with console.status(f"watching the flash operations of one {name}"):
            recording = _recording(board, name)
        _sweep(console, board, layout, recording, options, figures)
        if not options.boots_only:
            _follow_up(console, board, layout, recording, options, figures)
        if figures.bricks >= options.bricks:
            console.print(f"stopped: {figures.bricks} bricks are enough to go on (--bricks)")
            break
    seconds = time.monotonic() - started
    touched = ", ".join(f"{count} {kind}" for kind, count in sorted(figures.kinds.items()))
    console.print(f"flash operations: {figures.operations} ({touched})")
    console.print(
        f"cuts: {figures.cuts}, {figures.cuts / max(figures.swept_s, 0.001):.1f} per second"
    )
    if figures.followed:
        console.print(
            f"updates after a cut: {figures.followed}, of them {figures.ended_well} succeeded, the "
            f"others were reported; next updates: {figures.nexts}"
        )
    verdict = f"bricks = {figures.bricks}, in {seconds:.0f} s, seed {options.seed}"
    console.print(verdict, style="red" if figures.bricks else "green")
    return EXIT_NOT_CONFORMANT if figures.bricks else EXIT_OK


def _recording(board: Board, name: str) -> Recording:
    try:
        return record(board, (name,))[0]
    except DeviceFailure as error:
        raise BenchError(
            f"the {name} without any cut does not end well, so there is nothing to cut: {error}; "
            "run `otarig certify` first"
        ) from None


def _sweep(
    console: TerminalConsole,
    board: Board,
    layout: Layout,
    recording: Recording,
    options: argparse.Namespace,
    figures: Figures,
) -> None:
    random = Random(options.seed)
    places = chosen(recording.log, layout, random, every=options.every)
    figures.operations += len(recording.log)
    for operation in recording.log:
        figures.kinds[f"{operation.kind.value} {layout.part(operation).value}"] += 1
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    began = time.monotonic()
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"cuts in the {recording.name}", total=3 * len(places))
        contents = cuts(recording.before, recording.log, places, layout, random)
        for outcome in sweep(board, contents, recording, options.jobs):
            interruption.check()
            figures.cuts += 1
            bar.advance(task)
            if outcome.flaw:
                figures.bricks += 1
                line = chip_brick(recording.name, layout, outcome.cut, outcome.flaw)
                console.print(safe(line), style="red")
            if figures.bricks >= options.bricks:
                break
    figures.swept_s += time.monotonic() - began


def _follow_up(
    console: TerminalConsole,
    board: Board,
    layout: Layout,
    recording: Recording,
    options: argparse.Namespace,
    figures: Figures,
) -> None:
    if figures.bricks >= options.bricks:
        return
    random = Random(options.seed)
    places = chosen(recording.log, layout, random)
    every = list(cuts(recording.before, recording.log, places, layout, random))
    followed = worth_following(every, recording, layout)

    def goes_on(after: FollowUp) -> bool:
        figures.followed += 1
        figures.ended_well += after.status == "SUCCEEDED"
        figures.nexts += after.tried_next
        if after.flaw:
            figures.bricks += 1
            line = chip_brick(recording.name, layout, followed[after.place], after.flaw)
            console.print(safe(line), style="red")
        return figures.bricks < int(options.bricks)

    # No progress bar: it is a thread, and the boards' processes are forked.
    console.print(f"updates after {len(followed)} of the cuts in the {recording.name}")
    follow_up(board, followed, recording, options.jobs, goes_on)


def _parser() -> argparse.ArgumentParser:
    words = parser("powercut", __doc__ or "")
    words.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        metavar="NAME|FILE",
        help=f"a virtual board, or reference for the agent's files; default: {DEFAULT_BOARD}",
    )
    words.add_argument(
        "--every",
        action="store_true",
        help="cut at every word of the image, not at three of each page; takes long",
    )
    words.add_argument(
        "--only",
        action="append",
        choices=list(AGENT_RUNS),
        help="sweep this alone; default: all",
    )
    words.add_argument(
        "--jobs",
        type=int,
        default=min(MAX_JOBS, os.cpu_count() or 1),
        metavar="N",
        help="how many chips at a time; default: %(default)s",
    )
    words.add_argument(
        "--boots-only",
        action="store_true",
        help="only see that a valid image boots after each cut; no updates thereafter",
    )
    words.add_argument(
        "--bricks", type=int, default=20, metavar="N", help="stop after so many; default: 20"
    )
    words.add_argument(
        "--seed",
        type=int,
        default=1,
        metavar="N",
        help="what the torn words and the chosen ones follow from; default: %(default)s",
    )
    words.epilog = "Exit code: 0 without a brick, 1 with one, 2 usage, 3 if the bench failed."
    return words
