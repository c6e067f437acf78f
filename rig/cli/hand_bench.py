"""One device on the bench by hand: what `flash`, `reset` and `console` have in common."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from rig.by_hand import factory_image
from rig.cli.board_needs import ensure_board_needs
from rig.cli.main import parser
from rig.errors import UsageError
from rig.trace import RecorderSwitch
from targets.board import Board, load_board
from targets.driver import Connection, Driver
from targets.drivers import open_driver
from targets.virtual.bus import bench_folder

DEFAULT_BOARD = "microbit-v1-virtual"
GATEWAY = "127.0.0.1:1883"


def hand_parser(verb: str, description: str) -> argparse.ArgumentParser:
    """The parser of a verb that works on one board."""
    words = parser(verb, description)
    words.add_argument(
        "--board",
        default=DEFAULT_BOARD,
        metavar="NAME|FILE",
        help=f"a board of `otarig boards`, or a board file; default: {DEFAULT_BOARD}",
    )
    words.add_argument(
        "--gateway",
        default=GATEWAY,
        metavar="HOST:PORT",
        help=f"where the device's MQTT goes to, without TLS; default: {GATEWAY}",
    )
    return words


def connection(board: Board, gateway: str) -> Connection:
    """Where the device goes to. Raises `UsageError` for what is no HOST:PORT."""
    host, _, port = gateway.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--gateway {gateway!r} is no HOST:PORT, such as {GATEWAY}")
    return Connection(board.thing, host, int(port))


@contextmanager
def hand_bench(options: argparse.Namespace, recorder: RecorderSwitch) -> Iterator[Driver]:
    """The driver of the board that the options name; closed at the end, whatever happens."""
    board = load_board(options.board)
    connection(board, options.gateway)
    ensure_board_needs(board)
    driver = open_driver(board, bench_folder(), recorder)
    try:
        yield driver
    finally:
        driver.close()


def take_as_it_is(board: Board, driver: Driver, target: Connection) -> None:
    """Use the device with what is in its flash; one that keeps nothing is flashed first."""
    if board.driver == "process":
        driver.provision(factory_image(board), target)
    else:
        driver.attach(target)
