"""The mosquitto of the fleet's benchmark, with TLS beside plain MQTT."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path
from threading import Thread

from rig.clock import SystemClock
from rig.pki import CertificateAuthority
from tests.mosquitto import free_port, start_mosquitto


@dataclass(frozen=True)
class Broker:
    """A mosquitto on loopback; `ca` is what its TLS listener is trusted by."""

    pid: int
    port: int
    tls_port: int
    ca: Path


@contextmanager
def broker(directory: Path) -> Iterator[Broker]:
    """One that runs meanwhile."""
    authority = CertificateAuthority.generate(SystemClock())
    ca, cert, key = (directory / name for name in ("ca.pem", "broker.pem", "broker.key"))
    ca.write_bytes(authority.certificate_pem)
    authority.issue_server().save(cert, key)
    tls_port = free_port()
    # As who starts it: another user could not read the key.
    listener = f"user {getuser()}\nlistener {tls_port} 127.0.0.1\ncertfile {cert}\nkeyfile {key}\n"
    process, port = start_mosquitto(directory, listener)
    assert process.stderr is not None
    # It tells each TLS connection that is cut, and would wait for somebody to read that.
    reading = Thread(target=process.stderr.read)
    reading.start()
    try:
        yield Broker(process.pid, port, tls_port, ca)
    finally:
        process.terminate()
        process.wait()
        reading.join()
        process.stderr.close()
