"""S3's objects, path style: how images get into the object store, and out again."""

from __future__ import annotations

import re
from urllib.parse import unquote

from aiohttp import web

from rig.jobs.control.authentication import STREAMED, SignedRequest
from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.download import content_response
from rig.jobs.objects import check_name
from rig.jobs.service import JobService

_QUERIES = {
    "PUT": {"", "x-id=PutObject"},
    "GET": {"", "x-id=GetObject"},
    "HEAD": {""},
}
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[^\r\n]*)?\r\n")


def answer(service: JobService, request: SignedRequest, request_id: str) -> web.Response:
    """Store or give the object of the path; raises `ControlError` and `UsageError`."""
    bucket, _, key = unquote(request.raw_path).removeprefix("/").partition("/")
    if not key and request.method in {"PUT", "HEAD"} and not request.raw_query:
        # Every bucket is there already: it is a part of an object's name, and nothing else.
        check_name(bucket, "any")
        headers = {"Location": f"/{bucket}", "x-amz-request-id": request_id}
        return web.Response(status=200, headers=headers)
    if not key or request.raw_query not in _QUERIES.get(request.method, ()):
        raise ControlError(
            "UnknownOperationException",
            "of S3 this service has CreateBucket, HeadBucket and Put-, Get- and HeadObject only",
        )
    if request.method == "PUT":
        body = request.body
        if request.headers.get("x-amz-content-sha256") == STREAMED:
            body = _unchunk(body)
        stored = service.put_object(bucket, key, body)
        return web.Response(status=200, headers=_headers(stored.etag, request_id))
    found = service.objects.get(bucket, key)
    if found is None:
        raise ControlError("NoSuchKey", "The specified key does not exist.")
    response = content_response(found, request.headers.get("range"), request_id)
    response.headers["x-amz-request-id"] = request_id
    return response


def _headers(etag: str, request_id: str) -> dict[str, str]:
    return {"ETag": f'"{etag}"', "x-amz-request-id": request_id}


def _unchunk(body: bytes) -> bytes:
    """The content of an `aws-chunked` body; its trailer holds only checksums."""
    content = bytearray()
    place = 0
    while True:
        head = _CHUNK_HEAD.match(body, place)
        if head is None:
            raise ControlError(INVALID_REQUEST, "the aws-chunked body is malformed")
        size = int(head[1], 16)
        if size == 0:
            return bytes(content)
        end = head.end() + size
        if body[end : end + 2] != b"\r\n":
            raise ControlError(INVALID_REQUEST, "the aws-chunked body is malformed")
        content += body[head.end() : end]
        place = end + 2
