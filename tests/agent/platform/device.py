"""A device root with signed images for the platform tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from agent.platform.ab_platform import AbPlatform, PlatformSettings
from agent.platform.boot_state import BootStateStore
from agent.platform.filesystem import Filesystem, OsFilesystem
from agent.platform.slots import Slot
from agent.protocol.image import build_image
from agent.protocol.job_document import JobDocument
from agent.protocol.version import Version
from tests.agent.platform.signer import public_pem

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
SLOT_SIZE = 1 << 16


def image(version: str, size: int = 1000, product: str = "reference") -> bytes:
    """An image that passes its self-test."""
    return build_image(Version.parse(version), size, product=product, marker=bytes(16), body_seed=1)


def sign(data: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    """A DER signature over SHA-256."""
    return key.sign(data, ec.ECDSA(SHA256()))


def document(
    data: bytes, signature: bytes | None, *, path: str = "image.bin", file_type: int = 0
) -> JobDocument:
    """The job document of a file."""
    return make_document(data, signature, path, file_type)


def make_document(data: bytes, signature: bytes | None, path: str, file_type: int) -> JobDocument:
    """All fields of a job document, the uninteresting ones fixed."""
    return JobDocument(
        job_id="J",
        self_test=False,
        updated_by=None,
        stream_name="S",
        protocols='["MQTT"]',
        file_path=path,
        file_size=len(data),
        file_id=0,
        cert_file="cert.pem",
        update_data_url=None,
        auth_scheme=None,
        signature=signature,
        attributes=0,
        file_type=file_type,
    )


@dataclass
class Device:
    """A root directory with version 1.0.0 in slot A."""

    root: Path
    fs: Filesystem = field(default_factory=OsFilesystem)
    resets: int = 0

    def __post_init__(self) -> None:
        if not Slot.A.path(self.root).exists():
            Slot.A.path(self.root).write_bytes(image("1.0.0"))
        self.key_file.write_bytes(public_pem(KEY))

    @property
    def key_file(self) -> Path:
        """The PEM file with the signer's public key."""
        return self.root / "signer.pem"

    @property
    def store(self) -> BootStateStore:
        """The boot record."""
        return BootStateStore(self.root, self.fs)

    def run(self, slot: Slot = Slot.A, keys: tuple[Path, ...] | None = None) -> AbPlatform:
        """The platform layer as the image in ``slot`` gets it."""
        settings = PlatformSettings(
            self.root, slot, "reference", SLOT_SIZE, (self.key_file,) if keys is None else keys
        )
        return AbPlatform(settings, self.store, self.fs, self._reset)

    def _reset(self) -> None:
        self.resets += 1


def receive(platform: AbPlatform, data: bytes, signature: bytes | None, **changes: object) -> int:
    """Write and close a file; returns the status of the close."""
    job = document(data, signature, **changes)  # type: ignore[arg-type]
    created = platform.create_file(job)
    if created.value:
        return created.value
    for offset in range(0, len(data), 256):
        assert platform.write_block(offset, data[offset : offset + 256]) > 0
    return platform.close_file(job).value
