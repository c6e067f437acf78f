"""Whether a verified file is an image this product may run."""

from __future__ import annotations

import enum
from pathlib import Path

from agent.protocol.image import HEADER_SIZE, ImageError, ImageHeader, read_header


class ImageFlaw(enum.IntEnum):
    """Why a file is not an image for this device; sub code of the close status."""

    NOT_AN_IMAGE = 1
    OTHER_PRODUCT = 2
    SIZE_MISMATCH = 3


def header_of(path: Path) -> ImageHeader:
    """The header of the image in ``path``. Raises ``ImageError`` or ``OSError``."""
    with path.open("rb") as file:
        return read_header(file.read(HEADER_SIZE))


def flaw_of(path: Path, product: str) -> ImageFlaw | None:
    """The first reason not to run the file, None for an image that fits. Raises ``OSError``."""
    try:
        header = header_of(path)
    except ImageError:
        return ImageFlaw.NOT_AN_IMAGE
    if header.product != product:
        return ImageFlaw.OTHER_PRODUCT
    if header.image_size != path.stat().st_size:
        return ImageFlaw.SIZE_MISMATCH
    return None
