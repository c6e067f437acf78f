"""The chip powered on with what a cut left: what counts as a brick, on the real boot loader."""

from __future__ import annotations

import struct
import zlib

import pytest

from rig.powercut.cuts import Cut, Moment
from rig.powercut.operations import Kind, Operation
from rig.powercut.recording import Recording
from rig.powercut.sweep import sweep
from targets.board import Board, load_board
from targets.firmware_image import make_image, part_file
from targets.virtual.memory_map import ERASED, FLASH_SIZE

RECORDS = 0x4000
ARMED = 1
"""Phase of a boot record: the other slot's image is to be tried."""
OPERATION = Operation(Kind.ERASE, 0x5000)


@pytest.fixture(scope="module")
def board() -> Board:
    return load_board("microbit-v1-virtual").model_copy(update={"slack_s": 3.0})


@pytest.fixture(scope="module")
def images(board: Board) -> dict[str, bytes]:
    versions = {"factory": "1.0.0", "new": "1.0.1"}
    return {
        name: make_image(board, version, None, 0, bytes([number]) * 16)
        for number, (name, version) in enumerate(versions.items())
    }


class Flash:
    """What the chip holds, laid out by hand: the factory image in slot A."""

    def __init__(self, board: Board, images: dict[str, bytes]) -> None:
        self.content = bytearray([ERASED]) * FLASH_SIZE
        self.slot_a, self.slot_b = (slot.address for slot in board.flash.slots)
        self.put(0, part_file("firmware:boot").read_bytes())
        self.put(self.slot_a, images["factory"])

    def put(self, address: int, content: bytes) -> None:
        self.content[address : address + len(content)] = content

    def arm(self, image: bytes) -> None:
        """The other slot was found to hold this image, and is to be tried."""
        crc = zlib.crc32(image)
        body = struct.pack("<IIBBHII", 0x52424F54, 1, 0, ARMED, 0, len(image), crc)
        self.put(RECORDS, body + struct.pack("<I", zlib.crc32(body)))

    def flaw(self, board: Board, images: dict[str, bytes], commit: int | None = None) -> str:
        cut = Cut(0, OPERATION, Moment.AFTER, bytes(self.content))
        recording = Recording("by hand", b"", (), images, 0, commit)
        (outcome,) = sweep(board, [cut], recording, jobs=1)
        assert outcome.cut is cut
        return outcome.flaw


def test_factory_image_boots(board: Board, images: dict[str, bytes]) -> None:
    assert Flash(board, images).flaw(board, images) == ""


def test_trial_and_the_way_back(board: Board, images: dict[str, bytes]) -> None:
    flash = Flash(board, images)
    flash.put(flash.slot_b, images["new"])
    flash.arm(images["new"])
    assert flash.flaw(board, images) == ""


def test_trial_of_a_torn_image_is_not_begun(board: Board, images: dict[str, bytes]) -> None:
    flash = Flash(board, images)
    flash.put(flash.slot_b, images["new"][:-8])
    flash.arm(images["new"])
    assert flash.flaw(board, images) == ""


def test_torn_image_that_runs_is_a_brick(board: Board, images: dict[str, bytes]) -> None:
    flash = Flash(board, images)
    flash.put(flash.slot_a + len(images["factory"]) - 8, bytes(8))
    assert flash.flaw(board, images).startswith("slot A runs without holding a whole image: boot")


def test_no_image_is_a_brick(board: Board, images: dict[str, bytes]) -> None:
    flash = Flash(board, images)
    flash.put(flash.slot_a, bytes([ERASED]) * 64)
    assert flash.flaw(board, images) == "no boot marker within 3 s"


def test_no_boot_loader_is_a_brick(board: Board, images: dict[str, bytes]) -> None:
    flash = Flash(board, images)
    flash.put(0, bytes([ERASED]) * 1024)
    assert flash.flaw(board, images) == "the core locked up"
