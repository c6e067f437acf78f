"""The sweep: each cut's flash is put on the board, the board is powered on, a whole image boots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import shake_128
from queue import SimpleQueue

from rig.powercut.cuts import Cut
from targets.board import Board
from targets.console import BOOT_MARKER
from targets.virtual.bare_chip import BareChip, LockedUp
from targets.virtual.memory_map import RAM_SIZE

BOOT = "boot: version="
STUCK_TRIAL = "the image on trial still runs after a reset without commit"


@dataclass(frozen=True)
class Outcome:
    """What became of one cut."""

    cut: Cut
    flaw: str
    """Empty if a valid image boots."""


def sweep(
    board: Board, cuts: Iterable[Cut], images: Mapping[str, bytes], jobs: int
) -> Iterator[Outcome]:
    """Power on after each cut, on `jobs` chips at a time; outcomes as they come.

    `images` are those that may run, by name. Raises `BenchError`.
    """
    with ExitStack() as stack:
        chips: SimpleQueue[BareChip] = SimpleQueue()
        for _ in range(jobs):
            chip = BareChip(board.console.rtt_address or 0)
            stack.callback(chip.close)
            chips.put(chip)
        pool = stack.enter_context(ThreadPoolExecutor(jobs, "powercut"))
        running: set[Future[Outcome]] = set()
        # A cut holds a whole flash: only those under way are kept.
        for cut in cuts:
            if len(running) >= 2 * jobs:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
            running.add(pool.submit(_try, chips, board, cut, images))
        for one in running:
            yield one.result()


def _try(
    chips: SimpleQueue[BareChip], board: Board, cut: Cut, images: Mapping[str, bytes]
) -> Outcome:
    chip = chips.get()
    try:
        return Outcome(cut, flaw_after(chip, board, cut, images))
    finally:
        chips.put(chip)


def flaw_after(chip: BareChip, board: Board, cut: Cut, images: Mapping[str, bytes]) -> str:
    """What is wrong after the cut, empty if nothing is.

    An image on trial is reset once more: without its commit the confirmed one must run.
    """
    limit_s = board.slack_s
    try:
        # RAM after power-on holds anything.
        chip.power_on(cut.flash, shake_128(b"%d" % cut.number).digest(RAM_SIZE))
        first = chip.wait_for(BOOT, limit_s)
        flaw = _flaw(first, board, chip.flash(), images, limit_s)
        if flaw or first is None or "state=valid" in first:
            return flaw
        chip.reset()
        second = chip.wait_for(BOOT, limit_s)
        flaw = _flaw(second, board, chip.flash(), images, limit_s)
        if not flaw and second is not None and "state=valid" not in second:
            return f"{STUCK_TRIAL}: {second}"
        return flaw and f"after the trial: {flaw}"
    except LockedUp as error:
        return str(error)


def _flaw(
    line: str | None, board: Board, flash: bytes, images: Mapping[str, bytes], limit_s: float
) -> str:
    """A boot marker is not enough: the slot it names must hold a whole image."""
    if line is None:
        return f"no boot marker within {limit_s:g} s"
    found = BOOT_MARKER.search(line)
    slots = {slot.name: slot for slot in board.flash.slots}
    if found is None or found["slot"] not in slots:
        return f"an unreadable boot marker: {line}"
    start = slots[found["slot"]].address
    if any(flash[start : start + len(image)] == image for image in images.values()):
        return ""
    return f"slot {found['slot']} runs without holding a whole image: {line}"
