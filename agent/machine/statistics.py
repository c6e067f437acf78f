"""The four counters of OTA spec §11."""

from __future__ import annotations

from dataclasses import dataclass

MAX_COUNT = 0xFFFFFFFF


@dataclass(frozen=True)
class Statistics:
    """A reading: data blocks received, queued, processed and dropped since the last reset."""

    received: int = 0
    queued: int = 0
    processed: int = 0
    dropped: int = 0


@dataclass
class Counters:
    """The running counters; each stays at 2**32 - 1 once it gets there."""

    received: int = 0
    queued: int = 0
    processed: int = 0
    dropped: int = 0

    def reset(self) -> None:
        """Back to zero."""
        self.received = self.queued = self.processed = self.dropped = 0

    def read(self) -> Statistics:
        """The counters as they are now."""
        return Statistics(
            min(self.received, MAX_COUNT),
            min(self.queued, MAX_COUNT),
            min(self.processed, MAX_COUNT),
            min(self.dropped, MAX_COUNT),
        )
