"""The reference firmware image: a header of 64 bytes and a body.

The header is little-endian: ``4s`` magic "OTIM", ``u16`` format 1, ``u16`` header size 64, ``u32``
packed version, ``u32`` size of the whole image in bytes, ``u8`` behaviour, 3 bytes 0, ``16s``
product (ASCII, padded with NUL), ``16s`` marker, 12 bytes 0. What is signed is the whole image.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum

from agent.protocol.version import Version

HEADER_SIZE = 64
"""Bytes of the header; the smallest image has no more."""
MAGIC = b"OTIM"
FORMAT = 1
PRODUCT_SIZE = 16
MARKER_SIZE = 16
MAX_IMAGE_SIZE = 0xFFFF_FFFF

_HEADER = struct.Struct("<4sHHIIB3x16s16s12x")


class ImageError(Exception):
    """The bytes are not an image, or it cannot be built; the message says why."""


class Behaviour(IntEnum):
    """What the image does in its self-test."""

    PASS = 0
    """Accepts itself."""
    REJECT = 1
    """Rejects itself."""
    HANG = 2
    """Never comes to a decision."""
    CRASH = 3
    """Ends without a decision."""
    NO_CONNECT = 4
    """Never connects, so no self-test begins."""


_BEHAVIOURS = frozenset(member.value for member in Behaviour)


@dataclass(frozen=True)
class ImageHeader:
    """What the header says. ``marker`` (16 bytes) tells one build from another."""

    version: Version
    image_size: int
    behaviour: Behaviour
    product: str
    marker: bytes


def build_image(
    version: Version,
    size: int,
    behaviour: Behaviour = Behaviour.PASS,
    product: str = "reference",
    marker: bytes = bytes(MARKER_SIZE),
    body_seed: int = 0,
) -> bytes:
    """An image of ``size`` bytes; equal arguments give equal bytes. Raises :class:`ImageError`."""
    if not HEADER_SIZE <= size <= MAX_IMAGE_SIZE:
        raise ImageError(f"an image has {HEADER_SIZE} to {MAX_IMAGE_SIZE} bytes, not {size}")
    if len(marker) != MARKER_SIZE:
        raise ImageError(f"a marker has {MARKER_SIZE} bytes, not {len(marker)}")
    header = _HEADER.pack(
        MAGIC, FORMAT, HEADER_SIZE, version.packed, size, behaviour, _product(product), marker
    )
    body = hashlib.shake_128(f"body {body_seed}".encode()).digest(size - HEADER_SIZE)
    return header + body


def _product(name: str) -> bytes:
    if not (name.isascii() and name.isprintable() and len(name) <= PRODUCT_SIZE):
        raise ImageError(f"product {name!r} is not up to {PRODUCT_SIZE} printable ASCII characters")
    return name.encode("ascii")


def read_header(data: bytes) -> ImageHeader:
    """The header of the image that ``data`` begins with. Raises :class:`ImageError`.

    ``image_size`` is not held against the length of ``data``, which may be the header alone.
    """
    if len(data) < HEADER_SIZE:
        raise ImageError(f"{len(data)} bytes are too few for a header of {HEADER_SIZE}")
    magic, version_of_format, header_size, packed, size, behaviour, product, marker = (
        _HEADER.unpack_from(data)
    )
    if magic != MAGIC:
        raise ImageError(f"the image begins with {magic.hex()}, not with {MAGIC.hex()}")
    if (version_of_format, header_size) != (FORMAT, HEADER_SIZE):
        raise ImageError(
            f"header format {version_of_format} of {header_size} bytes is not known, "
            f"only format {FORMAT} of {HEADER_SIZE}"
        )
    if size < HEADER_SIZE:
        raise ImageError(f"the header says that the image has {size} bytes, fewer than itself")
    if behaviour not in _BEHAVIOURS:
        raise ImageError(f"behaviour {behaviour} is not known")
    return ImageHeader(
        Version.unpack(packed), size, Behaviour(behaviour), _product_name(product), marker
    )


def _product_name(field: bytes) -> str:
    try:
        name = field.rstrip(b"\0").decode("ascii")
    except UnicodeDecodeError:
        name = "\0"
    if not name.isprintable():
        raise ImageError(f"product {field.hex()} is not printable ASCII padded with NUL")
    return name
