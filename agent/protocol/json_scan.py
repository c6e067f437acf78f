"""Reading JSON text in place, as the OTA library does: by looking for keys, not by parsing.

The library never builds a tree. It skips over values until it meets the key it wants, so text that
is broken *behind* that key does no harm, and values are found as they are written, escapes and
blanks included (OTA spec §4.2). These functions do the same. They take no more memory than the text
has, and nothing nests deeper than :data:`MAX_DEPTH`.
"""

from __future__ import annotations

import contextlib
import re
from typing import NamedTuple

MAX_DEPTH = 32
"""Collections within collections that a value may have, itself included."""

_SPACE = re.compile(r"[ \t\n\r]*+")
_STRING_TEXT = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})[^"\\\x00-\x1f]*+)*+"'
_STRING = re.compile(_STRING_TEXT)
_LEAF = re.compile(
    _STRING_TEXT + r"|-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null"
)
_CLOSING = {"{": "}", "[": "]"}


class _BrokenTextError(Exception):
    """The text cannot be read further."""


class Value(NamedTuple):
    """A value where it stands: ``text[start:end]``."""

    start: int
    end: int


def is_json(text: str) -> bool:
    """Whether the text is one JSON value, not nested too deep, and nothing else."""
    try:
        end = _end_of_value(text, _after_space(text, 0), MAX_DEPTH, {})
    except _BrokenTextError:
        return False
    return _after_space(text, end) == len(text)


def members(text: str, start: int) -> dict[str, Value]:
    """The members of the object that begins at or after ``start``, by key as written.

    Of equal keys the first counts. Members behind the place where the text breaks are missing; so
    are all if there is no object.
    """
    found: dict[str, Value] = {}
    start = _after_space(text, start)
    if text[start : start + 1] == "{":
        with contextlib.suppress(_BrokenTextError):
            _end_of_value(text, start, MAX_DEPTH, found)
    return found


def raw(text: str, value: Value) -> str:
    """A value as written; of a string, what stands between its quotes."""
    start, end = value
    return text[start + 1 : end - 1] if text[start] == '"' else text[start:end]


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _end_of_value(text: str, at: int, room: int, found: dict[str, Value] | None) -> int:
    """Skip the value at ``at``. If it is an object, put its members into ``found``."""
    leaf = _LEAF.match(text, at)
    if leaf:
        return leaf.end()
    closing = _CLOSING.get(text[at : at + 1])
    if closing is None or not room:
        raise _BrokenTextError
    at = _after_space(text, at + 1)
    if text[at : at + 1] == closing:
        return at + 1
    while True:
        at = _end_of_item(text, at, room - 1, found if closing == "}" else None, closing == "}")
        at = _after_space(text, at)
        mark = text[at : at + 1]
        if mark == closing:
            return at + 1
        if mark != ",":
            raise _BrokenTextError
        at = _after_space(text, at + 1)


def _end_of_item(
    text: str, at: int, room: int, found: dict[str, Value] | None, has_key: bool
) -> int:
    """Skip an element, or a key and its value."""
    if not has_key:
        return _end_of_value(text, at, room, None)
    key = _STRING.match(text, at)
    if key is None:
        raise _BrokenTextError
    colon = _after_space(text, key.end())
    if text[colon : colon + 1] != ":":
        raise _BrokenTextError
    start = _after_space(text, colon + 1)
    end = _end_of_value(text, start, room, None)
    if found is not None:
        found.setdefault(key.group()[1:-1], Value(start, end))
    return end
