"""`otarig flash`: put the factory image into a device, read it back and start it once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from rig.by_hand import factory_image, wait_for_boot
from rig.cli.hand_bench import connection, hand_bench, hand_parser
from rig.errors import UsageError
from rig.trace import Header, Recorder, RecorderSwitch
from targets.board import load_board


def run(arguments: Sequence[str]) -> int:
    words = hand_parser("flash", __doc__ or "")
    words.add_argument(
        "--image", type=Path, metavar="FILE", help="another factory image than the board's own"
    )
    options = words.parse_args(arguments)
    board = load_board(options.board)
    recorder = Recorder(Header("flash", board.name, board.thing, {}))
    with hand_bench(options, RecorderSwitch(recorder)) as driver:
        image = factory_image(board) if options.image is None else _content(options.image)
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


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the image {path}: {error.strerror}") from None
