"""`otarig reset`: start a device with what is in its flash, reset it, show that it boots."""

from __future__ import annotations

from collections.abc import Sequence

from rig.by_hand import wait_for_boot
from rig.cli.hand_bench import connection, hand_bench, hand_parser, take_as_it_is
from rig.trace import RecorderSwitch
from targets.board import load_board


def run(arguments: Sequence[str]) -> int:
    options = hand_parser("reset", __doc__ or "").parse_args(arguments)
    board = load_board(options.board)
    with hand_bench(options, RecorderSwitch()) as driver:
        take_as_it_is(board, driver, connection(board, options.gateway))
        driver.power_on()
        before = wait_for_boot(board, driver)
        driver.reset()
        boot = wait_for_boot(board, driver, after=before.number)
        print(f"reset: runs {boot.version} from slot {boot.slot}, marker {boot.marker}")
    return 0
