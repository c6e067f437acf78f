"""The control plane's HTTP side: read, authenticate, dispatch by service, answer."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging

from aiohttp import web

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey
from rig.jobs.control import s3
from rig.jobs.control.apis import APIS, Api
from rig.jobs.control.authentication import SignedRequest, authenticate
from rig.jobs.control.context import Context
from rig.jobs.control.errors import (
    INTERNAL_FAILURE,
    INVALID_REQUEST,
    UNMODELLED,
    ControlError,
    json_response,
    xml_response,
)
from rig.jobs.control.model import RawCall
from rig.jobs.control.regions import Regions
from rig.jobs.requests import BadRequest, read_object
from rig.jobs.settings import MIB

_log = logging.getLogger(__name__)

# aws-chunked bodies carry chunk heads and a trailer beside the content.
_FRAMING = MIB
_S3 = "s3"
_S3_SCOPE = "/s3/aws4_request"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNKNOWN_STATUS = 400


class ControlPlane:
    """Answers what an AWS client with the access key asks.

    It shares the download server's port: requests that are signed in a header, or that name an
    operation, are its own. Which service and region are meant, the signature's scope says (§7.1).
    """

    def __init__(self, regions: Regions, key: AccessKey, clock: Clock) -> None:
        self._regions = regions
        self._key = key
        self._clock = clock
        self._numbers = itertools.count(1)

    def wants(self, request: web.BaseRequest) -> bool:
        """True if the request is for the control plane and not a download."""
        if "Authorization" in request.headers:
            return True
        path, _, query = request.raw_path.partition("?")
        presigned = "X-Amz-Signature=" in query
        return not presigned and any(
            api.model.find(request.method, path) is not None for api in APIS.values()
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer; every failure is one of the modelled errors."""
        request_id = f"{next(self._numbers):016x}"
        # Until the signature is checked this is only how to word a refusal.
        service = _S3 if _S3_SCOPE in request.headers.get("Authorization", "") else ""
        try:
            signed = await self._read(request)
            scope = authenticate(signed, self._key, self._clock)
            service = scope.service
            context = self._regions.of_scope(scope.region)
            # In a thread: a commit or a hash of an image must not hold up the devices.
            return await asyncio.to_thread(_dispatch, context, service, signed, request_id)
        except ControlError as error:
            failure = error
        except UsageError as error:
            failure = ControlError(INVALID_REQUEST, str(error))
        except Exception:
            _log.exception("%s %s failed", request.method, request.raw_path)
            failure = ControlError(INTERNAL_FAILURE, "the service failed, its log says how")
        status = UNMODELLED.get(failure.name, _UNKNOWN_STATUS)
        if service == _S3:
            return xml_response(failure, status, request_id)
        return json_response(failure, status, request_id)

    async def _read(self, request: web.BaseRequest) -> SignedRequest:
        limit = self._regions.contexts[0].service.settings.max_file + _FRAMING
        too_large = ControlError("EntityTooLarge", f"the body is larger than {limit} bytes")
        if (request.content_length or 0) > limit:
            raise too_large
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(_CONTINUE)
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > limit:
                raise too_large
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return SignedRequest(request.method, path, query, headers, bytes(body))


def _dispatch(
    context: Context, service: str, signed: SignedRequest, request_id: str
) -> web.Response:
    if service == _S3:
        return s3.answer(context.service, signed, request_id)
    api = APIS.get(service)
    found = None if api is None else api.model.find(signed.method, signed.raw_path)
    if api is None or found is None:
        raise ControlError(
            "UnknownOperationException",
            f"{service} has no {signed.method} {signed.raw_path} here",
        )
    operation, path = found
    try:
        answer = _carry_out(context, api, operation, path, signed)
    except ControlError as error:
        status = api.model.status_of(operation, error.name)
        if status is None:
            raise
        return json_response(error, status, request_id)
    body = b"" if answer is None else json.dumps(answer).encode()
    headers = {"x-amzn-RequestId": request_id, "Content-Type": "application/json"}
    return web.Response(status=200, body=body, headers=headers)


def _carry_out(
    context: Context, api: Api, operation: str, path: dict[str, str], signed: SignedRequest
) -> dict[str, object] | None:
    try:
        body = read_object(signed.body, context.service.settings)
    except BadRequest as bad:
        raise ControlError(api.invalid, bad.message) from bad
    query = dict(sigv4.decode_query(signed.raw_query))
    call = RawCall(path, query, signed.headers, body)
    return api.carry_out(context, operation, call)
