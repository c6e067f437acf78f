from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from rig.errors import UsageError
from rig.signing import SigningKey


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def test_openssl_verifies_what_the_key_signs(tmp_path: Path) -> None:
    key = SigningKey.generate()
    image = bytes(range(256)) * 40
    (tmp_path / "image").write_bytes(image)
    (tmp_path / "signature").write_bytes(key.sign(image))
    (tmp_path / "public.pem").write_bytes(key.public_pem)
    command = ["openssl", "dgst", "-sha256", "-verify", "public.pem", "-signature", "signature"]
    result = subprocess.run([*command, "image"], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout.strip() == "Verified OK"
    (tmp_path / "image").write_bytes(image[:-1] + b"\0")
    assert subprocess.run([*command, "image"], cwd=tmp_path, capture_output=True).returncode == 1


def test_a_saved_key_is_the_same_key_and_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signer.key"
    key = SigningKey.generate()
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert SigningKey.load(path).public_pem == key.public_pem
    assert SigningKey.load(path).verify(key.sign(b"x"), b"x")
    assert not SigningKey.generate().verify(key.sign(b"x"), b"x")


def test_saving_over_a_key_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "signer.key"
    SigningKey.generate().save(path)
    key = SigningKey.generate()
    key.save(path)
    assert SigningKey.load(path).public_pem == key.public_pem
    assert list(tmp_path.iterdir()) == [path]


BAD_KEYS = {
    "missing": (None, "cannot read the signing key"),
    "empty": (b"", "is not a private key in PEM"),
    "text": (b"hello", "is not a private key in PEM"),
    "rsa": (
        pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "is not an ECDSA key on P-256",
    ),
    "p384": (pem_of(ec.generate_private_key(ec.SECP384R1())), "is not an ECDSA key on P-256"),
    "password": (
        pem_of(ec.generate_private_key(ec.SECP256R1()), b"secret"),
        "is protected by a password",
    ),
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_a_bad_key_file_is_one_clear_line(tmp_path: Path, name: str) -> None:
    content, message = BAD_KEYS[name]
    path = tmp_path / "signer.key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        SigningKey.load(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_directory_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the signing key .*: Is a directory"):
        SigningKey.load(tmp_path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot make the directory"):
        SigningKey.generate().save(tmp_path / "file" / "signer.key")
