"""Image variants of the firmware: the built image with another header, and bytes behind it."""

from __future__ import annotations

import hashlib

from agent.protocol.image import HEADER_SIZE, Behaviour, ImageError, build_image, read_header
from agent.protocol.version import Version

PRODUCT = "microbit-v1"
SLOT_SIZE = 0x1D800
"""Bytes of the largest image."""
MIN_FILLING = 16
"""Bytes behind the code that every image has at least: no two images end alike."""


def make_image(
    base: bytes, version: Version, size: int | None, behaviour: Behaviour, marker: bytes
) -> bytes:
    """The built image `base` as another version; equal arguments give equal bytes.

    `size` is in bytes (None: as small as it gets); what is behind the code is filled from the
    marker. The result is to be signed as it is. Raises `ImageError` if `base` is no image of the
    firmware, or `size` is less than its code has or more than a slot holds.
    """
    if read_header(base).product != PRODUCT:
        raise ImageError(f"the base is an image for {read_header(base).product!r}, not {PRODUCT!r}")
    smallest = smallest_size(base)
    if size is None:
        size = smallest
    if not smallest <= size <= SLOT_SIZE:
        raise ImageError(f"an image of this firmware has {smallest} to {SLOT_SIZE} bytes: {size}")
    header = build_image(version, size, behaviour, PRODUCT, marker)[:HEADER_SIZE]
    filling = hashlib.shake_128(b"filling " + marker).digest(size - len(base))
    return header + base[HEADER_SIZE:] + filling


def smallest_size(base: bytes) -> int:
    """Bytes of the smallest image that can be made of `base`."""
    return len(base) + MIN_FILLING
