"""Where the broker behind the gateway is."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from rig.errors import UsageError
from rig.gateway.codec import SUPPORTED_LEVELS

DEFAULT_PORT = 1883


@dataclass(frozen=True)
class BrokerEndpoint:
    """Address and credentials of a broker that speaks MQTT 3.1.1, or 5 as well, over TCP.

    `levels` are the protocol levels that it may speak; whether it does, its CONNACK tells.
    """

    host: str
    port: int = DEFAULT_PORT
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    levels: frozenset[int] = SUPPORTED_LEVELS

    @classmethod
    def parse(cls, url: str) -> BrokerEndpoint:
        """Read `mqtt://[user[:password]@]host[:port]`. Raises `UsageError`."""
        # The URL is not shown whole: it may hold a password.
        shape = "write it as mqtt://host:port"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise UsageError(f"the broker URL has no valid port: {shape}") from None
        if parts.scheme != "mqtt":
            raise UsageError(f"the broker URL must begin with mqtt://: {shape}")
        if not parts.hostname or port == 0:
            raise UsageError(f"the broker URL lacks the host or has port 0: {shape}")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise UsageError(f"the broker URL has something after the port: {shape}")
        if parts.password and not parts.username:
            raise UsageError(f"the broker URL has a password without a user name: {shape}")
        return cls(
            parts.hostname,
            port or DEFAULT_PORT,
            unquote(parts.username) if parts.username else None,
            unquote(parts.password) if parts.password else None,
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
