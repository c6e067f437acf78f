"""Which instructions the watch on the flash takes for the write of a word."""

from __future__ import annotations

import pytest

from targets.virtual.flash_watch import word_store

REGISTERS = {0: 0x11, 1: 0x5000, 2: 0x20, 3: 0x33}


@pytest.mark.parametrize(
    ("instruction", "wanted"),
    [
        (0x6008, (0x5000, 0x11)),  # str r0, [r1]
        (0x604B, (0x5004, 0x33)),  # str r3, [r1, #4]
        (0x5088, (0x5020, 0x11)),  # str r0, [r1, r2]
        (0x6808, None),  # ldr r0, [r1]
        (0x7008, None),  # strb r0, [r1]
        (0x8008, None),  # strh r0, [r1]
        (0x2000, None),  # movs r0, #0
    ],
    ids=str,
)
def test_word_stores(instruction: int, wanted: tuple[int, int] | None) -> None:
    assert word_store(instruction, lambda number: REGISTERS.get(number, 0)) == wanted
