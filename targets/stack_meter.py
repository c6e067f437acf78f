"""How deep a firmware's stack has gone: painted over the debug wire, and looked at later.

The core stands before its first instruction when it is painted, so nothing in the firmware is
changed for it; a reset on the way keeps the paint, as RAM is not lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from rig.errors import BenchError, UsageError

PAINT = 0xA5A5A5A5
"""What FreeRTOS paints the stacks of its tasks with."""


class MemorySession(Protocol):
    """A hold on a chip's memory. Everything raises `BenchError`."""

    def read(self, address: int, length: int) -> bytes: ...

    def write_memory(self, address: int, words: Sequence[int]) -> None: ...


def find_stack(elf: Path, names: Sequence[str]) -> range:
    """The addresses between two symbols, the lower one first.

    Raises `BenchError` for a file that cannot be read, `UsageError` for names of no such stretch.
    """
    try:
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            if not isinstance(table, SymbolTableSection):
                raise BenchError(
                    f"{elf}: has no symbols, so the stack cannot be found in it; do not strip it "
                    "(the file that is flashed may be)"
                )
            low, high = (_address(table, name, elf) for name in names)
    except (OSError, ELFError) as error:
        raise BenchError(f"{elf}: cannot be read: {error}; is witness.elf right?") from None
    low, high = low + 3 & ~3, high & ~3
    if low >= high:
        raise UsageError(
            f"witness.stack: {names[0]!r} lies at {low:#x}, not below {names[1]!r} at {high:#x}; "
            "write the lower end of the stack first"
        )
    return range(low, high)


class StackMeter:
    """The stack of one device."""

    def __init__(self, stack: range) -> None:
        """`stack` are its addresses, in whole words."""
        self._stack = stack

    def paint(self, session: MemorySession) -> None:
        """With the core halted before anything has run."""
        session.write_memory(self._stack.start, [PAINT] * (len(self._stack) // 4))

    def deepest(self, session: MemorySession) -> int:
        """How many bytes have been in use at most since it was painted."""
        content = session.read(self._stack.start, len(self._stack))
        word = PAINT.to_bytes(4, "little")
        for offset in range(0, len(content), 4):
            if content[offset : offset + 4] != word:
                return len(content) - offset
        return 0


def _address(table: SymbolTableSection, name: str, elf: Path) -> int:
    found = table.get_symbol_by_name(name)
    if not found:
        raise UsageError(f"witness.stack: {elf} has no symbol {name!r}; `nm` lists what it has")
    return int(found[0]["st_value"])
