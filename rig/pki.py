"""A throw-away certificate authority: it makes the gateway's and the devices' certificates.

Job service §8: the certificate id is the SHA-256 of the DER form. Which things a certificate
stands for is a matter of the registry, not of the names in it (§8.2 A2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rig.clock import Clock
from rig.errors import UsageError
from rig.private_files import read_file, write_private_file

CA_CERTIFICATE_FILE = "ca.pem"
CA_KEY_FILE = "ca.key"
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

_CA_DAYS = 3650
_LEAF_DAYS = 825
_COMMON_NAME_LIMIT = 64
# Devices often have no battery behind their clock: a certificate of today must hold for them too.
_BACKDATED = timedelta(days=1)


@dataclass(frozen=True)
class Credentials:
    """A certificate and its private key, both PEM."""

    certificate_pem: bytes
    key_pem: bytes

    @property
    def certificate_id(self) -> str:
        """SHA-256 of the DER form, 64 lower-case hex digits (job service §8.1)."""
        return certificate_id(self.certificate_pem)

    @property
    def public_pem(self) -> bytes:
        certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        return certificate.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )

    def save(self, certificate: Path, key: Path) -> None:
        """Write both files with mode 0600; raises `UsageError`."""
        write_private_file(certificate, self.certificate_pem)
        write_private_file(key, self.key_pem)


def certificate_id(pem: bytes) -> str:
    """The certificate id of a PEM certificate; raises `UsageError` if it is none."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise UsageError(f"not a certificate in PEM: {error}") from error
    return certificate.fingerprint(SHA256()).hex()


class CertificateAuthority:
    """Signs certificates with ECDSA on P-256; the clock decides their validity."""

    def __init__(
        self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, clock: Clock
    ) -> None:
        self._certificate = certificate
        self._key = key
        self._clock = clock

    @classmethod
    def generate(cls, clock: Clock, name: str = "otarig throw-away CA") -> CertificateAuthority:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(name)
        usage = _key_usage(key_cert_sign=True)
        certificate = (
            _builder(clock, subject, subject, key.public_key(), _CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, SHA256())
        )
        return cls(certificate, key, clock)

    @classmethod
    def load(cls, directory: Path, clock: Clock) -> CertificateAuthority:
        """Read `ca.pem` and `ca.key` of a directory; raises `UsageError`."""
        certificate_path = directory / CA_CERTIFICATE_FILE
        key_path = directory / CA_KEY_FILE
        pem = read_file(certificate_path, "CA certificate")
        key_pem = read_file(key_path, "CA key")
        try:
            certificate = x509.load_pem_x509_certificate(pem)
        except ValueError as error:
            raise UsageError(f"{certificate_path} is not a certificate in PEM") from error
        try:
            key = load_pem_private_key(key_pem, password=None)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{key_path} is not a private key in PEM") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise UsageError(f"{key_path} is not an ECDSA key: make a new CA")
        if certificate.public_key() != key.public_key():
            raise UsageError(f"{key_path} is not the key of {certificate_path}")
        return cls(certificate, key, clock)

    @classmethod
    def load_or_generate(cls, directory: Path, clock: Clock) -> CertificateAuthority:
        """The CA of the directory, made and saved if there is neither of its files."""
        names = (CA_CERTIFICATE_FILE, CA_KEY_FILE)
        if any((directory / name).exists() for name in names):
            return cls.load(directory, clock)
        authority = cls.generate(clock)
        authority.save(directory)
        return authority

    def save(self, directory: Path) -> None:
        """Write `ca.pem` and `ca.key` with mode 0600; raises `UsageError`."""
        write_private_file(directory / CA_CERTIFICATE_FILE, self.certificate_pem)
        write_private_file(directory / CA_KEY_FILE, _key_pem(self._key))

    @property
    def certificate_pem(self) -> bytes:
        """What both sides are given to trust."""
        return self._certificate.public_bytes(Encoding.PEM)

    def issue_server(self, hosts: Sequence[str] = LOOPBACK_NAMES) -> Credentials:
        """A certificate for a server that is reached under these host names and addresses."""
        if not hosts:
            raise UsageError("a server certificate needs at least one host name")
        names = x509.SubjectAlternativeName([_alternative_name(host) for host in hosts])
        return self._issue(hosts[0], ExtendedKeyUsageOID.SERVER_AUTH, names)

    def issue_client(self, name: str) -> Credentials:
        """A certificate for a device; the name is for people, the registry decides."""
        return self._issue(name, ExtendedKeyUsageOID.CLIENT_AUTH, None)

    def _issue(
        self, name: str, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName | None
    ) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(
                self._clock, _name(name), self._certificate.subject, key.public_key(), _LEAF_DAYS
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(key_cert_sign=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, SHA256())
        return Credentials(certificate.public_bytes(Encoding.PEM), _key_pem(key))


def _builder(
    clock: Clock,
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    days: int,
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(clock.now(), UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common_name: str) -> x509.Name:
    # Thing names go up to 128 characters, common names to 64; the name is only for people.
    text = common_name[:_COMMON_NAME_LIMIT]
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _key_usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not key_cert_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=key_cert_sign,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
