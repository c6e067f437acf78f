"""Base64 in job documents, with the library's tolerances (OTA spec §4.2)."""

from __future__ import annotations

import base64
import re
from typing import NoReturn

from agent.protocol.codes import Base64Status

_ALPHABET = re.compile(r"[A-Za-z0-9+/]*+")
_SYMBOLS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_MAX_PADDING = 2
_LINE_ENDS = str.maketrans("", "", "\r\n")


class Base64Error(ValueError):
    """The text is not base64; ``status`` is the library's code for what is wrong."""

    def __init__(self, status: Base64Status, message: str) -> None:
        super().__init__(message)
        self.status = status


def decode(text: str, max_size: int | None = None) -> bytes:
    """The bytes of a base64 text. Raises :class:`Base64Error`.

    Standard alphabet; the padding may be missing; line ends count for nothing; blanks may stand at
    the very end. The bits that are left over must be 0. More than ``max_size`` bytes are refused.
    """
    text = text.translate(_LINE_ENDS)
    found = _ALPHABET.match(text)
    symbols = found.group() if found else ""
    _check_end(text[len(symbols) :])
    if len(symbols) % 4 == 1:
        _refuse(Base64Status.INVALID_INPUT_SIZE, f"{len(symbols)} symbols cannot be decoded")
    if max_size is not None and len(symbols) * 3 // 4 > max_size:
        _refuse(
            Base64Status.INVALID_BUFFER_SIZE,
            f"{len(symbols) * 3 // 4} bytes are more than the {max_size} there is room for",
        )
    content = base64.b64decode(symbols + "=" * (-len(symbols) % 4))
    if base64.b64encode(content).rstrip(b"=") != symbols.encode("ascii"):
        _refuse(Base64Status.NON_ZERO_PADDING, "the bits left over are not 0")
    return content


def _check_end(end: str) -> None:
    """What follows the symbols: padding, then blanks, then nothing."""
    padding = len(end) - len(end.lstrip("="))
    rest = end[padding:].lstrip(" ")
    if not rest:
        if padding > _MAX_PADDING:
            _refuse(Base64Status.INVALID_PADDING_SYMBOL, f"{padding} padding symbols are too many")
    elif rest[0] in _SYMBOLS or rest[0] == "=":
        _refuse(Base64Status.INVALID_SYMBOL_ORDERING, f"{rest[0]!r} follows the padding or a blank")
    else:
        _refuse(Base64Status.INVALID_SYMBOL, f"{rest[0]!r} is not a base64 symbol")


def _refuse(status: Base64Status, message: str) -> NoReturn:
    raise Base64Error(status, message)
