"""Deliberate faults, addressed by packet: "the third data block to the device", never by time.

The plan is pure: it is shown packets and says what becomes of them. Connections do as it says.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from rig.gateway.codec.packets import TYPE_OF, Packet, PacketType, Publish

Direction = Literal["from_device", "to_device"]


@dataclass(frozen=True)
class Drop:
    """The packet vanishes."""


@dataclass(frozen=True)
class CloseConnection:
    """The network connection breaks instead of the packet."""


@dataclass(frozen=True)
class Replace:
    """A PUBLISH gets another payload."""

    payload: bytes


@dataclass(frozen=True)
class Rewrite:
    """A PUBLISH gets the payload that this makes of its own."""

    edit: Callable[[bytes], bytes]


@dataclass(frozen=True)
class Duplicate:
    """The packet comes `copies` times."""

    copies: int = 2


@dataclass(frozen=True)
class Hold:
    """The packet waits until `FaultPlan.release` of this name, or for the connection's end."""

    name: str


Action = Drop | CloseConnection | Replace | Rewrite | Duplicate | Hold


@dataclass(frozen=True)
class PacketMatch:
    """Which packets: a direction, a packet type, and for PUBLISH the end or the whole of a topic.

    Of the packets that fit, the `nth` (from 1) is the first to be hit and `count` are hit in all,
    None for all from there on. `topic_regex` must match the whole topic, `thing` the client id.
    Raises `ValueError` for what can never match.
    """

    dir: Direction
    kind: str
    topic_suffix: str | None = None
    topic_regex: str | None = None
    nth: int = 1
    count: int | None = 1
    thing: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in PacketType.__members__:
            raise ValueError(f"{self.kind!r} is not an MQTT packet type")
        if self.dir not in ("from_device", "to_device"):
            raise ValueError(f"{self.dir!r} is neither 'from_device' nor 'to_device'")
        if self.nth < 1 or (self.count is not None and self.count < 1):
            raise ValueError(f"nth={self.nth} and count={self.count} must be 1 or more")
        if self.kind != "PUBLISH" and (self.topic_suffix or self.topic_regex):
            raise ValueError(f"{self.kind} has no topic to match")
        if self.topic_regex is not None:
            try:
                re.compile(self.topic_regex)
            except re.error as error:
                raise ValueError(f"topic_regex {self.topic_regex!r}: {error}") from None

    def fits(self, direction: Direction, packet: Packet, thing: str | None) -> bool:
        """Whether the packet is of this kind, whichever its number."""
        if direction != self.dir or TYPE_OF[type(packet)].name != self.kind:
            return False
        if self.thing is not None and thing != self.thing:
            return False
        if isinstance(packet, Publish):
            if self.topic_suffix is not None and not packet.topic.endswith(self.topic_suffix):
                return False
            if self.topic_regex is not None and not re.fullmatch(self.topic_regex, packet.topic):
                return False
        return True


@dataclass(frozen=True)
class Fault:
    """What happens to which packets. Raises `ValueError` for an action that cannot be done."""

    match: PacketMatch
    action: Action

    def __post_init__(self) -> None:
        if isinstance(self.action, Replace | Rewrite) and self.match.kind != "PUBLISH":
            raise ValueError(f"{self.match.kind} has no payload to replace")


@dataclass(frozen=True)
class Passage:
    """What becomes of one packet: the packets that go on in its place, and what else is done."""

    packets: tuple[Packet, ...]
    fault: Fault | None = None
    nth: int = 0
    hold: str | None = None
    close: bool = False


@dataclass
class _Armed:
    fault: Fault
    seen: int = 0

    def hits(self) -> bool:
        match = self.fault.match
        return self.seen >= match.nth and not self.is_spent(before=1)

    def is_spent(self, before: int = 0) -> bool:
        """Whether it has hit as often as it may; `before` leaves out the latest packets."""
        match = self.fault.match
        return match.count is not None and self.seen - before >= match.nth + match.count - 1


class FaultPlan:
    """The faults in force. Empty by default: it sins only when told. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []
        self._listeners: list[Callable[[str], None]] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force; it counts packets from now on."""
        with self._lock:
            self._armed.append(_Armed(fault))

    def end(self, fault: Fault) -> None:
        """End this very fault, spent or not; what it holds is let go only by `release`."""
        with self._lock:
            self._armed = [armed for armed in self._armed if armed.fault is not fault]

    def clear(self) -> None:
        """End all faults and let go what they hold."""
        with self._lock:
            names = {
                armed.fault.action.name
                for armed in self._armed
                if isinstance(armed.fault.action, Hold)
            }
            self._armed.clear()
        for name in names:
            self._tell(name)

    def release(self, name: str) -> None:
        """End the holds of this name and let go what they hold, in its order."""
        with self._lock:
            self._armed = [
                armed
                for armed in self._armed
                if not (isinstance(armed.fault.action, Hold) and armed.fault.action.name == name)
            ]
        self._tell(name)

    def on_release(self, listener: Callable[[str], None]) -> None:
        """Call the listener, in the releasing thread, with each name that is released."""
        with self._lock:
            self._listeners.append(listener)

    def forget_listener(self, listener: Callable[[str], None]) -> None:
        with self._lock:
            self._listeners.remove(listener)

    @property
    def idle(self) -> bool:
        """Whether no fault is in force: every packet passes as it is."""
        # Read without the lock: nearly always there is no fault, and packets are many.
        return not self._armed

    def judge(self, direction: Direction, packet: Packet, thing: str | None = None) -> Passage:
        """What becomes of this packet. Every fault counts it, the first that hits is done."""
        if self.idle:
            return Passage((packet,))
        hit: tuple[Fault, int] | None = None
        with self._lock:
            for armed in self._armed:
                if not armed.fault.match.fits(direction, packet, thing):
                    continue
                armed.seen += 1
                if hit is None and armed.hits():
                    hit = armed.fault, armed.seen
            self._armed = [
                armed
                for armed in self._armed
                # A hold stays until its release, which is told by its name.
                if isinstance(armed.fault.action, Hold) or not armed.is_spent()
            ]
        return Passage((packet,)) if hit is None else _passage(packet, *hit)

    def _tell(self, name: str) -> None:
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(name)


def _passage(packet: Packet, fault: Fault, nth: int) -> Passage:
    match fault.action:
        case Drop():
            return Passage((), fault, nth)
        case CloseConnection():
            return Passage((), fault, nth, close=True)
        case Replace(payload):
            assert isinstance(packet, Publish)
            return Passage((replace(packet, payload=payload),), fault, nth)
        case Rewrite(edit):
            assert isinstance(packet, Publish)
            return Passage((replace(packet, payload=edit(packet.payload)),), fault, nth)
        case Duplicate(copies):
            again = packet
            if isinstance(packet, Publish) and packet.qos:
                again = replace(packet, dup=True)
            return Passage((packet, *[again] * (copies - 1)), fault, nth)
        case Hold(name):
            return Passage((packet,), fault, nth, hold=name)
