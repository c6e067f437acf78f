"""Image variants of the firmware: the built image with another header, and bytes behind it."""

from __future__ import annotations

import hashlib
import struct

PRODUCT = "microbit-v1"
SLOT_SIZE = 0x1D800
"""Bytes of the largest image."""
MIN_FILLING = 16
"""Bytes behind the code that every image has at least: no two images end alike."""
HEADER_SIZE = 64
MARKER_SIZE = 16

_START = struct.Struct("<4sHH")
_PRODUCT = struct.Struct("<20x16s")
_PATCH = struct.Struct("<IIB3x")
_PATCH_AT = 8
_MARKER_AT = 36


class FirmwareImageError(Exception):
    """The image cannot be made; the message says why."""


def make_image(base: bytes, version: int, size: int | None, behaviour: int, marker: bytes) -> bytes:
    """The built image `base` as another version; equal arguments give equal bytes.

    `version` is packed (major << 24 | minor << 16 | build); `behaviour` is 0 to 4: passes its
    self-test, fails it, hangs in it, crashes at boot, does not connect; `marker` has 16 bytes.
    `size` is in bytes (None: as small as it gets); what is behind the code is filled from the
    marker. The result is to be signed as it is. Raises `FirmwareImageError`.
    """
    _check_base(base)
    smallest = smallest_size(base)
    if size is None:
        size = smallest
    if not smallest <= size <= SLOT_SIZE:
        raise FirmwareImageError(
            f"an image of this firmware has {smallest} to {SLOT_SIZE} bytes, not {size}"
        )
    if len(marker) != MARKER_SIZE:
        raise FirmwareImageError(f"a marker has {MARKER_SIZE} bytes, not {len(marker)}")
    image = bytearray(base)
    _PATCH.pack_into(image, _PATCH_AT, version, size, behaviour)
    image[_MARKER_AT : _MARKER_AT + MARKER_SIZE] = marker
    filling = hashlib.shake_128(b"filling " + marker).digest(size - len(base))
    return bytes(image) + filling


def smallest_size(base: bytes) -> int:
    """Bytes of the smallest image that can be made of `base`."""
    return len(base) + MIN_FILLING


def _check_base(base: bytes) -> None:
    if len(base) < HEADER_SIZE or _START.unpack_from(base) != (b"OTIM", 1, HEADER_SIZE):
        raise FirmwareImageError("the base is no image; build the firmware and give its image.bin")
    product = _PRODUCT.unpack_from(base)[0].rstrip(b"\0").decode("ascii", "replace")
    if product != PRODUCT:
        raise FirmwareImageError(f"the base is an image for {product!r}, not for {PRODUCT!r}")
