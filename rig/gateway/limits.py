"""What one device may take of the gateway, whatever it does."""

from __future__ import annotations

import resource
from collections import Counter
from typing import Generic, TypeVar

# Filters that a connection may be subscribed to at a time (job service §10).
MAX_SUBSCRIPTIONS = 50
# How long a device may read nothing of what waits for it, or leave a packet half sent.
STALL_S = 60.0
# What an event of the trace takes beside the packet, and how often it holds the packet's bytes.
EVENT_BYTES = 1000
COPIES = 3
RATION_SPENT = "its part of the trace is full"
# Events of a connection that wait until it shows whose it is: TCP_OPEN, CONNECT, a fault.
MAX_WITHHELD = 4
# What holds may keep back on one connection; a device that asks again and again stops there.
MAX_HELD_BYTES = 16 << 20
# Connections that have not shown whose they are; each takes up to 61 KiB with TLS.
MAX_STRANGERS = 2048
# What the embedded broker keeps: messages that wait for one client, connected or not (the limit
# of mosquitto); messages that wait to be given out, whose senders are not read meanwhile; retained
# messages and their bytes, of all devices together.
MAX_QUEUED = 1000
MAX_BROADCASTS = 1000
MAX_RETAINED = 10_000
MAX_RETAINED_BYTES = 32 << 20

Connection = TypeVar("Connection")


def traced_bytes(packets: int, size: int) -> int:
    """About what so many packets of this size together take in the trace."""
    return packets * EVENT_BYTES + COPIES * size


def max_strangers() -> int:
    """A quarter of the files that the process may have open, so that known devices always can."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MAX_STRANGERS if soft == resource.RLIM_INFINITY else min(MAX_STRANGERS, soft // 4)


class Strangers(Generic[Connection]):
    """Connections that have not shown whose they are, by the address they come from.

    There is room for `room` of them. One too many costs the oldest of the address that has most:
    who floods, loses its own.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._from: dict[Connection, str] = {}

    def __len__(self) -> int:
        return len(self._from)

    def add(self, connection: Connection, address: str) -> Connection | None:
        """One more; returns the one that has to go for it, if there is no room."""
        self._from[connection] = address
        if len(self._from) <= self._room:
            return None
        ((greediest, _),) = Counter(self._from.values()).most_common(1)
        oldest = next(each for each, where in self._from.items() if where == greediest)
        del self._from[oldest]
        return oldest

    def discard(self, connection: Connection) -> None:
        """It has shown whose it is, or has gone."""
        self._from.pop(connection, None)
