"""`otarig flash`: put the factory image into a device, read it back and start it once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rig.by_hand import factory_image, wait_for_boot
from rig.cli.hand_bench import connection, hand_bench, hand_parser
from rig.errors import UsageError
from rig.trace import Header, Recorder, RecorderSwitch
from targets.board import Board, load_board
from targets.flash_plan import has_header


def run(arguments: Sequence[str]) -> int:
    words = hand_parser("flash", __doc__ or "")
    words.add_argument(
        "--image", type=Path, metavar="FILE", help="another factory image than the board's own"
    )
    options = words.parse_args(arguments)
    board = load_board(options.board)
    # Before anything is erased for it.
    given = b"" if options.image is None else _content(options.image, board)
    recorder = Recorder(Header("flash", board.name, board.thing, {}))
    with hand_bench(options, RecorderSwitch(recorder)) as driver:
        image = factory_image(board) if options.image is None else given
        started = time.monotonic()
        driver.provision(image, connection(board, options.gateway))
        taken = time.monotonic() - started
        written = sum(
            event.data.get("sectors", 0) for event in recorder.events if event.kind == "FLASH"
        )
        for reading in driver.read_slots():
            print(f"slot {reading.slot}: {reading.length} bytes, sha256 {reading.sha256}")
        print(f"flashed and read back in {taken:.2f} s, {written} sectors written")
        driver.power_on()
        boot = wait_for_boot(board, driver)
        print(f"runs {boot.version} from slot {boot.slot}, marker {boot.marker}")
    return 0


def _content(path: Path, board: Board) -> bytes:
    """The image in the file. Raises `UsageError` for what the board cannot hold as one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the image {path}: {error.strerror}") from None
    slots = board.flash.slots
    if not content:
        raise UsageError(f"the image {path} is empty; give the file that the build makes")
    if slots and len(content) > slots[0].size:
        raise UsageError(
            f"the image {path} has {len(content)} bytes, slot {slots[0].name} has room for "
            f"{slots[0].size}; give a smaller one"
        )
    if slots and board.flash.image_length == "header" and not has_header(content):
        raise UsageError(
            f"the image {path} does not begin with the header that the board's images have "
            "(flash.image_length); give the file that the build makes"
        )
    return content
