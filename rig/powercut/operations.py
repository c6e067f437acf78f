"""Flash operations as a run showed them, and what each of them touches. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

ERASED_WORD = 0xFFFF_FFFF
WORD = 4
HEADER_SIZE = 64
MARKER = range(36, 52)
"""Where an image's header has its marker."""


class Kind(Enum):
    """What the flash controller does."""

    ERASE = "erase"
    WRITE = "write"


class Part(Enum):
    """What an operation touches."""

    STATE = "state"
    HEADER = "header"
    MARKER = "marker"
    DATA = "data"
    OTHER = "other"
    """Neither an image nor the boot state: nothing that an update should touch."""


@dataclass(frozen=True)
class Operation:
    """One erase of a page or one write of a word; `value` is the word that is written."""

    kind: Kind
    address: int
    value: int = ERASED_WORD


@dataclass(frozen=True)
class Layout:
    """Where what is, in bytes from the beginning of the flash."""

    page_size: int
    slots: tuple[range, ...]
    state: tuple[range, ...]
    """Where the boot loader keeps which image runs."""

    def part(self, operation: Operation) -> Part:
        """What the operation touches; an erase of an image's first page is one of its header."""
        if any(operation.address in stretch for stretch in self.state):
            return Part.STATE
        for slot in self.slots:
            if operation.address in slot:
                offset = operation.address - slot.start
                if operation.kind is Kind.WRITE and offset in MARKER:
                    return Part.MARKER
                return Part.HEADER if offset < HEADER_SIZE else Part.DATA
        return Part.OTHER

    def described(self, operation: Operation) -> str:
        return f"{operation.kind.value} {operation.address:#07x} ({self.part(operation).value})"


def apply(flash: bytearray, operation: Operation, page_size: int) -> None:
    """Do it whole: an erase sets all bits of its page, a write only clears bits."""
    at = operation.address
    if operation.kind is Kind.ERASE:
        start = at - at % page_size
        flash[start : start + page_size] = b"\xff" * page_size
        return
    old = int.from_bytes(flash[at : at + WORD], "little")
    flash[at : at + WORD] = (old & operation.value).to_bytes(WORD, "little")


def replay(before: bytes, log: Sequence[Operation], page_size: int) -> bytes:
    """What the flash holds after the whole log."""
    flash = bytearray(before)
    for operation in log:
        apply(flash, operation, page_size)
    return bytes(flash)
