"""The sweep: each cut's flash is put on the board, the board is powered on, a whole image boots."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import shake_128
from queue import SimpleQueue

from rig.powercut.cuts import Cut
from rig.powercut.recording import FACTORY, NEW, Recording
from targets.board import Board
from targets.console import BOOT_MARKER
from targets.sections import Slot
from targets.virtual.bare_chip import BareChip, LockedUp
from targets.virtual.memory_map import RAM_SIZE

BOOT = "boot: version="
VALID = "state=valid"
STUCK_TRIAL = "the image on trial is tried once more after a power cut without commit"


@dataclass(frozen=True)
class Outcome:
    """What became of one cut."""

    cut: Cut
    flaw: str
    """Empty if a valid image boots."""


def sweep(board: Board, cuts: Iterable[Cut], recording: Recording, jobs: int) -> Iterator[Outcome]:
    """Power on after each cut, on `jobs` chips at a time; outcomes as they come.

    Raises `BenchError`.
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
            running.add(pool.submit(_try, chips, board, cut, recording))
        for one in running:
            yield one.result()


def _try(chips: SimpleQueue[BareChip], board: Board, cut: Cut, recording: Recording) -> Outcome:
    chip = chips.get()
    try:
        return Outcome(cut, flaw_after(chip, board, cut, recording))
    finally:
        chips.put(chip)


def flaw_after(chip: BareChip, board: Board, cut: Cut, recording: Recording) -> str:
    """What is wrong after the cut, empty if nothing is.

    An image on trial has its power cut once more: without its commit the confirmed one must run.
    """
    limit_s = board.slack_s
    try:
        chip.power_on(cut.flash, _noise(cut.number))
        first = chip.wait_for(BOOT, limit_s)
        flash = chip.flash()
        flaw = _flaw(first, board, flash, recording) or _wrong_image(
            first, board, flash, cut, recording
        )
        if flaw or first is None or VALID in first:
            return flaw
        chip.power_on(chip.flash(), _noise(cut.number + 1))
        second = chip.wait_for(BOOT, limit_s)
        flaw = _flaw(second, board, chip.flash(), recording)
        if not flaw and second is not None and VALID not in second:
            return f"{STUCK_TRIAL}: {second}"
        return flaw and f"after the trial: {flaw}"
    except LockedUp as error:
        return str(error)


def _noise(number: int) -> bytes:
    """RAM after power-on holds anything."""
    return shake_128(b"%d" % number).digest(RAM_SIZE)


def _flaw(line: str | None, board: Board, flash: bytes, recording: Recording) -> str:
    """A boot marker is not enough: the slot it names must hold a whole image."""
    if line is None:
        return f"no boot marker within {board.slack_s:g} s"
    slot = _slot_of(line, board)
    if slot is None:
        return f"an unreadable boot marker: {line}"
    if _image_in(slot, flash, recording) is None:
        return f"slot {slot.name} runs without holding a whole image: {line}"
    return ""


def _wrong_image(
    line: str | None, board: Board, flash: bytes, cut: Cut, recording: Recording
) -> str:
    """A whole image may be the wrong one: confirmed too early, or given up too late."""
    if line is None or VALID not in line:
        return ""
    slot, commit = _slot_of(line, board), recording.commit
    runs = None if slot is None else _image_in(slot, flash, recording)
    if runs == NEW and (commit is None or cut.is_before(commit)):
        return f"the new image runs as confirmed, which it never was: {line}"
    if runs == FACTORY and commit is not None and cut.is_after(commit):
        return f"the image before runs, though the new one was confirmed: {line}"
    return ""


def _slot_of(line: str, board: Board) -> Slot | None:
    found = BOOT_MARKER.search(line)
    slots = {slot.name: slot for slot in board.flash.slots}
    return None if found is None else slots.get(found["slot"])


def _image_in(slot: Slot, flash: bytes, recording: Recording) -> str | None:
    """Which of the images that may run the slot holds, all of it."""
    images = recording.images.items()
    start = slot.address
    return next((n for n, image in images if flash[start : start + len(image)] == image), None)
