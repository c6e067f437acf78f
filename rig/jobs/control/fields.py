"""Members of a request's body, taken with their types."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.requests import BadRequest, read_object
from rig.jobs.settings import JobSettings


def body_of(body: bytes, settings: JobSettings) -> dict[str, Any]:
    """The JSON object of a body, bounded in size and depth; an empty body is `{}`."""
    try:
        return read_object(body, settings)
    except BadRequest as bad:
        raise ControlError(INVALID_REQUEST, bad.message) from bad


def take(fields: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """The member if it is there and of this type, None if it is not there."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ControlError(INVALID_REQUEST, f"{name} is not of type {kind.__name__}")
    return value


def need(fields: Mapping[str, Any], name: str, kind: type[Any]) -> Any:
    """The member, which has to be there."""
    value = take(fields, name, kind)
    if value is None:
        raise ControlError(INVALID_REQUEST, f"{name} is missing")
    return value


def blob(fields: Mapping[str, Any], name: str) -> bytes:
    """A blob, which travels as base64."""
    try:
        return base64.b64decode(need(fields, name, str), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ControlError(INVALID_REQUEST, f"{name} is not base64") from error


def flag(query: Mapping[str, str], name: str) -> bool:
    """A boolean of the query string."""
    value = query.get(name, "false")
    if value not in {"true", "false"}:
        raise ControlError(INVALID_REQUEST, f"{name} is neither true nor false")
    return value == "true"


def text_of(answer: Mapping[str, Any]) -> bytes:
    """An answer's body; members that are None are left out."""
    return json.dumps({k: v for k, v in answer.items() if v is not None}).encode()
