"""Reading small JSON messages from a stranger: bounded, strict, and with one kind of error."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from agent.protocol.json_scan import is_json

MAX_MESSAGE = 128 * 1024
"""Bytes of the largest MQTT message of the service."""


class JsonError(Exception):
    """The bytes are not a JSON object; the message says why."""


def read_object(payload: bytes, max_size: int = MAX_MESSAGE) -> dict[str, Any]:
    """The object in ``payload``; of equal keys the first counts. Raises :class:`JsonError`.

    Refused are, before anything is built of them: more than ``max_size`` bytes, text that is not
    UTF-8, nesting deeper than 32, and words like ``NaN`` that JSON does not have.
    """
    if len(payload) > max_size:
        raise JsonError(f"the message has {len(payload)} bytes, at most {max_size} are read")
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise JsonError(f"the message is not UTF-8: {error.reason} at {error.start}") from None
    if not is_json(text):
        raise JsonError("the message is not JSON, or is nested too deep")
    try:
        value = json.loads(text, object_pairs_hook=_first_wins, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        # Digits beyond Python's limit for integers.
        raise JsonError(f"the message cannot be read: {error}") from None
    if not isinstance(value, dict):
        raise JsonError("the message is not a JSON object")
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(reversed(pairs))


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")
