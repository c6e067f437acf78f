"""The bitmap of blocks still wanted (OTA spec §6.2)."""

from __future__ import annotations


class BlockBitmap:
    """One bit per block of a file, all wanted at first.

    Block i is bit ``i & 7`` (least significant first) of byte ``i >> 3``; bits beyond the last
    block are 0. Methods raise ``IndexError`` for a block that the file does not have.
    """

    def __init__(self, n_blocks: int) -> None:
        if n_blocks < 0:
            raise ValueError(f"a file cannot have {n_blocks} blocks")
        self._n_blocks = n_blocks
        self._bits = bytearray(b"\xff" * (n_blocks // 8))
        if n_blocks % 8:
            self._bits.append((1 << n_blocks % 8) - 1)
        self._remaining = n_blocks

    def __len__(self) -> int:
        return self._n_blocks

    @property
    def remaining(self) -> int:
        """Number of blocks still wanted."""
        return self._remaining

    def wanted(self, index: int) -> bool:
        """Whether block ``index`` is still wanted."""
        self._check(index)
        return bool(self._bits[index >> 3] >> (index & 7) & 1)

    def clear(self, index: int) -> None:
        """Block ``index`` is stored. Clearing it again changes nothing."""
        if self.wanted(index):
            self._bits[index >> 3] ^= 1 << (index & 7)
            self._remaining -= 1

    def to_bytes(self) -> bytes:
        """``ceil(n_blocks / 8)`` bytes, as they go into a stream request."""
        return bytes(self._bits)

    def _check(self, index: int) -> None:
        if not 0 <= index < self._n_blocks:
            raise IndexError(f"block {index} of a file with {self._n_blocks} blocks")
