"""The bitmap of wanted blocks (OTA spec §6.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.bitmap import BlockBitmap

BYTES = [
    (0, ""),
    (1, "01"),
    (3, "07"),
    (8, "ff"),
    (9, "ff01"),
    (32, "ffffffff"),
    (98, "ff" * 12 + "03"),
]


@pytest.mark.parametrize(("blocks", "expected"), BYTES)
def test_all_blocks_are_wanted_at_first(blocks: int, expected: str) -> None:
    bitmap = BlockBitmap(blocks)
    assert bitmap.to_bytes().hex() == expected
    assert bitmap.remaining == len(bitmap) == blocks


def test_the_sequence_of_the_spec() -> None:
    """OTA spec §5.5 A: 0x07, 0x06, 0x04."""
    bitmap, seen = BlockBitmap(3), []
    for index in range(3):
        seen.append(bitmap.to_bytes().hex())
        bitmap.clear(index)
    assert seen == ["07", "06", "04"]
    assert bitmap.remaining == 0


def test_block_20_is_bit_4_of_byte_2() -> None:
    bitmap = BlockBitmap(24)
    bitmap.clear(20)
    assert bitmap.to_bytes().hex() == "ffffef"


@given(
    st.integers(0, 300).flatmap(
        lambda n: st.tuples(st.just(n), st.sets(st.integers(0, max(n - 1, 0))))
    )
)
def test_bits_are_the_blocks_not_cleared(case: tuple[int, set[int]]) -> None:
    blocks, stored = case
    stored = {index for index in stored if index < blocks}
    bitmap = BlockBitmap(blocks)
    for index in [*stored, *stored]:
        bitmap.clear(index)
    wanted = set(range(blocks)) - stored
    assert {index for index in range(blocks) if bitmap.wanted(index)} == wanted
    assert bitmap.remaining == len(wanted)
    as_number = sum(1 << index for index in wanted)
    assert bitmap.to_bytes() == as_number.to_bytes((blocks + 7) // 8, "little")


@pytest.mark.parametrize("index", [-1, 9, 15, 1 << 40])
def test_blocks_that_the_file_does_not_have(index: int) -> None:
    bitmap = BlockBitmap(9)
    with pytest.raises(IndexError, match="9 blocks"):
        bitmap.wanted(index)
    with pytest.raises(IndexError, match="9 blocks"):
        bitmap.clear(index)
    assert bitmap.remaining == 9


def test_a_file_has_no_negative_number_of_blocks() -> None:
    with pytest.raises(ValueError, match="-1 blocks"):
        BlockBitmap(-1)
