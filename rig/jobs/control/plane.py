"""The control plane's HTTP side: read, authenticate, dispatch by service, answer."""

from __future__ import annotations

import asyncio
import itertools
import logging
from urllib.parse import unquote

from aiohttp import web

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs import sigv4
from rig.jobs.access_key import AccessKey
from rig.jobs.control import fields, operations, s3
from rig.jobs.control.authentication import SignedRequest, authenticate
from rig.jobs.control.errors import (
    INTERNAL_FAILURE,
    INVALID_REQUEST,
    TOO_LARGE,
    UNKNOWN_OPERATION,
    ControlError,
    json_response,
    of_refusal,
    xml_response,
)
from rig.jobs.control.operations import Call, Context
from rig.jobs.refusal import RefusalError
from rig.jobs.settings import MIB

_log = logging.getLogger(__name__)

# aws-chunked bodies carry chunk heads and a trailer beside the content.
_FRAMING = MIB
_S3_SCOPE = "/s3/aws4_request"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class ControlPlane:
    """Answers what an AWS client with the access key asks.

    It shares the download server's port: requests that are signed in a header, or that name an
    operation, are its own.
    """

    def __init__(self, context: Context, key: AccessKey, clock: Clock) -> None:
        self._context = context
        self._key = key
        self._clock = clock
        self._numbers = itertools.count(1)

    def wants(self, request: web.BaseRequest) -> bool:
        """True if the request is for the control plane and not a download."""
        if "Authorization" in request.headers:
            return True
        path, _, query = request.raw_path.partition("?")
        presigned = "X-Amz-Signature=" in query
        return not presigned and operations.find(request.method, path) is not None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer; every failure is one of the modelled errors."""
        request_id = f"{next(self._numbers):016x}"
        # Until the signature is checked this is only how to word a refusal.
        service = "s3" if _S3_SCOPE in request.headers.get("Authorization", "") else "iot"
        try:
            signed = await self._read(request)
            service = authenticate(signed, self._key, self._clock)
            # In a thread: a commit or a hash of an image must not hold up the devices.
            return await asyncio.to_thread(
                self._dispatch, service, request.raw_path, signed, request_id
            )
        except ControlError as error:
            failure = error
        except RefusalError as error:
            failure = of_refusal(error)
        except UsageError as error:
            failure = ControlError(INVALID_REQUEST, str(error))
        except Exception:
            _log.exception("%s %s failed", request.method, request.raw_path)
            failure = ControlError(INTERNAL_FAILURE, "the service failed, its log says how")
        if service == "s3":
            return xml_response(failure, request_id)
        return json_response(failure, request_id)

    def _dispatch(
        self, service: str, raw_path: str, signed: SignedRequest, request_id: str
    ) -> web.Response:
        if service == "s3":
            stored = s3.put_object(self._context.service, signed)
            headers = {"ETag": f'"{stored.etag}"', "x-amz-request-id": request_id}
            return web.Response(status=200, headers=headers)
        found = operations.find(signed.method, raw_path.partition("?")[0])
        if service != "iot" or found is None:
            raise ControlError(
                UNKNOWN_OPERATION, f"{service} has no {signed.method} {signed.path} here"
            )
        operation, names = found
        body = fields.body_of(signed.body, self._context.service.settings)
        query = dict(sigv4.decode_query(signed.raw_query))
        answer = operation(self._context, Call(names, query, signed.headers, body))
        return web.Response(
            status=200,
            body=fields.text_of(answer),
            headers={"x-amzn-RequestId": request_id, "Content-Type": "application/json"},
        )

    async def _read(self, request: web.BaseRequest) -> SignedRequest:
        limit = self._context.service.settings.max_file + _FRAMING
        if (request.content_length or 0) > limit:
            raise ControlError(TOO_LARGE, f"the body is larger than {limit} bytes")
        if request.headers.get("Expect", "").lower() == "100-continue" and request.transport:
            request.transport.write(_CONTINUE)
        body = bytearray()
        async for piece in request.content.iter_any():
            body += piece
            if len(body) > limit:
                raise ControlError(TOO_LARGE, f"the body is larger than {limit} bytes")
        path, _, query = request.raw_path.partition("?")
        headers = {name.lower(): value for name, value in request.headers.items()}
        return SignedRequest(request.method, unquote(path), query, headers, bytes(body))
