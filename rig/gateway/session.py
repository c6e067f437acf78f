"""One device's connection, sans I/O: packets in, acts out.

The session stands between the device and a connection of its own to the broker. It answers the
device's requests with what the job service says, keeps packet identifiers of both kinds of
deliveries apart, and lets through only what `policy` allows (job service §1.8, §8.2). It holds
nothing that outlives the connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from rig.gateway import policy
from rig.gateway.codec.packets import (
    SUBACK_FAILURE,
    TYPE_OF,
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    UnsupportedConnect,
)
from rig.gateway.packet_ids import NoFreePacketId, PacketIds
from rig.jobs.outcome import Notification, Outcome

# AWS's limit, checked before anybody looks into a payload (job service §8.2 A12, §10).
MAX_PAYLOAD = 128 * 1024
# QoS 2 is unknown to AWS (job service §1.2), so subscriptions are granted QoS 1 at most.
MAX_QOS = 1


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
class Close:
    """End the connection to the device; to the broker with DISCONNECT only if `graceful`."""

    reason: str
    graceful: bool = False


Act = Send | Forward | OpenBroker | Ask | Notify | Close


@dataclass
class Session:
    """`may_connect` tells whether the peer has proved to be the thing of a name (A2, A3)."""

    may_connect: Callable[[str], bool]
    state: State = State.NEW
    thing: str | None = None
    keepalive: int = 0
    _ids: PacketIds = field(default_factory=PacketIds)
    # SUBSCRIBEs on their way to the broker: packet identifier → codes, None where it decides.
    _subscribing: dict[int, list[int | None]] = field(default_factory=dict)
    _late_news: list[Notification] = field(default_factory=list)

    # -- from the device -----------------------------------------------------------------------

    def on_device(self, packet: Packet) -> Iterator[Act]:
        """What a packet of the device brings about. In OPENING no packet may be shown."""
        if self.state is State.NEW:
            yield from self._on_first(packet)
        elif self.state is State.OPEN:
            yield from self._on_next(packet)

    def _on_first(self, packet: Packet) -> Iterator[Act]:
        if isinstance(packet, UnsupportedConnect):
            name, level = packet.protocol_name, packet.level
            yield from self._refuse(1, f"protocol {name!r} level {level} is not supported")
        elif not isinstance(packet, Connect):
            yield self._close(f"the first packet is {_name(packet)}, not CONNECT")
        elif not packet.client_id:
            yield from self._refuse(2, "the client id is empty; it must be the thing's name")
        elif not self.may_connect(packet.client_id):
            yield from self._refuse(5, f"the peer has not proved to be {packet.client_id!r}")
        elif packet.will and not policy.may_leave_will(packet.client_id, packet.will.topic):
            yield from self._refuse(5, f"the will may not go to {packet.will.topic!r}")
        elif packet.will and packet.will.qos > MAX_QOS:
            yield from self._refuse(5, "the will has QoS 2, which AWS IoT does not know")
        elif packet.will and len(packet.will.payload) > MAX_PAYLOAD:
            yield from self._refuse(5, "the will is larger than 128 KiB")
        else:
            self.state = State.OPENING
            self.thing = packet.client_id
            self.keepalive = packet.keepalive
            # The device's user name and password mean nothing here (job service §0.19) and are
            # not the broker's business.
            yield OpenBroker(replace(packet, username=None, password=None))

    def _on_next(self, packet: Packet) -> Iterator[Act]:
        match packet:
            case Publish():
                yield from self._on_publish(packet)
            case Puback(pid):
                broker_pid = self._ids.acknowledged(pid)
                if broker_pid is not None:
                    yield Forward(Puback(broker_pid))
            case Subscribe():
                yield from self._on_subscribe(packet)
            case Unsubscribe():
                yield Forward(packet)
            case Pingreq():
                yield Send(Pingresp())
            case Disconnect():
                yield from self._flush_news()
                yield self._close("DISCONNECT", graceful=True)
            case Connect() | UnsupportedConnect():
                yield self._close("a second CONNECT")
            case _:
                yield self._close(f"{_name(packet)}, which a device has no reason to send")

    def _on_publish(self, packet: Publish) -> Iterator[Act]:
        assert self.thing is not None
        if packet.qos > MAX_QOS:
            yield self._close("PUBLISH with QoS 2, which AWS IoT does not know")
        elif len(packet.payload) > MAX_PAYLOAD:
            yield self._close(f"a payload of {len(packet.payload)} bytes, above 128 KiB")
        else:
            match policy.decide_publish(self.thing, packet.topic):
                case policy.PublishDecision.REQUEST:
                    yield Ask(self.thing, packet)
                case policy.PublishDecision.FORWARD:
                    yield Forward(packet)
                case policy.PublishDecision.REFUSE:
                    yield self._close(f"PUBLISH to {packet.topic!r} is not allowed")

    def _on_subscribe(self, packet: Subscribe) -> Iterator[Act]:
        assert self.thing is not None
        codes: list[int | None] = []
        allowed = []
        for topic_filter, qos in packet.filters:
            if policy.may_subscribe(self.thing, topic_filter):
                allowed.append((topic_filter, min(qos, MAX_QOS)))
                codes.append(None)
            else:
                codes.append(SUBACK_FAILURE)
        if allowed:
            self._subscribing[packet.pid] = codes
            yield Forward(Subscribe(packet.pid, tuple(allowed)))
        else:
            yield Send(Suback(packet.pid, (SUBACK_FAILURE,) * len(codes)))

    # -- from the job service ------------------------------------------------------------------

    def answer(self, request: Publish, outcome: Outcome) -> Iterator[Act]:
        """PUBACK, replies at the request's QoS, then the news (job service §1.7, §1.8)."""
        if request.pid is not None:
            yield Send(Puback(request.pid))
        for reply in outcome.replies:
            try:
                pid = self._ids.for_reply() if request.qos else None
            except NoFreePacketId:
                yield self._close("the device acknowledges nothing")
                break
            yield Send(Publish(reply.topic, reply.payload, request.qos, pid=pid))
        self._late_news += outcome.notifications
        if not self._subscribing:
            yield from self._flush_news()

    def holds_back(self, notification: Notification) -> bool:
        """Whether news from elsewhere waits here, behind the device's own (see `_flush_news`).

        Else a job made after a device's report would be told before what the report brought about.
        """
        if self._subscribing:
            self._late_news.append(notification)
        return bool(self._subscribing)

    def _flush_news(self) -> Iterator[Act]:
        """The news waits for subscriptions on their way: they take another path to the broker
        than it does, and the device asked for them first."""
        news, self._late_news = self._late_news, []
        for notification in news:
            yield Notify(notification)

    # -- from the broker -----------------------------------------------------------------------

    def broker_opened(self, session_present: bool) -> Iterator[Act]:
        self.state = State.OPEN
        yield Send(Connack(0, session_present))

    def broker_refused(self, why: str) -> Iterator[Act]:
        yield from self._refuse(3, why)

    def broker_lost(self, why: str) -> Iterator[Act]:
        if self.state is not State.ENDED:
            yield self._close(why)

    def on_broker(self, packet: Packet) -> Iterator[Act]:
        """What a packet of the broker brings about, after its CONNACK."""
        if self.state is not State.OPEN:
            return
        match packet:
            case Publish():
                yield from self._on_delivery(packet)
            case Puback() | Unsuback():
                yield Send(packet)
            case Suback():
                yield from self._on_suback(packet)
            case Pingresp():
                pass
            case _:
                yield self._close(f"the broker sent {_name(packet)}")

    def _on_delivery(self, packet: Publish) -> Iterator[Act]:
        assert self.thing is not None
        if packet.qos > MAX_QOS:
            yield self._close("the broker delivered with QoS 2, which nobody subscribed to")
        elif not policy.may_deliver(self.thing, packet.topic):
            if packet.pid is not None:
                yield Forward(Puback(packet.pid))
        elif packet.pid is None:
            yield Send(packet)
        else:
            try:
                pid = self._ids.for_delivery(packet.pid)
            except NoFreePacketId:
                yield self._close("the device acknowledges nothing")
            else:
                yield Send(replace(packet, pid=pid))

    def _on_suback(self, packet: Suback) -> Iterator[Act]:
        granted = iter(packet.codes)
        codes = self._subscribing.pop(packet.pid, [None] * len(packet.codes))
        merged = tuple(next(granted, SUBACK_FAILURE) if code is None else code for code in codes)
        yield Send(Suback(packet.pid, merged))
        if not self._subscribing:
            yield from self._flush_news()

    # -- the end -------------------------------------------------------------------------------

    def end(self) -> Iterator[Act]:
        """The connection to the device is gone; nothing more may be shown."""
        self.state = State.ENDED
        yield from self._flush_news()

    def _refuse(self, rc: int, why: str) -> Iterator[Act]:
        yield Send(Connack(rc))
        yield self._close(f"CONNACK {rc}: {why}")

    def _close(self, reason: str, graceful: bool = False) -> Close:
        self.state = State.ENDED
        return Close(reason, graceful)


def _name(packet: Packet) -> str:
    return TYPE_OF[type(packet)].name
