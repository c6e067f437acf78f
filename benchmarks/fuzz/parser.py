"""What a fuzzed parser is: a check that any bytes must pass, and bytes to begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

PIECES = (1, 2, 7, 64)
"""Bytes that come in at once; which of them, the input's first byte says."""


@dataclass(frozen=True)
class Parser:
    """One parser under fuzz.

    `check` takes any bytes and raises only if the parser is wrong: another error than its own, a
    value that is not written as it was read, a buffer without bound. `seeds` are good inputs to
    begin with; `max_length` is in bytes.
    """

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    max_length: int = 1024


def in_pieces(data: bytes) -> Iterator[bytes]:
    """The data behind its first byte, cut up as that byte says."""
    size = PIECES[data[0] % len(PIECES)] if data else 1
    for start in range(1, len(data), size):
        yield data[start : start + size]
