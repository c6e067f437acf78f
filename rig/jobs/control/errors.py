"""Errors of the control plane as AWS's service models have them (job service §7.1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from aiohttp import web

from rig.jobs.engine import Code
from rig.jobs.refusal import RefusalError


@dataclass(frozen=True)
class Shape:
    """A modelled exception and the HTTP status it travels with."""

    name: str
    status: int


INVALID_REQUEST = Shape("InvalidRequestException", 400)
NOT_FOUND = Shape("ResourceNotFoundException", 404)
ALREADY_EXISTS = Shape("ResourceAlreadyExistsException", 409)
INVALID_STATE_TRANSITION = Shape("InvalidStateTransitionException", 409)
VERSION_CONFLICT = Shape("VersionConflictException", 409)
INTERNAL_FAILURE = Shape("InternalFailureException", 500)
MISSING_TOKEN = Shape("MissingAuthenticationToken", 403)
INCOMPLETE_SIGNATURE = Shape("IncompleteSignature", 403)
UNKNOWN_KEY = Shape("InvalidClientTokenId", 403)
WRONG_SIGNATURE = Shape("SignatureDoesNotMatch", 403)
EXPIRED = Shape("RequestExpired", 403)
UNKNOWN_OPERATION = Shape("UnknownOperationException", 404)
TOO_LARGE = Shape("EntityTooLarge", 400)
WRONG_DIGEST = Shape("XAmzContentSHA256Mismatch", 400)

_SHAPES = {
    Code.INVALID_REQUEST: INVALID_REQUEST,
    Code.RESOURCE_NOT_FOUND: NOT_FOUND,
    Code.RESOURCE_ALREADY_EXISTS: ALREADY_EXISTS,
    Code.INVALID_STATE_TRANSITION: INVALID_STATE_TRANSITION,
    Code.VERSION_MISMATCH: VERSION_CONFLICT,
}


@dataclass(frozen=True)
class ControlError(Exception):
    """A request that is answered with an error; `extra` are further members of its body."""

    shape: Shape
    message: str
    extra: Mapping[str, str] = field(default_factory=dict)


def of_refusal(refusal: RefusalError) -> ControlError:
    """The engine's refusal as the shape that the models have for it."""
    return ControlError(_SHAPES.get(refusal.code, INVALID_REQUEST), str(refusal))


def json_response(error: ControlError, request_id: str) -> web.Response:
    """As rest-json services answer."""
    body = {"message": error.message, **error.extra}
    headers = {
        "x-amzn-ErrorType": error.shape.name,
        "x-amzn-RequestId": request_id,
        "Content-Type": "application/json",
    }
    return web.Response(status=error.shape.status, body=json.dumps(body).encode(), headers=headers)


def xml_response(error: ControlError, request_id: str) -> web.Response:
    """As S3 answers."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(error.shape.name)}</Code>"
        f"<Message>{escape(error.message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    headers = {"Content-Type": "application/xml", "x-amz-request-id": request_id}
    return web.Response(status=error.shape.status, body=text.encode(), headers=headers)
