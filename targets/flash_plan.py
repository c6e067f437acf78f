"""What the flash of a device is to hold after provisioning, and what to do about it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.errors import BenchError
from targets.board import Board
from targets.device_page import device_page
from targets.driver import Connection
from targets.firmware_image import part_file
from targets.sections import Slot

ERASED = 0xFF
HEADER = struct.Struct("<4s8xI")
"""Magic and the image's size in bytes."""
HEADER_SIZE = 64
MAGIC = b"OTIM"


@dataclass(frozen=True)
class Piece:
    """Bytes that a stretch of flash is to hold; erased ones stand for what is not written.

    `slot` and `image_size` (bytes) are those of an image, which need not fill its slot; `file` is
    the name of the part that the board file names.
    """

    what: str
    address: int
    content: bytes
    slot: str = ""
    image_size: int = 0
    file: str = ""

    @property
    def is_erased(self) -> bool:
        return self.content.count(ERASED) == len(self.content)


def pieces(board: Board, factory_image: bytes, connection: Connection) -> list[Piece]:
    """Everything that provisioning puts into flash. Raises `BenchError`."""
    flash, first = board.flash, board.flash.slots[0]
    if len(factory_image) > first.size:
        raise BenchError(
            f"device {board.name!r}: the factory image has {len(factory_image)} bytes, slot "
            f"{first.name} has room for {first.size}; mend image.factory or flash.slots"
        )
    found = [
        Piece(part.file, part.address, part_file(part.file).read_bytes(), file=part.file)
        for part in flash.parts
    ]
    if flash.device_page is not None:
        page = device_page(board, connection.thing, connection.signer_keys)
        padding = -len(page) % flash.sector_size
        found.append(Piece("device page", flash.device_page, page + bytes([ERASED]) * padding))
    found += [
        Piece("erased", region.address, bytes([ERASED]) * region.size) for region in flash.erase
    ]
    for slot in flash.slots:
        content = factory_image if slot is first else b""
        found.append(
            Piece(
                f"slot {slot.name}",
                slot.address,
                content.ljust(slot.size, bytes([ERASED])),
                slot.name if content else "",
                len(content),
            )
        )
    return found


def sectors_to_change(wanted: Piece, present: bytes, sector_size: int) -> list[Piece]:
    """The sectors of a piece that differ from what is in flash."""
    changes = []
    for start in range(0, len(wanted.content), sector_size):
        content = wanted.content[start : start + sector_size]
        if content != present[start : start + sector_size]:
            changes.append(Piece(wanted.what, wanted.address + start, content))
    return changes


def stretch_of(piece: Piece, sectors: Sequence[Piece]) -> Piece:
    """The part of a piece from the first of its sectors here to the last, which are in order."""
    first, last = sectors[0].address, sectors[-1].address + len(sectors[-1].content)
    content = piece.content[first - piece.address : last - piece.address]
    return Piece(piece.what, first, content)


def has_header(image: bytes) -> bool:
    """Whether these bytes begin as an image of the reference format does."""
    return len(image) >= HEADER_SIZE and HEADER.unpack_from(image)[0] == MAGIC


def image_in(board: Board, slot: Slot, read: Callable[[int, int], bytes]) -> bytes:
    """The image in a slot, by `read(address, length)`; empty for none."""
    if board.flash.image_length == "trimmed":
        return read(slot.address, slot.size).rstrip(bytes([ERASED]))
    start = read(slot.address, HEADER_SIZE)
    _, size = HEADER.unpack_from(start)
    if not has_header(start) or not HEADER_SIZE <= size <= slot.size:
        return b""
    return start + read(slot.address + HEADER_SIZE, size - HEADER_SIZE)
