"""Board files: those that come with the rig are whole, and a mistake is told in one line."""

from __future__ import annotations

import itertools
import tomllib
from typing import Any

import pytest

from rig.errors import UsageError
from targets.board import BOARDS, MAX_FILE, board_names, load_board, parse_board, read_board
from targets.driver import Connection
from targets.firmware.image import SLOT_SIZE
from targets.flash_plan import pieces

PHYSICAL = "microbit-v1"
VIRTUAL = "microbit-v1-virtual"


@pytest.mark.parametrize("name", board_names())
def test_every_board_that_comes_with_the_rig_is_whole(name: str) -> None:
    board = load_board(name)
    assert board.name == name
    assert board.description


def test_there_is_a_board_of_every_kind() -> None:
    assert {load_board(name).driver for name in board_names()} == {"process", "pyocd", "command"}


def test_the_physical_micro_bit_is_the_virtual_one_but_for_how_it_is_reached() -> None:
    physical, virtual = load_board(PHYSICAL), load_board(VIRTUAL)
    assert physical.flash == virtual.flash
    assert physical.image == virtual.image
    assert physical.product == virtual.product
    assert physical.pyocd.target == virtual.pyocd.target
    assert physical.console == virtual.console


def test_the_slots_are_those_of_the_firmware() -> None:
    assert {slot.size for slot in load_board(VIRTUAL).flash.slots} == {SLOT_SIZE}


def test_no_two_pieces_of_flash_overlap() -> None:
    board = load_board(VIRTUAL)
    found = pieces(board, bytes(100), Connection("t", "h", 1))
    spans = sorted((piece.address, piece.address + len(piece.content)) for piece in found)
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def edited(name: str, section: str | None, **fields: Any) -> dict[str, Any]:
    """The table of a board file with some fields changed; None removes one."""
    table = tomllib.loads((BOARDS / f"{name}.toml").read_text())
    place = table if section is None else table.setdefault(section, {})
    for field, value in fields.items():
        if value is None:
            place.pop(field, None)
        else:
            place[field] = value
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            edited(VIRTUAL, None, driver="jtag"),
            r"driver is 'jtag': .*'process', 'pyocd', 'command'.*module:Class",
        ),
        (edited(VIRTUAL, "pyocd", target=None), r"pyocd\.target is missing; write it"),
        (edited(VIRTUAL, "flash", slots=None), r"flash\.slots is missing; write it"),
        (edited(VIRTUAL, "pyocd", probes="x"), r"pyocd\.probes is not a field .*spelling"),
        (edited(VIRTUAL, "flash", device_page="0xZZ"), r"flash\.device_page .*'0xZZ'"),
        (edited(VIRTUAL, "flash", device_page=2**32), r"flash\.device_page .*4294967296"),
        (edited(VIRTUAL, "console", kind="serial"), r"console\.url is missing; write it"),
        (edited(VIRTUAL, "console", kind="uart"), r"console\.kind is 'uart': .*'rtt'"),
        (edited(VIRTUAL, "power", kind="command"), r"power\.on is missing; write it"),
        (
            edited(VIRTUAL, "flash", device_page=0x5000),
            r"flash overlaps: \w+.* ends at 0x\w+, behind the beginning of \w+.* at 0x5000; mend",
        ),
        (edited("nucleo-f401re", "command", flash=None), r"command\.flash is missing; write it"),
        (edited("nucleo-f401re", "command", reset=None), r"command\.reset is missing; write it"),
    ],
)
def test_a_mistake_names_file_field_and_what_to_write(table: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=rf"^my\.toml: {message}") as caught:
        parse_board(table, "my.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["0x3800", "14336"])
def test_addresses_may_be_text(text: str) -> None:
    table = edited(VIRTUAL, "flash", device_page=text)
    assert parse_board(table, "my.toml").flash.device_page == 0x3800


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\xff", "is not UTF-8"),
        (b"name = ", "is not valid TOML"),
        (b"faults = " + b"9" * 5000, "is not valid TOML"),
        (b"name = " + b"[" * 5000, "nested too deep"),
        (b"name." + b"a." * 3000 + b"b = 1", "name is "),
        (b'name = "' + b"x" * 5000 + b'"', "name is 'xxx"),
        (b"x" * 5000 + b" = 1", "is missing|is not a field"),
        (b"#" * (MAX_FILE + 1), "no board file"),
    ],
    ids=["bytes", "half", "digits", "brackets", "dots", "long-value", "long-name", "large"],
)
def test_a_hostile_file_is_a_mistake_too(content: bytes, what: str) -> None:
    with pytest.raises(UsageError, match=what) as caught:
        read_board(content, "board.toml")
    assert str(caught.value).startswith("board.toml: ")
    assert len(str(caught.value)) < 1000
