"""One watched update and one watched rollback: the log of their flash operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol.image import Behaviour
from rig.bench import Bench, BenchOptions
from rig.errors import BenchError, UsageError
from rig.powercut.operations import Kind, Layout, Operation, Part, replay
from rig.scenario import Scenario
from targets.board import Board
from targets.virtual.board import VirtualBoard
from targets.virtual.bus import BUS
from targets.virtual.flash_watch import FlashWatch
from targets.virtual.memory_map import FLASH_SIZE, FLASH_START

NEW, FACTORY = "new", "factory"
WATCHED_SLACK_S = 300.0
"""The device stands still at every word that it writes: it may take this much longer."""


@dataclass(frozen=True)
class Recording:
    """What one run did to the flash.

    `images` are all that may ever run: `NEW` and `FACTORY`. `armed` is the number of the first
    operation that gives the new one its trial, `commit` of that which ends its confirmation, None
    where it is never confirmed.
    """

    name: str
    before: bytes
    log: tuple[Operation, ...]
    images: dict[str, bytes]
    armed: int
    commit: int | None


def layout_of(board: Board) -> Layout:
    """Where the board file has slots and boot state. Raises `UsageError` without virtual board."""
    flash = board.flash
    if board.driver != "pyocd" or board.power.kind != "virtual" or board.console.kind != "rtt":
        raise UsageError(
            f"board {board.name!r} is no virtual board with an RTT console: cuts at single flash "
            "operations need one; name another with --board"
        )
    return Layout(
        flash.sector_size,
        tuple(range(slot.address, slot.address + slot.size) for slot in flash.slots),
        tuple(range(region.address, region.address + region.size) for region in flash.erase),
    )


def update(scenario: Scenario) -> dict[str, bytes]:
    """A good update, to its commit; the images there were."""
    device = scenario.device
    job = scenario.cloud.offer("1.0.1")
    device.reports(job, "SUCCEEDED", "accepted")
    return _named(job.image.content, device.factory.content)


def rollback(scenario: Scenario) -> dict[str, bytes]:
    """An update that refuses itself on trial, to the boot of the image before."""
    device = scenario.device
    images = scenario.cloud.images
    job = scenario.cloud.offer(images.make("1.0.1", behaviour=Behaviour.REJECT))
    report = device.reports(job, "FAILED", "rejected")
    device.returns_to(device.factory, since=report.position)
    return _named(job.image.content, device.factory.content)


def _named(new: bytes, factory: bytes) -> dict[str, bytes]:
    return {NEW: new, FACTORY: factory}


RUNS: dict[str, Callable[[Scenario], dict[str, bytes]]] = {"update": update, "rollback": rollback}
IN_SLOTS = frozenset({Part.DATA, Part.HEADER, Part.MARKER})
CONFIRMS = frozenset({"update"})
"""The runs that end with the new image confirmed."""


def record(board: Board, names: tuple[str, ...] = tuple(RUNS)) -> list[Recording]:
    """Run each on the bench, watched. Raises `BenchError`, `DeviceFailure`."""
    layout = layout_of(board)
    bench = Bench(board, BenchOptions()).open()
    try:
        return [_recorded(bench, layout, name) for name in names]
    finally:
        bench.close()


def chip_of(board: Board) -> VirtualBoard:
    """The virtual board that is on the bench. Raises `BenchError`."""
    chip = BUS.board(board.pyocd.probe.rpartition(":")[2])
    if chip is None:
        raise BenchError(f"the virtual board {board.pyocd.probe!r} is not plugged in")
    return chip


def _recorded(bench: Bench, layout: Layout, name: str) -> Recording:
    with bench.scenario(f"powercut-{name}") as scenario:
        scenario.device.start()
        return watched(scenario, layout, name)


def watched(scenario: Scenario, layout: Layout, name: str) -> Recording:
    """Watch one run in a scenario whose device has started, on a virtual board.

    Raises `BenchError`, `DeviceFailure`.
    """
    device = scenario.device
    chip = chip_of(device.board)
    log: list[Operation] = []
    # As in the field the other slot holds an older image: to be erased, page by page.
    chip.write(layout.slots[1].start, scenario.cloud.images.make("0.9.0").content)
    before = chip.read(FLASH_START, FLASH_SIZE)
    watch = FlashWatch(
        chip,
        (*layout.slots, *layout.state),
        lambda address: log.append(Operation(Kind.ERASE, address)),
        lambda address, word: log.append(Operation(Kind.WRITE, address, word)),
    )
    try:
        with device.standing_still(WATCHED_SLACK_S):
            images = RUNS[name](scenario)
    finally:
        watch.close()
    _check(chip, before, log, layout, name)
    return Recording(name, before, tuple(log), images, *_turning_points(log, layout, name))


def _turning_points(log: list[Operation], layout: Layout, name: str) -> tuple[int, int | None]:
    """Where the image is complete and the boot state begins to change, and where that ends."""
    in_slots = [n for n, operation in enumerate(log) if layout.part(operation) in IN_SLOTS]
    states = [n for n, operation in enumerate(log) if layout.part(operation) is Part.STATE]
    if not in_slots or not states:
        raise BenchError(f"the {name} wrote no image, or no boot state where flash.erase says")
    armed = next((n for n in states if n > in_slots[-1]), len(log))
    return armed, states[-1] if name in CONFIRMS else None


def _check(
    chip: VirtualBoard, before: bytes, log: list[Operation], layout: Layout, name: str
) -> None:
    """The log is complete if it leads from the flash before to the flash after."""
    wanted, found = replay(before, log, layout.page_size), chip.read(FLASH_START, FLASH_SIZE)
    if wanted != found:
        at = next(i for i, (a, b) in enumerate(zip(wanted, found, strict=True)) if a != b)
        raise BenchError(
            f"the log of the {name} is not complete: at {at:#07x} the flash differs from what "
            "its operations leave"
        )
