"""Messages of file streams, as CBOR or JSON (OTA spec §6.1, §6.3; job service spec §4).

Values are checked for their types here. What a number may be is for the reader to say: a device and
a service have different limits and different answers.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from agent.protocol.cbor_map import CborError, encode_map, read_map
from agent.protocol.json_text import JsonError, read_object

StreamFormat = Literal["cbor", "json"]

MAX_BLOCK = 131_072
"""Bytes of the largest block."""
MAX_TOKEN = 64
"""Bytes of the longest client token."""
MAX_REQUEST = 32 * 1024
"""Bytes of the longest request: a bitmap of 12287 bytes in hex, and some room."""
MAX_DATA: dict[StreamFormat, int] = {
    "cbor": MAX_BLOCK + 4096,
    "json": MAX_BLOCK * 4 // 3 + 4096,
}
"""Bytes of the longest data message: a block, in base64 where needed, and some room."""

INVALID_CBOR = "InvalidCbor"
INVALID_JSON = "InvalidJson"
INVALID_REQUEST = "InvalidRequest"


class StreamError(Exception):
    """A message that cannot be taken. ``code`` is a word of the job service spec §4.4."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class StreamRequest:
    """A request for blocks. ``block_size`` is in bytes, ``offset`` and ``count`` in blocks.

    ``bitmap`` has a bit for each wanted block behind ``offset``, least significant first.
    """

    client_token: str | None
    file_id: int
    block_size: int
    offset: int = 0
    bitmap: bytes | None = None
    count: int | None = None
    stream_version: int | None = None


@dataclass(frozen=True)
class DataBlock:
    """One block. ``size`` is what the message says that ``payload`` has, in bytes."""

    file_id: int
    index: int
    size: int
    payload: bytes
    client_token: str | None = None


def encode_request(request: StreamRequest, fmt: StreamFormat) -> bytes:
    """A request; from a device, exactly the six pairs of OTA spec §6.1 in their order."""
    pairs = {
        "c": request.client_token,
        "f": request.file_id,
        "l": request.block_size,
        "o": request.offset,
        "b": request.bitmap,
        "n": request.count,
        "s": request.stream_version,
    }
    present = {key: value for key, value in pairs.items() if value is not None}
    if fmt == "cbor":
        return encode_map(present)
    if request.bitmap is not None:
        present["b"] = f"0x{request.bitmap.hex()}"
    return _json(present)


def decode_request(payload: bytes, fmt: StreamFormat) -> StreamRequest:
    """Read a request. Raises :class:`StreamError`, and nothing else, for any bytes."""
    members = _read(payload, fmt, MAX_REQUEST)
    token = _token(members)
    return StreamRequest(
        client_token=token,
        file_id=_integer(members, "f"),
        block_size=_integer(members, "l"),
        offset=_optional_integer(members, "o") or 0,
        bitmap=_bitmap(members, fmt),
        count=_optional_integer(members, "n"),
        stream_version=_optional_integer(members, "s"),
    )


def encode_data(block: DataBlock, fmt: StreamFormat) -> bytes:
    """A data message; the token is left out if there is none."""
    pairs: dict[str, str | int | bytes] = {}
    if block.client_token is not None:
        pairs["c"] = block.client_token
    pairs |= {"f": block.file_id, "i": block.index, "l": block.size, "p": block.payload}
    if fmt == "cbor":
        return encode_map(pairs)
    pairs["p"] = base64.b64encode(block.payload).decode("ascii")
    return _json(pairs)


def decode_data(payload: bytes, fmt: StreamFormat) -> DataBlock:
    """Read a data message. Raises :class:`StreamError`, and nothing else, for any bytes.

    Whether the payload is as long as announced, and the block one that is wanted, is not checked.
    """
    members = _read(payload, fmt, MAX_DATA[fmt])
    return DataBlock(
        file_id=_integer(members, "f"),
        index=_integer(members, "i"),
        size=_integer(members, "l"),
        payload=_block_payload(members, fmt),
        client_token=_token(members),
    )


def _read(payload: bytes, fmt: StreamFormat, max_size: int) -> dict[Any, Any]:
    try:
        if fmt == "cbor":
            return read_map(payload, max_size)
        return read_object(payload, max_size)
    except CborError as error:
        raise StreamError(INVALID_CBOR, str(error)) from None
    except JsonError as error:
        raise StreamError(INVALID_JSON, str(error)) from None


def _token(members: dict[Any, Any]) -> str | None:
    token = members.get("c")
    if token is None:
        return None
    if not isinstance(token, str):
        raise StreamError(INVALID_REQUEST, "the client token c is not a string")
    if len(token.encode("utf-8", "surrogatepass")) > MAX_TOKEN:
        raise StreamError(INVALID_REQUEST, f"the client token c has more than {MAX_TOKEN} bytes")
    return token


def _integer(members: dict[Any, Any], key: str) -> int:
    value = _optional_integer(members, key)
    if value is None:
        raise StreamError(INVALID_REQUEST, f"the member {key} is missing")
    return value


def _optional_integer(members: dict[Any, Any], key: str) -> int | None:
    if key not in members:
        return None
    value = members[key]
    # An exact type: True is an int to Python, but no number on the wire.
    if type(value) is not int:
        raise StreamError(INVALID_REQUEST, f"the member {key} is not an integer")
    return value


def _bitmap(members: dict[Any, Any], fmt: StreamFormat) -> bytes | None:
    if "b" not in members:
        return None
    value = members["b"]
    if fmt == "cbor":
        if isinstance(value, bytes):
            return value
        raise StreamError(INVALID_CBOR, "the bitmap b is not a byte string")
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return binascii.unhexlify(value.removeprefix("0x"))
    raise StreamError(INVALID_REQUEST, "the bitmap b is not a string of hex digits")


def _block_payload(members: dict[Any, Any], fmt: StreamFormat) -> bytes:
    value = members.get("p")
    if fmt == "cbor":
        if isinstance(value, bytes):
            return value
        raise StreamError(INVALID_CBOR, "the payload p is not a byte string")
    if not isinstance(value, str):
        raise StreamError(INVALID_JSON, "the payload p is not a string")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise StreamError(INVALID_JSON, "the payload p is not base64") from None


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps(members, separators=(",", ":")).encode("ascii")
