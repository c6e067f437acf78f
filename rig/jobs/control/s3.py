"""S3's PutObject, path style: how images get into the object store."""

from __future__ import annotations

import re

from rig.errors import UsageError
from rig.jobs.control.authentication import STREAMED, SignedRequest
from rig.jobs.control.errors import INVALID_REQUEST, UNKNOWN_OPERATION, ControlError
from rig.jobs.objects import StoredObject
from rig.jobs.service import JobService

_PUT_QUERIES = ("", "x-id=PutObject")
_CHUNK_HEAD = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[^\r\n]*)?\r\n")


def put_object(service: JobService, request: SignedRequest) -> StoredObject:
    """Store the body under the bucket and key of the path; raises `ControlError`."""
    bucket, _, key = request.path.removeprefix("/").partition("/")
    if request.method != "PUT" or not key or request.raw_query not in _PUT_QUERIES:
        raise ControlError(UNKNOWN_OPERATION, "of S3 this service has PutObject only")
    body = request.body
    if request.headers.get("x-amz-content-sha256") == STREAMED:
        body = _unchunk(body)
    try:
        return service.put_object(bucket, key, body)
    except UsageError as error:
        raise ControlError(INVALID_REQUEST, str(error)) from error


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
