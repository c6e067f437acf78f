"""Updates after a cut: the one that was interrupted comes to an end, and the next one succeeds.

The board is given the flash that the cut left, and the job is still there. Several boards side by
side share the cuts, each with a process and a bench of its own (rig.lanes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from agent.protocol.image import Behaviour, read_header
from rig.bench import Bench, BenchOptions
from rig.errors import BenchError
from rig.lanes import Ended, Lane, Lost, listen, open_lanes
from rig.powercut.cuts import Cut, Moment
from rig.powercut.operations import Kind, Layout, Part
from rig.powercut.recording import NEW, Recording, chip_of
from rig.scenario import Scenario
from rig.scenario.device import DeviceFailure
from rig.scenario.images import Image
from targets.board import Board

NEXT_AFTER = 4
"""After each so many cuts whose update ended well the next one is tried, too."""
OTHERS_EVERY = 25
"""Of the other cuts one in so many is followed by updates."""


@dataclass(frozen=True)
class FollowUp:
    """What became of the updates after the cut of this place in the list.

    `status` is the terminal one of the interrupted update; `tried_next` whether another followed.
    """

    place: int
    status: str
    tried_next: bool
    flaw: str


def worth_following(cuts: Sequence[Cut], recording: Recording, layout: Layout) -> list[Cut]:
    """The cuts that updates follow on: those in and after an erase or a word of a header, a marker
    or the boot state, and a sample of the others.

    What a cut before an operation leaves is what one after the operation before it leaves. Up to
    the trial a rollback is an update, so of one only what comes thereafter counts.
    """
    found: list[Cut] = []
    others = 0
    for cut in cuts:
        if recording.commit is None and cut.is_before(recording.armed):
            continue
        is_data = cut.operation.kind is Kind.WRITE and layout.part(cut.operation) is Part.DATA
        if cut.moment is not Moment.BEFORE and not is_data:
            found.append(cut)
            continue
        others += 1
        if others % OTHERS_EVERY == 0:
            found.append(cut)
    return found


def follow_up(
    board: Board,
    cuts: Sequence[Cut],
    recording: Recording,
    jobs: int,
    goes_on: Callable[[FollowUp], bool],
) -> None:
    """Have updates follow each of the cuts, on so many boards at a time. Raises `BenchError`.

    `goes_on` hears of each and says whether there are to be more.
    """
    trouble: list[str] = []

    def heard(lane: Lane, told: object) -> None:
        enough = False
        if isinstance(told, FollowUp):
            enough = not goes_on(told)
        elif isinstance(told, Lost):
            trouble.append(f"the process of board {lane.number + 1} has died")
        elif isinstance(told, Ended):
            trouble.extend(told.bench_errors)
        if trouble or enough:
            for each in lanes:
                each.end()

    lanes = open_lanes(
        len(cuts), min(jobs, len(cuts)), lambda lane: _run(lane, board, cuts, recording)
    )
    listen(lanes, heard)
    if trouble:
        raise BenchError(trouble[0])


def _run(lane: Lane, board: Board, cuts: Sequence[Cut], recording: Recording) -> Ended:
    """What a lane does, in its own process."""
    try:
        with ExitStack() as stack:
            bench = Bench(board, BenchOptions()).open()
            stack.callback(bench.close)
            own_page = device_page(board)
            for turn, place in enumerate(lane.tests):
                lane.told.send(
                    followed(bench, board, place, cuts[place], recording, own_page, turn)
                )
    except KeyboardInterrupt:
        return Ended((), (), "", "interrupted")
    except BenchError as error:
        return Ended((), (str(error),), "")
    return Ended((), (), "")


def device_page(board: Board) -> tuple[int, bytes]:
    """Where the board is told who it is and whom to trust, and what: by this bench."""
    address = board.flash.device_page
    assert address is not None
    return address, chip_of(board).stored_flash()[address : address + board.flash.sector_size]


def followed(
    bench: Bench,
    board: Board,
    place: int,
    cut: Cut,
    recording: Recording,
    own_page: tuple[int, bytes],
    turn: int,
) -> FollowUp:
    """Have updates follow that cut; `turn` counts the cuts of this board. Raises `BenchError`."""
    address, page = own_page
    flash = cut.flash[:address] + page + cut.flash[address + len(page) :]
    status, tried_next = "", False
    with bench.scenario(f"cut-{cut.number}-{cut.moment.value}") as scenario:
        try:
            update = scenario.cloud.offer(_image(recording))
            if not cut.is_before(recording.armed):
                scenario.cloud.was_told(
                    update, {"self_test": "ready", "updatedBy": _factory(scenario)}
                )
            chip_of(board).store_flash(flash)
            scenario.device.start_as_it_is()
            status = scenario.device.ends(update).status
            tried_next = status != "SUCCEEDED" or turn % NEXT_AFTER == 0
            if tried_next:
                scenario.proves_alive()
        except DeviceFailure as failure:
            which = "the next update fails" if status else "the update does not come to an end"
            return FollowUp(place, status, tried_next, f"{which}: {failure}")
    return FollowUp(place, status, tried_next, "")


def _factory(scenario: Scenario) -> str:
    return f"0x{scenario.device.factory.version.packed:08x}"


def _image(recording: Recording) -> Image:
    """The image of the interrupted update, as it was."""
    content = recording.images[NEW]
    header = read_header(content)
    return Image(content, header.version, Behaviour(header.behaviour), header.marker.hex())
