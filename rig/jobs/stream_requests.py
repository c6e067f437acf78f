"""Payloads of stream requests: read with the shared codec, then held against the limits (§4.4)."""

from __future__ import annotations

from typing import Any

from agent.protocol.cbor_map import CborError, read_map
from agent.protocol.json_text import JsonError, read_object
from agent.protocol.stream import StreamError, StreamRequest, decode_request
from rig.jobs.requests import MAX_TOKEN_BYTES
from rig.jobs.stream_errors import StreamCode, StreamFormat, StreamRefusal

_BLOCK_SIZES = range(256, 131_072 + 1)
_MAX_OFFSET = 98_304
_MAX_COUNT = 98_304
_BITMAP_LIMIT = 12_288
_MAX_DESCRIBE = 1024
# Room for the longest bitmap, as JSON text.
_MAX_SEARCHED = 32 * 1024


def read_get(payload: bytes, fmt: StreamFormat) -> StreamRequest:
    """The request of a `get/F`; raises `StreamRefusal`."""
    try:
        request = decode_request(payload, fmt)
    except StreamError as error:
        token = _token_in(payload, fmt)
        raise StreamRefusal(StreamCode(error.code), error.message, token) from error
    for wrong, code, message in _violations(request):
        if wrong:
            raise StreamRefusal(code, message, request.client_token)
    return request


def _violations(request: StreamRequest) -> list[tuple[bool, StreamCode, str]]:
    count, bitmap = request.count, request.bitmap
    return [
        (
            request.block_size not in _BLOCK_SIZES,
            StreamCode.BLOCK_SIZE_OUT_OF_BOUNDS,
            "the block size is not 256 to 131072",
        ),
        (
            not 0 <= request.offset <= _MAX_OFFSET,
            StreamCode.OFFSET_OUT_OF_BOUNDS,
            f"the block offset is not 0 to {_MAX_OFFSET}",
        ),
        (
            count is not None and not 0 <= count <= _MAX_COUNT,
            StreamCode.BLOCK_COUNT_LIMIT_EXCEEDED,
            f"the number of blocks is not 0 to {_MAX_COUNT}",
        ),
        (
            bitmap is not None and len(bitmap) >= _BITMAP_LIMIT,
            StreamCode.BLOCK_BITMAP_LIMIT_EXCEEDED,
            f"the bitmap does not have less than {_BITMAP_LIMIT} bytes",
        ),
    ]


def read_describe(payload: bytes, fmt: StreamFormat) -> str | None:
    """The client token of a `describe/F`, if it has one; an empty payload is legal."""
    if not payload:
        return None
    if len(payload) > _MAX_DESCRIBE:
        raise StreamRefusal(
            StreamCode.INVALID_REQUEST, f"the payload has more than {_MAX_DESCRIBE} bytes"
        )
    members = _members(payload, fmt)
    token = members.get("c", members.get("clientToken"))
    if token is None:
        return None
    if not isinstance(token, str):
        raise StreamRefusal(StreamCode.INVALID_REQUEST, "the client token is not a string")
    if len(token.encode("utf-8", "surrogatepass")) > MAX_TOKEN_BYTES:
        raise StreamRefusal(
            StreamCode.INVALID_REQUEST,
            f"the client token is longer than {MAX_TOKEN_BYTES} bytes",
            token,
        )
    return token


def _token_in(payload: bytes, fmt: StreamFormat) -> str | None:
    """The token of a request that is wrong otherwise, if it can be made out (§4.4)."""
    if len(payload) > _MAX_SEARCHED:
        return None
    try:
        token = _members(payload, fmt).get("c")
    except StreamRefusal:
        return None
    return token if isinstance(token, str) else None


def _members(payload: bytes, fmt: StreamFormat) -> dict[Any, Any]:
    try:
        if fmt == "json":
            return read_object(payload, _MAX_SEARCHED)
        return read_map(payload, _MAX_SEARCHED)
    except JsonError as error:
        raise StreamRefusal(StreamCode.INVALID_JSON, str(error)) from None
    except CborError as error:
        raise StreamRefusal(StreamCode.INVALID_CBOR, str(error)) from None
