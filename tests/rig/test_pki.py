from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from rig.clock import FakeClock, SystemClock
from rig.errors import UsageError
from rig.pki import CertificateAuthority, certificate_id


def save_all(directory: Path) -> CertificateAuthority:
    authority = CertificateAuthority.generate(SystemClock())
    authority.save(directory)
    server = authority.issue_server()
    server.save(directory / "server.pem", directory / "server.key")
    client = authority.issue_client("thing1")
    client.save(directory / "client.pem", directory / "client.key")
    return authority


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> bytes | None:
    """The client certificate (DER) as the server saw it."""
    near, far = socket.socketpair()
    seen: list[bytes | None] = []

    def serve() -> None:
        with server.wrap_socket(near, server_side=True) as connection:
            seen.append(connection.getpeercert(binary_form=True))
            connection.sendall(b"!")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(far, server_hostname=host) as connection:
            assert connection.recv(1) == b"!"
    finally:
        far.close()
        thread.join(10)
    return seen[0]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_both_sides_trust_the_ca_under_every_loopback_name(tmp_path: Path, host: str) -> None:
    save_all(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
    server.load_verify_locations(tmp_path / "ca.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    client.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
    seen = handshake(server, client, host)
    assert seen is not None
    assert hashlib.sha256(seen).hexdigest() == certificate_id(
        (tmp_path / "client.pem").read_bytes()
    )


def test_every_file_is_private(tmp_path: Path) -> None:
    directory = tmp_path / "pki"
    save_all(directory)
    assert directory.stat().st_mode & 0o777 == 0o700
    files = list(directory.iterdir())
    assert len(files) == 6
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_ca_is_made_once_and_then_read(tmp_path: Path) -> None:
    clock = SystemClock()
    first = CertificateAuthority.load_or_generate(tmp_path / "pki", clock)
    again = CertificateAuthority.load_or_generate(tmp_path / "pki", clock)
    assert first.certificate_pem == again.certificate_pem
    issued = x509.load_pem_x509_certificate(again.issue_client("t").certificate_pem)
    issued.verify_directly_issued_by(x509.load_pem_x509_certificate(first.certificate_pem))


def test_validity_follows_the_clock() -> None:
    clock = FakeClock(1_700_000_000.0)
    authority = CertificateAuthority.generate(clock)
    certificate = x509.load_pem_x509_certificate(authority.issue_server().certificate_pem)
    now = datetime.fromtimestamp(clock.now(), UTC)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc


def test_a_thing_name_of_128_characters_gets_a_certificate() -> None:
    authority = CertificateAuthority.generate(SystemClock())
    assert len(authority.issue_client("t" * 128).certificate_id) == 64


def test_bad_ca_files_are_one_clear_line(tmp_path: Path) -> None:
    clock = SystemClock()
    with pytest.raises(UsageError, match=r"cannot read the CA certificate .*ca\.pem"):
        CertificateAuthority.load(tmp_path, clock)
    CertificateAuthority.generate(clock).save(tmp_path)
    (tmp_path / "ca.key").unlink()
    with pytest.raises(UsageError, match=r"cannot read the CA key .*ca\.key"):
        CertificateAuthority.load_or_generate(tmp_path, clock)
    CertificateAuthority.generate(clock).save(tmp_path / "other")
    (tmp_path / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    with pytest.raises(UsageError, match=r"ca\.key is not the key of .*ca\.pem"):
        CertificateAuthority.load(tmp_path, clock)
    (tmp_path / "ca.key").write_bytes(b"rubbish")
    with pytest.raises(UsageError, match=r"ca\.key is not a private key in PEM"):
        CertificateAuthority.load(tmp_path, clock)
    (tmp_path / "ca.pem").write_bytes(b"rubbish")
    with pytest.raises(UsageError, match=r"ca\.pem is not a certificate in PEM"):
        CertificateAuthority.load(tmp_path, clock)


def test_text_has_no_certificate_id() -> None:
    with pytest.raises(UsageError, match="not a certificate in PEM"):
        certificate_id(b"rubbish")
