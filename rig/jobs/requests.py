"""Payloads of job requests to commands (job service §1.2): JSON first, then every field.

Hostile bytes give a `BadRequest`, never another exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from rig.jobs.engine import Code, ExecutionStatus
from rig.jobs.engine.commands import (
    DROP_STEP_TIMER,
    Describe,
    DeviceCommand,
    GetPending,
    StartNext,
    Update,
)
from rig.jobs.engine.status import DEVICE_SETTABLE
from rig.jobs.settings import JobSettings

MAX_TOKEN_BYTES = 64
_MAX_DETAILS = 10
_MAX_DETAIL_KEY = 128
_MAX_DETAIL_VALUE = 1024
_STEP_MINUTES = range(1, 10_080 + 1)
_MAX_NUMBER = 2**63 - 1

_JOB_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_DETAIL_KEY = re.compile(r"[a-zA-Z0-9:_-]+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DECIMAL = re.compile(r"[0-9]{1,19}")
_JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_DEVICE_STATUSES = {status.value: status for status in DEVICE_SETTABLE}


class BadRequest(Exception):  # noqa: N818 - named as the service names it
    """The request is refused for its form; `code` is `InvalidJson` or `InvalidRequest`."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_object(payload: bytes, settings: JobSettings) -> dict[str, Any]:
    """The JSON object of a request; an empty payload counts as `{}`."""
    if len(payload) > settings.max_payload:
        _refuse(f"the payload has {len(payload)} bytes, at most {settings.max_payload} are taken")
    if not payload:
        return {}
    # Asked before parsing: the parser's own recursion must not be driven from outside (A12).
    if json_depth(payload) > settings.max_json_depth:
        _refuse(f"the JSON is nested deeper than {settings.max_json_depth}")
    try:
        value = json.loads(payload.decode("utf-8"), parse_constant=_refuse_constant)
    except ValueError as error:
        raise BadRequest(Code.INVALID_JSON, f"the payload is not JSON: {error}") from error
    if not isinstance(value, dict):
        _refuse("the payload is not a JSON object")
    return value


def json_depth(payload: bytes) -> int:
    """How deep objects and arrays are nested, in time linear in the payload."""
    depth = deepest = 0
    for byte in _JSON_STRING.sub(b"", payload):
        if byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def client_token(fields: Mapping[str, Any]) -> str | None:
    """The token to echo, if the request has one that is text. It is opaque and may repeat."""
    token = fields.get("clientToken")
    return token if isinstance(token, str) else None


def check_token(fields: Mapping[str, Any]) -> None:
    """Refuses a token that is no text or longer than 64 bytes."""
    token = fields.get("clientToken")
    if token is None:
        return
    if not isinstance(token, str):
        _refuse("clientToken is not a string")
    if len(token.encode("utf-8", "surrogatepass")) > MAX_TOKEN_BYTES:
        _refuse(f"clientToken is longer than {MAX_TOKEN_BYTES} bytes")


def get_pending(thing: str, fields: Mapping[str, Any]) -> DeviceCommand:
    check_token(fields)
    return GetPending(thing)


def start_next(thing: str, fields: Mapping[str, Any]) -> DeviceCommand:
    check_token(fields)
    return StartNext(thing, _status_details(fields), _step_minutes(fields, may_drop=False))


def describe(thing: str, job_id: str | None, fields: Mapping[str, Any]) -> DeviceCommand:
    """`job_id` None means `$next`."""
    check_token(fields)
    if job_id is not None:
        check_job_id(job_id)
    return Describe(
        thing,
        job_id,
        _integer(fields, "executionNumber"),
        include_document=_boolean(fields, "includeJobDocument", default=True),
    )


def update(thing: str, job_id: str, fields: Mapping[str, Any]) -> DeviceCommand:
    check_token(fields)
    check_job_id(job_id)
    return Update(
        thing,
        job_id,
        _status(fields),
        _status_details(fields),
        _expected_version(fields),
        _integer(fields, "executionNumber"),
        include_state=_boolean(fields, "includeJobExecutionState", default=False),
        include_document=_boolean(fields, "includeJobDocument", default=False),
        step_minutes=_step_minutes(fields, may_drop=True),
    )


def check_job_id(job_id: str) -> None:
    """Refuses what cannot be a job id (§3)."""
    if not _JOB_ID.fullmatch(job_id):
        _refuse("the job id is not 1 to 64 of a-z, A-Z, 0-9, underscore and dash")


def check_status_details(details: object) -> dict[str, str]:
    """The map of a `statusDetails` field (§1.2)."""
    if not isinstance(details, dict):
        _refuse("statusDetails is not an object")
    if len(details) > _MAX_DETAILS:
        _refuse(f"statusDetails has {len(details)} pairs, at most {_MAX_DETAILS} are taken")
    for key, value in details.items():
        if not (len(key) <= _MAX_DETAIL_KEY and _DETAIL_KEY.fullmatch(key)):
            _refuse("a key of statusDetails is not 1 to 128 of a-z, A-Z, 0-9, :, _ and -")
        if not isinstance(value, str):
            _refuse(f"statusDetails.{key} is not a string")
        if not 1 <= len(value) <= _MAX_DETAIL_VALUE:
            _refuse(f"statusDetails.{key} has not 1 to {_MAX_DETAIL_VALUE} characters")
        if _CONTROL_CHARACTER.search(value):
            _refuse(f"statusDetails.{key} has a control character")
    return details


def _status(fields: Mapping[str, Any]) -> ExecutionStatus:
    status = fields.get("status")
    if status is None:
        _refuse("status is missing")
    if not isinstance(status, str) or status not in _DEVICE_STATUSES:
        names = ", ".join(sorted(_DEVICE_STATUSES))
        _refuse(f"status is none of those that a device may set: {names}")
    return _DEVICE_STATUSES[status]


def _status_details(fields: Mapping[str, Any]) -> dict[str, str] | None:
    details = fields.get("statusDetails")
    return None if details is None else check_status_details(details)


def _expected_version(fields: Mapping[str, Any]) -> int | None:
    """A number, or decimal text as the C Jobs library writes it (trap 8)."""
    version = fields.get("expectedVersion")
    if isinstance(version, str):
        if not _DECIMAL.fullmatch(version):
            _refuse("expectedVersion is no decimal number")
        return int(version)
    return _integer(fields, "expectedVersion")


def _integer(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    # True and False are integers to Python, but not to JSON.
    if not isinstance(value, int) or isinstance(value, bool):
        _refuse(f"{name} is not an integer")
    if not 0 <= value <= _MAX_NUMBER:
        _refuse(f"{name} is out of range")
    return value


def _boolean(fields: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        _refuse(f"{name} is neither true nor false")
    return value


def _step_minutes(fields: Mapping[str, Any], *, may_drop: bool) -> int | None:
    minutes = fields.get("stepTimeoutInMinutes")
    if minutes is None:
        return None
    if not isinstance(minutes, int) or isinstance(minutes, bool):
        _refuse("stepTimeoutInMinutes is not an integer")
    if not (minutes in _STEP_MINUTES or (may_drop and minutes == DROP_STEP_TIMER)):
        _refuse("stepTimeoutInMinutes is out of range")
    return minutes


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _refuse(message: str) -> NoReturn:
    raise BadRequest(Code.INVALID_REQUEST, message)
