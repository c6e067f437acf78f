"""What the gateway needs of the job engine."""

from __future__ import annotations

from typing import Protocol

from rig.jobs.outcome import Outcome


class DeviceService(Protocol):
    """Answers a device's requests. Whatever the request changes is stored on return."""

    def handle(self, thing: str, topic: str, payload: bytes) -> Outcome:
        """The outcome of a request that `thing` published to one of its request topics."""


class Registry(Protocol):
    """Which things there are, and which certificates are theirs (job service §8.2 A2)."""

    def things_of_certificate(self, sha256_hex: str) -> frozenset[str]:
        """The things of an active certificate, by the SHA-256 of its DER form."""

    def has_thing(self, name: str) -> bool: ...
