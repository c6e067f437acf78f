"""DSSE envelopes: a payload, its type, and signatures over both.

The signature is made over the pre-authentication encoding of type and payload, so that neither
can be read as something else (DSSE protocol, version 1). Keys are ECDSA on P-256 with SHA-256.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from rig.signing import SigningKey


class EnvelopeError(ValueError):
    """An envelope that proves nothing; the message says why."""


@dataclass(frozen=True)
class VerificationKey:
    """A public key; `id` is the SHA-256 of its DER form in hex."""

    key: ec.EllipticCurvePublicKey
    id: str

    @classmethod
    def load(cls, pem: bytes) -> VerificationKey:
        """Raises `ValueError` if this is not the PEM of an ECDSA public key on P-256."""
        try:
            key = load_pem_public_key(pem)
        except (ValueError, TypeError) as error:
            raise ValueError("it is not a public key in PEM") from error
        if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
            raise ValueError("it is not an ECDSA key on P-256")
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(key, hashlib.sha256(der).hexdigest())


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, key: SigningKey) -> dict[str, Any]:
    """The envelope with one signature, as JSON values."""
    signature = key.sign(pre_authentication_encoding(payload_type, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [
            {
                "keyid": VerificationKey.load(key.public_pem).id,
                "sig": base64.b64encode(signature).decode(),
            }
        ],
    }


def unseal(envelope: Mapping[str, Any], payload_type: str, key: VerificationKey) -> bytes:
    """The payload, if one of the signatures is the key's. Raises `EnvelopeError`.

    A signature is tried whatever its `keyid` says: that is a hint and not signed.
    """
    payload, signatures = envelope.get("payload"), envelope.get("signatures")
    if envelope.get("payloadType") != payload_type:
        raise EnvelopeError(f"its payload is not of the type {payload_type}")
    if not isinstance(signatures, list) or not signatures:
        raise EnvelopeError("it has no signature")
    content = _decoded(payload)
    if content is None:
        raise EnvelopeError("its payload is not base64")
    signed = pre_authentication_encoding(payload_type, content)
    for entry in signatures:
        signature = _decoded(entry.get("sig")) if isinstance(entry, dict) else None
        if signature is None:
            continue
        try:
            key.key.verify(signature, signed, ec.ECDSA(SHA256()))
        except InvalidSignature:
            continue
        return content
    raise EnvelopeError(f"no signature of it is by the key {key.id[:16]}…")


def _decoded(text: object) -> bytes | None:
    """The bytes of strict base64, or None."""
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
