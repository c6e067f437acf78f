"""The `Range` header of a download (job service §6)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SINGLE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


@dataclass(frozen=True)
class ByteRange:
    """First and last byte, both included."""

    first: int
    last: int

    def content_range(self, total: int) -> str:
        return f"bytes {self.first}-{self.last}/{total}"


class UnsatisfiableRange(ValueError):  # noqa: N818 - named as HTTP names it
    """No byte of the file is in the range."""


def parse_range(header: str | None, total: int) -> ByteRange | None:
    """The part that is asked for, None for the whole file.

    What is no single byte range counts as no header at all (RFC 9110 §14.2), several ranges too.
    Raises `UnsatisfiableRange`.
    """
    match = _SINGLE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        length = min(int(last), total)
        if length == 0:
            raise UnsatisfiableRange
        return ByteRange(total - length, total - 1)
    if last and int(last) < int(first):
        return None
    if int(first) >= total:
        raise UnsatisfiableRange
    return ByteRange(int(first), min(int(last), total - 1) if last else total - 1)
