"""Reading stream messages: the device's block requests and the blocks it was sent.

The judge needs to know how a message was written, not only what it says: key order, trailing
bytes, what is missing. So it looks at the CBOR itself (OTA spec §6.1, §6.3).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cbor2

REQUEST_KEYS = ("c", "f", "l", "o", "b", "n")
DATA_KEYS = ("f", "i", "l", "p")
INDEFINITE_MAP = 0xBF


@dataclass(frozen=True)
class BlockRequest:
    """A block request. `defect` says why it is not one by OTA spec §6.1; then fields are None.

    `word` is the text of `c`, the numbers are those of the map.
    """

    defect: str | None
    word: str | None = None
    file_id: int | None = None
    block_size: int | None = None
    offset: int | None = None
    bitmap: bytes = b""
    count: int | None = None

    @cached_property
    def wanted(self) -> int:
        """The bitmap as one number: bit i is block i, 1 = wanted (OTA spec §6.2)."""
        return int.from_bytes(self.bitmap, "little")


@dataclass(frozen=True)
class Block:
    """A data message. `defect` says why it cannot be decoded; then the numbers are None.

    `size` is what it claims (l), `length` that of its payload in bytes. `unusual` is set when it
    is well-formed but not as the service writes it: key order, extra keys, indefinite length.
    """

    defect: str | None
    file_id: int | None = None
    index: int | None = None
    size: int | None = None
    length: int = 0
    unusual: bool = False


def read_request(payload: bytes) -> BlockRequest:
    """What a block request says; never raises."""
    stream = io.BytesIO(payload)
    try:
        message: object = cbor2.CBORDecoder(stream).decode()
    except Exception as error:  # whatever hostile bytes bring about
        return BlockRequest(f"the payload is not CBOR: {type(error).__name__}")
    if stream.tell() != len(payload):
        return BlockRequest("bytes follow the CBOR map")
    if not isinstance(message, Mapping):
        return BlockRequest("the payload is not a CBOR map")
    keys = set(message)
    if keys != set(REQUEST_KEYS):
        missing = [key for key in REQUEST_KEYS if key not in keys]
        what = f"lacks {', '.join(missing)}" if missing else "has keys besides c, f, l, o, b, n"
        return BlockRequest(f"the map {what}")
    for key in ("f", "l", "o", "n"):
        if type(message[key]) is not int:
            return BlockRequest(f"{key} is not an integer")
    if not isinstance(message["c"], str) or not isinstance(message["b"], bytes):
        return BlockRequest("c is not a text or b not a byte string")
    return BlockRequest(
        defect=None,
        word=message["c"],
        file_id=message["f"],
        block_size=message["l"],
        offset=message["o"],
        bitmap=message["b"],
        count=message["n"],
    )


def read_block(payload: bytes) -> Block:
    """What a data message says; never raises."""
    try:
        message: Any = cbor2.loads(payload)
    except Exception as error:  # whatever a scenario sends on purpose
        return Block(f"it is not CBOR: {type(error).__name__}")
    if not isinstance(message, dict):
        return Block("it is not a CBOR map")
    for key in ("f", "i", "l"):
        if type(message.get(key)) is not int:
            return Block(f"{key} is missing or not an integer")
    data = message.get("p")
    if not isinstance(data, bytes):
        return Block("p is missing or not a byte string")
    keys = tuple(key for key in message if key != "c")
    unusual = keys != DATA_KEYS or payload[0] == INDEFINITE_MAP
    return Block(None, message["f"], message["i"], message["l"], len(data), unusual)
