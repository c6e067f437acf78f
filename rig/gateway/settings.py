"""Where the gateway listens, with which certificates, and which broker is behind it."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from rig.errors import UsageError
from rig.gateway.endpoint import BrokerEndpoint

# A payload of 128 KiB (job service §8.2 A12), a topic of any length, and what is around them.
MAX_PACKET = 128 * 1024 + 65_535 + 4


@dataclass(frozen=True)
class GatewaySettings:
    """Port 0 picks a free one, None means no such listener; the files are PEM.

    `max_packet` bounds the remaining length of packets in bytes. With `share_ports` other
    processes of the same user may listen on the same ports, and each gets some of the connections.
    """

    broker: BrokerEndpoint
    host: str = "127.0.0.1"
    tls_port: int | None = None
    plain_port: int | None = None
    server_cert: Path | None = None
    server_key: Path | None = None
    client_ca: Path | None = None
    max_packet: int = MAX_PACKET
    share_ports: bool = False

    def check(self) -> None:
        """Raises `UsageError` for settings that are no gateway, or no safe one."""
        if self.tls_port is None and self.plain_port is None:
            raise UsageError("the gateway has neither a TLS nor a plain port: give it one")
        for port in (self.tls_port, self.plain_port):
            if port is not None and not 0 <= port <= 65_535:
                raise UsageError(f"{port} is not a port: give one from 0 to 65535")
        if self.plain_port is not None and not is_loopback(self.host):
            # Without TLS anybody can claim to be any thing (job service §8.2 A1).
            raise UsageError(
                f"plain MQTT is offered on loopback only, not on {self.host}: "
                "use the TLS port there, or listen on 127.0.0.1"
            )

    def tls_context(self) -> ssl.SSLContext:
        """TLS 1.2 or later that demands a client certificate. Raises `UsageError`."""
        if self.server_cert is None or self.server_key is None or self.client_ca is None:
            raise UsageError("the TLS port needs a server certificate, its key and a client CA")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.options |= ssl.OP_NO_RENEGOTIATION
        # A device has one connection to resume; each ticket is a third of a handshake's work.
        context.num_tickets = 1
        for path in (self.server_cert, self.server_key, self.client_ca):
            try:
                path.open("rb").close()
            except OSError as error:
                raise UsageError(f"{path} cannot be read: {error.strerror}") from None
        try:
            # A callable for the password: an encrypted key must not make OpenSSL ask the terminal.
            context.load_cert_chain(self.server_cert, self.server_key, lambda: "")
        except (ssl.SSLError, ValueError) as error:
            raise UsageError(
                f"{self.server_cert} and {self.server_key} are not a certificate and its "
                f"unencrypted key in PEM: {_why(error)}"
            ) from None
        try:
            context.load_verify_locations(self.client_ca)
        except (ssl.SSLError, ValueError) as error:
            raise UsageError(
                f"{self.client_ca} holds no certificate in PEM: {_why(error)}"
            ) from None
        return context


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address. Names other than localhost do not count."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _why(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)
