"""How deep a stack has gone, on a memory that is a list."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from rig.errors import BenchError, UsageError
from targets.firmware_image import elf_file
from targets.stack_meter import StackMeter, find_stack

START = 0x2000_0000
STACK = range(START + 0x100, START + 0x400)


class Memory:
    """A session with 1 KiB of RAM."""

    def __init__(self) -> None:
        self.content = bytearray(0x400)

    def read(self, address: int, length: int) -> bytes:
        return bytes(self.content[address - START :][:length])

    def write_memory(self, address: int, words: Sequence[int]) -> None:
        for number, word in enumerate(words):
            place = address - START + 4 * number
            self.content[place : place + 4] = word.to_bytes(4, "little")


def test_deepest_use() -> None:
    memory, meter = Memory(), StackMeter(STACK)
    meter.paint(memory)
    assert meter.deepest(memory) == 0
    assert memory.content[:0x100] == bytes(0x100)  # What lies below is not touched.
    memory.content[0x3FF] = 0
    assert meter.deepest(memory) == 4
    memory.content[0x1F2] = 0  # Deeper; between the two the paint may stand.
    assert meter.deepest(memory) == 0x400 - 0x1F0
    memory.content[0x100] = 0
    assert meter.deepest(memory) == len(STACK)


def test_the_firmwares_stack() -> None:
    stack = find_stack(elf_file("firmware"), ("bss_end", "stack_top"))
    assert stack.stop == 0x2000_4000
    assert 6400 <= len(stack) < 0x4000
    assert stack.start % 4 == 0


def test_names_that_mean_nothing() -> None:
    with pytest.raises(UsageError, match=r"witness\.stack: .* has no symbol '__StackLimit'"):
        find_stack(elf_file("firmware"), ("__StackLimit", "stack_top"))
    with pytest.raises(UsageError, match="write the lower end of the stack first"):
        find_stack(elf_file("firmware"), ("stack_top", "bss_end"))


def test_no_elf(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no ELF")
    for name in ("text", "absent"):
        with pytest.raises(BenchError, match=r"is witness\.elf right"):
            find_stack(tmp_path / name, ("a", "b"))
