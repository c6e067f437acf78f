"""Refused stream requests: the codes of job service §4.4 and how they are written."""

from __future__ import annotations

import json
from enum import Enum
from typing import Literal

import cbor2

StreamFormat = Literal["cbor", "json"]

_INDEFINITE_MAP = b"\xbf"
_BREAK = b"\xff"


class StreamCode(Enum):
    """Why a stream request was refused."""

    INVALID_TOPIC = "InvalidTopic"
    INVALID_JSON = "InvalidJson"
    INVALID_CBOR = "InvalidCbor"
    INVALID_REQUEST = "InvalidRequest"
    UNAUTHORIZED = "Unauthorized"
    BLOCK_SIZE_OUT_OF_BOUNDS = "BlockSizeOutOfBounds"
    OFFSET_OUT_OF_BOUNDS = "OffsetOutOfBounds"
    BLOCK_COUNT_LIMIT_EXCEEDED = "BlockCountLimitExceeded"
    BLOCK_BITMAP_LIMIT_EXCEEDED = "BlockBitmapLimitExceeded"
    RESOURCE_NOT_FOUND = "ResourceNotFound"
    VERSION_MISMATCH = "VersionMismatch"
    ETAG_MISMATCH = "ETagMismatch"
    INTERNAL_ERROR = "InternalError"


class StreamRefusal(Exception):  # noqa: N818 - named as the service names it
    """A request is refused; `token` is the client's, if the request was readable that far."""

    def __init__(self, code: StreamCode, message: str, token: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.token = token


def encode_rejected(refusal: StreamRefusal, fmt: StreamFormat) -> bytes:
    """The payload for `rejected/F`: each key in both spellings (trap 13)."""
    members = {
        "code": refusal.code.value,
        "o": refusal.code.value,
        "message": refusal.message,
        "m": refusal.message,
    }
    if refusal.token is not None:
        members = {"clientToken": refusal.token, "c": refusal.token} | members
    if fmt == "json":
        return json.dumps(members, separators=(",", ":")).encode()
    # AWS writes this one as a map of indefinite length, as captured (§4.4).
    pairs = b"".join(cbor2.dumps(key) + cbor2.dumps(value) for key, value in members.items())
    return _INDEFINITE_MAP + pairs + _BREAK
