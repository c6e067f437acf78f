"""Reading one CBOR map from a stranger: bounded, without tags, and with one kind of error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import cbor2

MAX_DEPTH = 8
"""Containers within containers; the messages themselves are flat."""

# Tags to which the decoder gives a meaning. Some cost far more than their few bytes: a big float
# its exponent, a regular expression its compilation, a shared value a cycle. No message needs one.
_TAGS = (
    *range(6), 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799
)  # fmt: skip


class CborError(Exception):
    """The bytes are not a CBOR map that can be taken; the message says why."""


def _refuse(_decoder: object, _immutable: bool = False) -> NoReturn:
    raise ValueError("tagged values are not taken")


_DECODERS: Mapping[int, Any] = dict.fromkeys(_TAGS, _refuse)


def read_map(payload: bytes, max_size: int) -> dict[Any, Any]:
    """The map that ``payload`` begins with; bytes behind it are ignored (OTA spec §6.3).

    Raises :class:`CborError` for more than ``max_size`` bytes, for anything but a map, for nesting
    beyond :data:`MAX_DEPTH`, for a key that comes twice and for tags. Lengths that the bytes do not
    hold are found out before memory is taken for them.
    """
    if len(payload) > max_size:
        raise CborError(f"the message has {len(payload)} bytes, at most {max_size} are read")
    try:
        value = cbor2.loads(
            payload,
            semantic_decoders=_DECODERS,
            max_depth=MAX_DEPTH,
            allow_duplicate_keys=False,
        )
    except Exception as error:
        # The decoder is not ours: whatever hostile bytes make it raise, they are no message.
        raise CborError(f"the message is not CBOR: {error}") from None
    if not isinstance(value, dict):
        raise CborError(f"the message is a {type(value).__name__}, not a map")
    return value


def encode_map(pairs: Mapping[str, str | int | bytes]) -> bytes:
    """The pairs in their order, with definite lengths and the shortest form of every number."""
    return cbor2.dumps(dict(pairs))
