"""Signature check of a received file: ECDSA P-256 over SHA-256, DER signature (OTA spec §9)."""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

# Otherwise loaded by the first check, which then takes fifteen times as long: here the boot
# loader loads it, once for every image that it starts.
default_backend()


class SignatureVerdict(enum.Enum):
    """What the check found."""

    VALID = enum.auto()
    MISSING = enum.auto()
    MISMATCH = enum.auto()
    NO_USABLE_KEY = enum.auto()


def digest_file(path: Path) -> bytes:
    """SHA-256 of the whole file, read back from the medium. Raises ``OSError``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def load_signer_key(path: Path) -> ec.EllipticCurvePublicKey | None:
    """The P-256 public key in a PEM file (bare key or certificate); None if there is none."""
    try:
        key: object
        pem = path.read_bytes()
        if b"BEGIN CERTIFICATE" in pem:
            # A device that is given bare keys starts sooner without.
            from cryptography import x509

            key = x509.load_pem_x509_certificate(pem).public_key()
        else:
            key = load_pem_public_key(pem)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def check_signature(
    digest: bytes, signature: bytes | None, key_paths: Sequence[Path]
) -> SignatureVerdict:
    """Hold ``signature`` (DER) over the SHA-256 ``digest`` against every usable key."""
    keys = [key for key in map(load_signer_key, key_paths) if key is not None]
    if not keys:
        return SignatureVerdict.NO_USABLE_KEY
    if not signature:
        return SignatureVerdict.MISSING
    for key in keys:
        try:
            key.verify(signature, digest, ec.ECDSA(Prehashed(SHA256())))
        except InvalidSignature:
            continue
        return SignatureVerdict.VALID
    return SignatureVerdict.MISMATCH
