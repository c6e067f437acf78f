"""Images that scenarios offer, and the ways in which they can be signed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from agent.protocol.image import Behaviour, build_image, read_header
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


@dataclass(frozen=True)
class Image:
    """A firmware image as it will be delivered."""

    content: bytes
    version: Version
    behaviour: Behaviour

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def marker(self) -> str:
        """What the boot marker shows when this very image runs (32 hex digits)."""
        return read_header(self.content).marker.hex()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def corrupted(self) -> Image:
        """The same with one bit of its last byte changed."""
        content = self.content[:-1] + bytes([self.content[-1] ^ 0x01])
        return Image(content, self.version, self.behaviour)


class ImageMaker:
    """Makes images for one product; no two of one maker are alike."""

    def __init__(self, product: str, seeds: Iterator[int]) -> None:
        self._product = product
        self._seeds = seeds

    def make(
        self, version: str, *, size: int = 20_000, behaviour: Behaviour = Behaviour.PASS
    ) -> Image:
        """An image of `size` bytes, header included."""
        seed = next(self._seeds)
        parsed = Version.parse(version)
        content = build_image(
            parsed,
            size,
            behaviour=behaviour,
            product=self._product,
            marker=hashlib.sha256(f"{self._product}:{seed}".encode()).digest()[:16],
            body_seed=seed,
        )
        return Image(content, parsed, behaviour)


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
