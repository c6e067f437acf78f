"""Lists in pages (job service §7.1): `maxResults` and an opaque `nextToken`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from rig.jobs.control.context import Members
from rig.jobs.control.errors import INVALID_REQUEST, ControlError

DEFAULT_RESULTS = 100

_T = TypeVar("_T")


def page(
    found: Sequence[_T], members: Members, default: int = DEFAULT_RESULTS, size: str = "maxResults"
) -> tuple[Sequence[_T], str | None]:
    """The part of a list that a request asks for, and the token of the next part."""
    token = members.get("nextToken") or members.get("marker")
    start = 0 if token is None else _place(token)
    end = start + members.get(size, default)
    return found[start:end], None if end >= len(found) else _token(end)


def _token(place: int) -> str:
    return base64.urlsafe_b64encode(f"from {place}".encode()).decode()


def _place(token: str) -> int:
    try:
        word, _, number = base64.urlsafe_b64decode(token).decode("ascii").partition(" ")
        if word == "from" and number.isdecimal():
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise ControlError(INVALID_REQUEST, "nextToken is not one that this service has given")
