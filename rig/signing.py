"""Code signing: ECDSA on P-256 over SHA-256, the one kind all device libraries share.

Job service §5.2: the signature is made over the whole file as delivered, and written as DER.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from rig.errors import UsageError
from rig.private_files import read_file, write_private_file


class SigningKey:
    """A private key that signs firmware images."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def load(cls, path: Path) -> SigningKey:
        """Read a PEM file; raises `UsageError` if it is missing or no plain P-256 key."""
        pem = read_file(path, "signing key")
        try:
            key = load_pem_private_key(pem, password=None)
        except TypeError as error:
            raise UsageError(
                f"the signing key {path} is protected by a password: give one without"
            ) from error
        except ValueError as error:
            raise UsageError(f"the signing key {path} is not a private key in PEM") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise UsageError(
                f"the signing key {path} is not an ECDSA key on P-256: "
                "make one with `openssl ecparam -name prime256v1 -genkey -noout`"
            )
        return cls(key)

    @classmethod
    def load_or_generate(cls, path: Path) -> SigningKey:
        """The key in this file; a new one, saved, if there is no file. Raises `UsageError`."""
        if path.exists():
            return cls.load(path)
        key = cls.generate()
        key.save(path)
        return key

    def save(self, path: Path) -> None:
        """Write the key as PKCS#8 PEM, mode 0600; raises `UsageError`."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_private_file(path, pem)

    def sign(self, data: bytes) -> bytes:
        """The DER signature over the SHA-256 of `data`, about 70 to 72 bytes."""
        return self._key.sign(data, ec.ECDSA(SHA256()))

    def verify(self, signature: bytes, data: bytes) -> bool:
        """True if this key made the DER signature over these bytes."""
        try:
            self._key.public_key().verify(signature, data, ec.ECDSA(SHA256()))
        except InvalidSignature:
            return False
        return True

    @property
    def public_pem(self) -> bytes:
        """The public key as PEM (SubjectPublicKeyInfo): what a device is given to trust."""
        return self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
