"""Images that scenarios offer, and the ways in which they can be signed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from agent.protocol.image import HEADER_SIZE, Behaviour, build_image
from agent.protocol.version import Version
from rig.signing import SigningKey


class Signing(Enum):
    """How an image is signed; all but the first must be refused (OTA spec §13, OTA-SIG)."""

    GOOD = "good"
    """By the key that the device trusts."""
    CORRUPTED_SIGNATURE = "corrupted-signature"
    """One bit of the signature's last integer is wrong."""
    WRONG_KEY = "wrong-key"
    """By another key of the same kind."""
    CORRUPTED_IMAGE = "corrupted-image"
    """Signed well, then one byte of the image was changed."""
    NONE = "none"
    """The job document has no signature."""
    UNUSABLE_CERTIFICATE = "unusable-certificate"
    """Signed well, for a device that has no certificate to verify that with."""


@dataclass(frozen=True)
class Image:
    """A firmware image as it will be delivered.

    `marker` is what the boot marker shows when this very image runs (32 hex digits).
    """

    content: bytes
    version: Version
    behaviour: Behaviour
    marker: str

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def corrupted(self) -> Image:
        """The same with one bit of its last byte changed."""
        return replace(self, content=self.content[:-1] + bytes([self.content[-1] ^ 0x01]))


def data_file(size: int) -> Image:
    """A file of just so many bytes that is no firmware; its marker is of no use."""
    content = hashlib.shake_128(b"data").digest(size)
    return Image(content, Version(0, 0, 0), Behaviour.PASS, marker="")


class ImageSource(Protocol):
    """Where the bytes of images come from: a board's own firmware, or the reference format."""

    def __call__(self, version: Version, size: int, behaviour: Behaviour, marker: bytes) -> bytes:
        """An image as near to `size` bytes as there can be one; `marker` has 16 bytes."""


class ReferenceImages:
    """Images of the reference format (agent.protocol.image) for one product, of any size."""

    def __init__(self, product: str) -> None:
        self._product = product

    def __call__(self, version: Version, size: int, behaviour: Behaviour, marker: bytes) -> bytes:
        return build_image(
            version,
            max(size, HEADER_SIZE),
            behaviour=behaviour,
            product=self._product,
            marker=marker,
            body_seed=int.from_bytes(marker[:4]),
        )


class ImageMaker:
    """Makes the images of a run; no two of one maker are alike."""

    def __init__(self, source: ImageSource, seeds: Iterator[int]) -> None:
        self._source = source
        self._seeds = seeds

    def make(
        self, version: str, *, size: int = 20_000, behaviour: Behaviour = Behaviour.PASS
    ) -> Image:
        """An image as near to `size` bytes, header included, as the board's images can be."""
        parsed = Version.parse(version)
        marker = hashlib.sha256(f"image {next(self._seeds)}".encode()).digest()[:16]
        content = self._source(parsed, size, behaviour, marker)
        return Image(content, parsed, behaviour, marker.hex())


def sign(
    image: Image, signing: Signing, trusted: SigningKey, foreign: SigningKey
) -> tuple[Image, bytes | None]:
    """The image to deliver and the DER signature to put in its job document."""
    if signing is Signing.NONE:
        return image, None
    if signing is Signing.WRONG_KEY:
        return image, foreign.sign(image.content)
    signature = trusted.sign(image.content)
    if signing is Signing.CORRUPTED_SIGNATURE:
        return image, signature[:-1] + bytes([signature[-1] ^ 0x01])
    if signing is Signing.CORRUPTED_IMAGE:
        return image.corrupted(), signature
    return image, signature
