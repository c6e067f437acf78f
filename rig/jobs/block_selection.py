"""Which blocks answer a stream request (job service §4.2), in the lenient mode.

What a request names beyond the end of the file is skipped, so that every known client works.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

ANSWER_CAP = 131_072
"""At most so many payload bytes answer one request; the device asks again for the rest."""


def block_count(file_size: int, block_size: int) -> int:
    """How many blocks a file has, the last one perhaps short."""
    return -(-file_size // block_size)


def select_blocks(
    file_size: int, block_size: int, offset: int, bitmap: bytes | None, count: int | None
) -> list[int]:
    """The absolute numbers of the blocks to send, in order.

    `count` caps the blocks, not the window; without a bitmap they follow on from `offset`.
    """
    blocks = block_count(file_size, block_size)
    if count is None:
        count = ANSWER_CAP // block_size
    if bitmap is None:
        wanted: Iterator[int] = iter(range(offset, min(offset + count, blocks)))
    else:
        wanted = _named(bitmap, offset, blocks)
    chosen = []
    total = 0
    for block in islice(wanted, count):
        total += min(block_size, file_size - block * block_size)
        if total > ANSWER_CAP:
            break
        chosen.append(block)
    return chosen


def _named(bitmap: bytes, offset: int, blocks: int) -> Iterator[int]:
    """The blocks whose bit is set, least significant bit of byte 0 first."""
    for place, byte in enumerate(bitmap):
        first = offset + 8 * place
        if first >= blocks:
            return
        if byte:
            for bit in range(8):
                if byte >> bit & 1 and first + bit < blocks:
                    yield first + bit
