"""Errors of the control plane, by the names that AWS's service models have (job service §7.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import web

from rig.jobs.engine import Code
from rig.jobs.refusal import RefusalError

INVALID_REQUEST = "InvalidRequestException"
NOT_FOUND = "ResourceNotFoundException"
ALREADY_EXISTS = "ResourceAlreadyExistsException"
INTERNAL_FAILURE = "InternalFailureException"

UNMODELLED = {
    INVALID_REQUEST: 400,
    INTERNAL_FAILURE: 500,
    "MissingAuthenticationToken": 403,
    "IncompleteSignature": 403,
    "InvalidClientTokenId": 403,
    "SignatureDoesNotMatch": 403,
    "RequestExpired": 403,
    "UnknownOperationException": 404,
    "EntityTooLarge": 400,
    "XAmzContentSHA256Mismatch": 400,
    "NoSuchKey": 404,
    "InvalidRange": 416,
}
"""The status of errors that come before an operation is known, or that its model leaves out."""

IOT_ERRORS = {
    Code.INVALID_REQUEST: INVALID_REQUEST,
    Code.RESOURCE_NOT_FOUND: NOT_FOUND,
    Code.RESOURCE_ALREADY_EXISTS: ALREADY_EXISTS,
    Code.INVALID_STATE_TRANSITION: "InvalidStateTransitionException",
    Code.VERSION_MISMATCH: "VersionConflictException",
    Code.LIMIT_EXCEEDED: "LimitExceededException",
}
"""The engine's refusals in the words of `iot`."""

JOBS_DATA_ERRORS = {
    Code.INVALID_REQUEST: INVALID_REQUEST,
    Code.RESOURCE_NOT_FOUND: NOT_FOUND,
    Code.INVALID_STATE_TRANSITION: "InvalidStateTransitionException",
    Code.VERSION_MISMATCH: "InvalidStateTransitionException",
    Code.TERMINAL_STATE_REACHED: "TerminalStateException",
}
"""The engine's refusals in the words of `iot-jobs-data`."""

SIGNER_ERRORS = {Code.RESOURCE_NOT_FOUND: NOT_FOUND}
"""The refusals in the words of `signer`."""


@dataclass(frozen=True)
class ControlError(Exception):
    """A request that is answered with an error; `extra` are further members of its body."""

    name: str
    message: str
    extra: Mapping[str, object] = field(default_factory=dict)


def of_refusal(refusal: RefusalError, names: Mapping[Code, str], invalid: str) -> ControlError:
    """The engine's refusal as the service's model has it."""
    return ControlError(names.get(refusal.code, invalid), str(refusal))


def json_response(error: ControlError, status: int, request_id: str) -> web.Response:
    """As rest-json services answer."""
    # `signer` has the name in the body too.
    body = {"message": error.message, "code": error.name, **error.extra}
    headers = {
        "x-amzn-ErrorType": error.name,
        "x-amzn-RequestId": request_id,
        "Content-Type": "application/json",
    }
    return web.Response(status=status, body=json.dumps(body).encode(), headers=headers)


def xml_response(error: ControlError, status: int, request_id: str) -> web.Response:
    """As S3 answers."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(error.name)}</Code>"
        f"<Message>{escape(error.message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    return web.Response(status=status, body=text.encode(), headers=headers)
