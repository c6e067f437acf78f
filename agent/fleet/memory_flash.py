"""The platform layer of a simulated device: two images in memory, of which one runs (OTA spec §9).

An image is received, held against its signature and read for its version; then its bytes are given
up, because only their digest says anything later.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from agent.protocol.codes import ImageState, PalImageState, PalMainStatus
from agent.protocol.image import ImageError, read_header
from agent.protocol.job_document import JobDocument
from agent.protocol.pal_status import PalStatus
from agent.protocol.version import Version

SUCCESS = PalStatus(PalMainStatus.SUCCESS)


@dataclass(frozen=True)
class Image:
    """What is known of an image; ``sha256`` (hex) is empty for the one from the factory."""

    version: Version
    sha256: str = ""


@dataclass
class Tally:
    """How often the machine had the platform do what must happen once for each update."""

    files: int = 0
    blocks: int = 0
    verified: int = 0
    activated: int = 0
    committed: int = 0


class MemoryFlash:
    """What outlives a reset: the running image, and the one to go back to during a trial."""

    def __init__(self, factory: Version) -> None:
        self.running = Image(factory)
        self.tally = Tally()
        self._before: Image | None = None
        self._refused = False
        self._started = False

    @property
    def state(self) -> PalImageState:
        """Whether the running image is committed, on trial or refused."""
        if self._before is None:
            return PalImageState.VALID
        return PalImageState.INVALID if self._refused else PalImageState.PENDING_COMMIT

    def boot(self) -> None:
        """The boot loader: an image on trial runs once; after that only if it was committed."""
        if self._before is not None and self._started:
            self.running, self._before = self._before, None
        self._started = self._before is not None

    def arm(self, image: Image) -> None:
        """Run this image from the next boot on, on trial."""
        self._before, self.running = self.running, image
        self._started = self._refused = False

    def commit(self) -> None:
        """The image on trial stays."""
        if self._before is not None:
            self._before = None
            self.tally.committed += 1

    def refuse(self) -> None:
        """The next boot goes back, if there is a trial."""
        self._refused = True


class MemoryPlatform:
    """One boot's view of the flash; ``restart`` is called where a device would reset."""

    def __init__(
        self, flash: MemoryFlash, signer: ec.EllipticCurvePublicKey, restart: Callable[[], None]
    ) -> None:
        self._flash = flash
        self._signer = signer
        self._restart = restart
        self._file: bytearray | None = None
        self._verified: Image | None = None

    def create_file(self, document: JobDocument) -> PalStatus:
        """Room for a file; never while the running image is on trial."""
        if self._flash.state is not PalImageState.VALID:
            return PalStatus(PalMainStatus.BOOT_INFO_CREATE_FAILED)
        self._verified = None
        self._file = bytearray(document.file_size)
        self._flash.tally.files += 1
        return SUCCESS

    def write_block(self, offset: int, data: bytes) -> int:
        """Bytes written."""
        if self._file is None or offset + len(data) > len(self._file):
            return 0
        self._file[offset : offset + len(data)] = data
        self._flash.tally.blocks += 1
        return len(data)

    def close_file(self, document: JobDocument) -> PalStatus:
        """Hold what was received against its signature, and read which image it is."""
        file, self._file = self._file, None
        if file is None:
            return PalStatus(PalMainStatus.NULL_FILE_CONTEXT)
        digest = hashlib.sha256(file)
        try:
            self._signer.verify(
                document.signature or b"", digest.digest(), ec.ECDSA(Prehashed(SHA256()))
            )
            header = read_header(bytes(file[:64]))
        except InvalidSignature:
            return PalStatus(PalMainStatus.SIGNATURE_CHECK_FAILED)
        except ImageError:
            return PalStatus(PalMainStatus.FILE_CLOSE)
        if header.image_size != len(file):
            return PalStatus(PalMainStatus.FILE_CLOSE)
        self._verified = Image(header.version, digest.hexdigest())
        self._flash.tally.verified += 1
        return SUCCESS

    def abort(self) -> PalStatus:
        """Drop an open file; a verified image stays."""
        self._file = None
        return SUCCESS

    def activate(self) -> PalStatus:
        """Arm the trial of the verified image and restart into it."""
        image, self._verified = self._verified, None
        if image is None:
            return PalStatus(PalMainStatus.ACTIVATE_FAILED)
        self._flash.arm(image)
        self._flash.tally.activated += 1
        return self.reset()

    def reset(self) -> PalStatus:
        """Restart, once the caller has returned."""
        self._restart()
        return SUCCESS

    def set_image_state(self, state: ImageState) -> PalStatus:
        """Commit, refuse or discard."""
        if state is ImageState.ACCEPTED:
            self._flash.commit()
        elif state in (ImageState.REJECTED, ImageState.ABORTED):
            self._file = self._verified = None
            self._flash.refuse()
        return SUCCESS

    def image_state(self) -> PalImageState:
        """Of the running image."""
        return self._flash.state
