"""Numbers in job documents (OTA spec §4.2): what C's ``strtoul`` makes of a text, in 32 bits."""

from __future__ import annotations

import re

MAX_NUMBER = 0xFFFF_FFFF

_NUMBER = re.compile(
    r"[ \t\n\v\f\r]*(?P<sign>[+-]?)"
    r"(?:0[xX](?P<hex>[0-9A-Fa-f]+)|(?P<octal>0[0-7]*)|(?P<decimal>[1-9][0-9]*))"
)
_BASES = {"hex": 16, "octal": 8, "decimal": 10}
# More digits than any 32-bit number has, so that a long row of them is not converted.
_MAX_DIGITS = 32


class NumberTextError(ValueError):
    """The text is no 32-bit number; the message says why."""


def parse_number_text(text: str) -> int:
    """The number that a JSON number or string stands for, 0 to 2^32 - 1.

    Decimal, ``0x`` hex and ``0`` octal, blanks and a sign in front; the empty text is 0. A negative
    number wraps: ``-1`` is 0xffffffff. Raises :class:`NumberTextError` if anything is left over, or
    if the number does not fit (as where ``unsigned long`` has 32 bits).
    """
    if not text:
        return 0
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise NumberTextError(f"{text[:40]!r} is not a number")
    base = next(name for name in _BASES if found[name] is not None)
    digits = found[base].lstrip("0") or "0"
    value = int(digits, _BASES[base]) if len(digits) <= _MAX_DIGITS else MAX_NUMBER + 1
    if value > MAX_NUMBER:
        raise NumberTextError(f"{text[:40]!r} does not fit into 32 bits")
    return -value & MAX_NUMBER if found["sign"] == "-" else value
