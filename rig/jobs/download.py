"""The download server: presigned GET and HEAD of objects, with ranges (job service §6).

Every request and response is recorded on the trace's `http` channel. It is the instrument of the
HTTP scenarios too: armed faults spoil answers.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import os
import ssl
from collections.abc import Sequence
from email.utils import formatdate
from typing import Protocol
from urllib.parse import unquote
from weakref import WeakKeyDictionary
from xml.sax.saxutils import escape

from aiohttp import web

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs import sigv4
from rig.jobs.http_faults import (
    AnswerStatus,
    Close,
    HttpFault,
    HttpFaults,
    NoAnswer,
    Slow,
    Truncate,
    WholeFile,
    describe,
)
from rig.jobs.http_range import UnsatisfiableRange, parse_range
from rig.jobs.objects import ObjectStore, StoredObject
from rig.jobs.presign import Access, Presigner
from rig.trace import RecorderSwitch

_log = logging.getLogger(__name__)

# How long a client that is refused may go on sending, and the last answers may take at the end.
_LINGER_SECONDS = 1.0
_METHODS = ("GET", "HEAD")
_FAULT_CODES = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}


class HttpFace(Protocol):
    """Something else on the same port; its requests are none of the device's."""

    def wants(self, request: web.BaseRequest) -> bool: ...

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse: ...


class DownloadServer:
    """Serves the objects of a store to whoever has a presigned URL.

    `port` 0 picks a free one; with `tls` the server speaks HTTPS. The first of `faces` that
    wants a request gets it, unrecorded. Belongs to the event loop that starts it.
    """

    def __init__(
        self,
        objects: ObjectStore,
        clock: Clock,
        recorder: RecorderSwitch,
        presigner: Presigner,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        faces: Sequence[HttpFace] = (),
        *,
        share_port: bool = False,
    ) -> None:
        """With `share_port` other processes of the same user may listen on the same port."""
        self._faces = faces
        self._objects = objects
        self._clock = clock
        self._recorder = recorder
        self._presigner = presigner
        self._host = host
        self._wanted_port = port
        self._tls = tls
        self._share_port = share_port
        self._runner: web.ServerRunner | None = None
        self._port = 0
        self._numbers = itertools.count(1)
        self._connections: WeakKeyDictionary[asyncio.BaseTransport, int] = WeakKeyDictionary()
        self._stopping = asyncio.Event()
        self.faults = HttpFaults()

    @property
    def port(self) -> int:
        return self._port

    @property
    def base_url(self) -> str:
        """Scheme, host and port, for example `https://127.0.0.1:8443`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self._port}"

    async def start(self) -> None:
        """Listen, and tell the presigner where. Raises `UsageError` if that cannot be."""
        server = web.Server(self._handle, access_log=None, lingering_time=_LINGER_SECONDS)
        runner = web.ServerRunner(server, shutdown_timeout=_LINGER_SECONDS)
        await runner.setup()
        site = web.TCPSite(
            runner,
            self._host,
            self._wanted_port,
            ssl_context=self._tls,
            reuse_port=self._share_port or None,
        )
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            # asyncio words its own text around the system's; it names the address once more.
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else error.strerror or str(error)
            raise UsageError(
                f"cannot listen for HTTP on {self._host}:{self._wanted_port}: {why}; "
                "choose another port, or end the program that uses it"
            ) from error
        self._runner = runner
        self._port = runner.addresses[0][1]
        self._presigner.base_url = self.base_url

    async def stop(self) -> None:
        """Close the port and every connection."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        for face in self._faces:
            if face.wants(request):
                return await face.handle(request)
        number = self._connection_number(request)
        self._recorder.record(
            "http",
            "REQUEST",
            dir="from_device",
            conn=number,
            method=request.method,
            target=request.raw_path,
            headers=dict(request.headers),
        )
        fault = self.faults.strike()
        if fault is not None:
            self._recorder.record(
                "rig", "FAULT", conn=number, what="http", action=describe(fault.action)
            )
        return await self._answer(request, number, fault)

    async def _answer(
        self, request: web.BaseRequest, number: int, fault: HttpFault | None
    ) -> web.StreamResponse:
        action = None if fault is None else fault.action
        if isinstance(action, Close):
            _abort(request)
            return web.Response(status=500)
        if isinstance(action, NoAnswer):
            await self._stopping.wait()
            return web.Response(status=500)
        if isinstance(action, AnswerStatus):
            code = _FAULT_CODES.get(action.status, "InternalError")
            response = _error(action.status, code, "This failure was ordered", _id(number))
        else:
            response = self._serve(request, number, whole=isinstance(action, WholeFile))
        body = response.body if isinstance(response.body, bytes) else b""
        if isinstance(action, Truncate):
            self._record_response(response, number, body[: action.length])
            return await _send_part(request, response, body, action.length)
        if isinstance(action, Slow):
            return await self._send_slowly(request, response, number, action.seconds)
        self._record_response(response, number, body)
        return response

    async def _send_slowly(
        self, request: web.BaseRequest, response: web.Response, number: int, seconds: float
    ) -> web.StreamResponse:
        """Send the head after so long, and the body after as long again."""
        body = response.body if isinstance(response.body, bytes) else b""
        slow = web.StreamResponse(status=response.status, headers=response.headers)
        slow.content_length = len(body)
        await asyncio.sleep(seconds)
        await slow.prepare(request)
        await asyncio.sleep(seconds)
        self._record_response(response, number, body)
        await slow.write(body)
        await slow.write_eof()
        return slow

    def _serve(self, request: web.BaseRequest, number: int, *, whole: bool) -> web.Response:
        if request.method not in _METHODS:
            response = _error(
                405, "MethodNotAllowed", "The method is not allowed against this", _id(number)
            )
            response.headers["Allow"] = ", ".join(_METHODS)
            return response
        raw_path, _, raw_query = request.raw_path.partition("?")
        path = unquote(raw_path)
        access = self._presigner.check(
            request.method, path, sigv4.decode_query(raw_query), request.headers.get("Host", "")
        )
        if access is not Access.GRANTED:
            return _error(403, access.code, access.message, _id(number))
        stored = self._find(path)
        if stored is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.", _id(number))
        return content_response(
            stored, None if whole else request.headers.get("Range"), _id(number)
        )

    def _find(self, path: str) -> StoredObject | None:
        bucket, _, key = path.removeprefix("/").partition("/")
        try:
            return self._objects.get(bucket, key)
        except UsageError:
            return None

    def _connection_number(self, request: web.BaseRequest) -> int:
        transport = request.transport
        if transport is None:
            return 0
        if transport not in self._connections:
            self._connections[transport] = next(self._numbers)
        return self._connections[transport]

    def _record_response(self, response: web.Response, number: int, body: bytes) -> None:
        self._recorder.record(
            "http",
            "RESPONSE",
            dir="to_device",
            conn=number,
            status=response.status,
            headers=dict(response.headers),
            length=len(body),
            sha256=hashlib.sha256(body).hexdigest(),
        )


def content_response(stored: StoredObject, header: str | None, request_id: str) -> web.Response:
    """The object, or the part of it that a `Range` header asks for (§6)."""
    total = len(stored.content)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{stored.etag}"',
        "Last-Modified": formatdate(stored.modified, usegmt=True),
        "Content-Type": "application/octet-stream",
    }
    try:
        part = parse_range(header, total)
    except UnsatisfiableRange:
        response = _error(416, "InvalidRange", "The requested range is not satisfiable", request_id)
        response.headers["Content-Range"] = f"bytes */{total}"
        return response
    if part is None:
        return web.Response(status=200, body=stored.content, headers=headers)
    headers["Content-Range"] = part.content_range(total)
    body = stored.content[part.first : part.last + 1]
    return web.Response(status=206, body=body, headers=headers)


def _id(number: int) -> str:
    return f"{number:016X}"


def _error(status: int, code: str, message: str, request_id: str) -> web.Response:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{request_id}</RequestId></Error>"
    )
    return web.Response(
        status=status, body=text.encode(), headers={"Content-Type": "application/xml"}
    )


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _send_part(
    request: web.BaseRequest, response: web.Response, body: bytes, length: int
) -> web.StreamResponse:
    """Send the head of the whole answer and the first bytes of its body, then close."""
    partial = web.StreamResponse(status=response.status, headers=response.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[:length])
    if request.transport is not None:
        request.transport.close()
    return partial
