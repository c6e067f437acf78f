"""`otarig console`: a device's console; what is typed goes to it as commands, until Ctrl-C."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, TextIO

from rig.cli.hand_bench import connection, hand_bench, hand_parser, take_as_it_is
from rig.errors import BenchError
from rig.trace import Event, Header, Recorder, RecorderSwitch
from targets.board import load_board
from targets.driver import Driver

LOOK_S = 0.1
"""Between two looks whether the device is still there."""


class ConsoleSwitch(RecorderSwitch):
    """Prints console lines as they are recorded, and goes on when no more of them are kept."""

    _has_room = True

    def spend(self, source: str, size: int) -> bool:
        self._has_room = super().spend(source, size)
        return True

    def record(self, channel: str, kind: str, **data: Any) -> Event | None:
        if channel == "console":
            print(data["text"], flush=True)
            if not self._has_room:
                return None
        return super().record(channel, kind, **data)


def run(arguments: Sequence[str]) -> int:
    words = hand_parser("console", __doc__ or "")
    words.add_argument(
        "--seconds", type=float, metavar="S", help="end after so long; default: at Ctrl-C"
    )
    options = words.parse_args(arguments)
    board = load_board(options.board)
    switch = ConsoleSwitch(Recorder(Header("console", board.name, board.thing, {})))
    with hand_bench(options, switch) as driver:
        take_as_it_is(board, driver, connection(board, options.gateway))
        driver.power_on()
        reading = threading.Thread(target=_obey, args=(sys.stdin, driver), daemon=True)
        reading.start()
        deadline = None if options.seconds is None else time.monotonic() + options.seconds
        try:
            while deadline is None or time.monotonic() < deadline:
                if not driver.is_running():
                    raise BenchError(f"device {board.name!r} stopped running")
                time.sleep(LOOK_S)
        except KeyboardInterrupt:
            pass
    return 0


def _obey(lines: TextIO, driver: Driver) -> None:
    for line in lines:
        words = line.split()
        if words:
            try:
                driver.command(words[0], *words[1:])
            except BenchError as error:
                print(f"otarig console: {error}", file=sys.stderr)
