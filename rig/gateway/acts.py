"""What a `Session` has its shell do, and how far its connection is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from rig.gateway.codec.packets import Connect, Disconnect, Packet, Publish
from rig.jobs.outcome import Notification


class State(Enum):
    """How far a connection is."""

    NEW = auto()
    OPENING = auto()
    OPEN = auto()
    ENDED = auto()


@dataclass(frozen=True)
class Send:
    """Send the packet to the device."""

    packet: Packet


@dataclass(frozen=True)
class Forward:
    """Send the packet to the broker."""

    packet: Packet


@dataclass(frozen=True)
class OpenBroker:
    """Take over the client id and open the connection to the broker with this packet."""

    connect: Connect


@dataclass(frozen=True)
class Ask:
    """Have the job service answer, and give the outcome to `Session.answer`."""

    thing: str
    request: Publish


@dataclass(frozen=True)
class Notify:
    """Publish the news through the broker."""

    notification: Notification


@dataclass(frozen=True)
class Lack:
    """The bench lacks what a device may rightly want."""

    what: str


@dataclass(frozen=True)
class Note:
    """For the trace: what the device's own terms kept from it."""

    text: str


@dataclass(frozen=True)
class Close:
    """End the connection to the device; to the broker with this DISCONNECT, if there is one."""

    reason: str
    farewell: Disconnect | None = None


Act = Send | Forward | OpenBroker | Ask | Notify | Lack | Note | Close
