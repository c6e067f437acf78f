"""One device's connection, sans I/O: packets in, acts out.

The session stands between the device and a connection of its own to the broker. It answers the
device's requests with what the job service says, keeps packet identifiers of both kinds of
deliveries apart, and lets through only what `policy` allows (job service §1.8, §8.2). It holds
nothing that outlives the connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from rig.gateway import policy
from rig.gateway.acts import (
    Act,
    Ask,
    Close,
    Forward,
    Lack,
    Note,
    Notify,
    OpenBroker,
    Send,
    State,
)
from rig.gateway.codec.encode import encode
from rig.gateway.codec.packets import (
    LEVEL_3_1_1,
    LEVEL_5,
    SUBACK_FAILURE,
    SUPPORTED_LEVELS,
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
from rig.gateway.codec.properties import Property, only, without
from rig.gateway.codec.reasons import Reason, return_code
from rig.gateway.device_terms import DeviceTerms, authenticates, for_broker, for_device
from rig.gateway.limits import MAX_SUBSCRIPTIONS
from rig.gateway.packet_ids import NoFreePacketId, PacketIds
from rig.gateway.settings import MAX_PACKET
from rig.jobs.outcome import Notification, Outcome

# AWS's limit, checked before anybody looks into a payload (job service §8.2 A12, §10).
MAX_PAYLOAD = 128 * 1024
# QoS 2 is unknown to AWS (job service §1.2), so subscriptions are granted QoS 1 at most.
MAX_QOS = 1
# Messages that may wait for a device that takes only so many at a time (MQTT 5 §4.9).
MAX_WAITING = 1024

_Explained = TypeVar("_Explained", Connack, Disconnect)

_SPEAKS_3_1_1_ONLY = (
    "the device speaks MQTT 5, the broker behind the gateway 3.1.1 only; "
    "give one that speaks 5 with --broker, as mosquitto does"
)


@dataclass
class Session:
    """`may_connect` tells whether the peer has proved to be the thing of a name (A2, A3).

    `levels` are the protocol levels that the broker speaks, `max_packet` the bytes of the largest
    packet that a device is told it may send.
    """

    may_connect: Callable[[str], bool]
    levels: frozenset[int] = SUPPORTED_LEVELS
    max_packet: int = MAX_PACKET
    state: State = State.NEW
    thing: str | None = None
    keepalive: int = 0
    level: int = LEVEL_3_1_1
    _terms: DeviceTerms = field(default_factory=DeviceTerms)
    # Deliveries, with the broker's identifier, and replies, with none, until the device takes more.
    _waiting: deque[Publish] = field(default_factory=deque)
    _ids: PacketIds = field(default_factory=PacketIds)
    # SUBSCRIBEs on their way to the broker: packet identifier → codes, None where it decides.
    _subscribing: dict[int, list[int | None]] = field(default_factory=dict)
    _late_news: list[Notification] = field(default_factory=list)
    # What it may be subscribed to; a resumed session begins anew, as it has no more room here.
    _subscribed: set[str] = field(default_factory=set)

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
            yield from self._refuse(
                Reason.UNSUPPORTED_PROTOCOL_VERSION,
                f"protocol {name!r} level {level} is not supported",
            )
        elif isinstance(packet, Connect):
            self.level = packet.level
            yield from self._on_connect(packet)
        else:
            yield from self._close(f"the first packet is {_name(packet)}, not CONNECT")

    def _on_connect(self, packet: Connect) -> Iterator[Act]:
        will = packet.will
        if not packet.client_id:
            yield from self._refuse(
                Reason.CLIENT_IDENTIFIER_NOT_VALID,
                "the client id is empty; it must be the thing's name",
            )
        elif not self.may_connect(packet.client_id):
            yield from self._refuse(
                Reason.NOT_AUTHORIZED, f"the peer has not proved to be {packet.client_id!r}"
            )
        elif packet.level not in self.levels:
            yield Lack(_SPEAKS_3_1_1_ONLY)
            yield from self._refuse(Reason.UNSUPPORTED_PROTOCOL_VERSION, _SPEAKS_3_1_1_ONLY)
        elif authenticates(packet):
            yield from self._refuse(
                Reason.BAD_AUTHENTICATION_METHOD, "AWS IoT knows no authentication methods"
            )
        elif will and not policy.may_leave_will(packet.client_id, will.topic):
            yield from self._refuse(Reason.NOT_AUTHORIZED, f"the will may not go to {will.topic!r}")
        elif will and will.qos > MAX_QOS:
            yield from self._refuse(
                Reason.QOS_NOT_SUPPORTED, "the will has QoS 2, which AWS IoT does not know"
            )
        elif will and len(will.payload) > MAX_PAYLOAD:
            yield from self._refuse(Reason.PACKET_TOO_LARGE, "the will is larger than 128 KiB")
        else:
            self.state = State.OPENING
            self.thing = packet.client_id
            self.keepalive = packet.keepalive
            self._terms = DeviceTerms.of(packet)
            yield OpenBroker(for_broker(packet))

    def _on_next(self, packet: Packet) -> Iterator[Act]:
        match packet:
            case Publish():
                yield from self._on_publish(packet)
            case Puback(pid):
                broker_pid = self._ids.acknowledged(pid)
                if broker_pid is not None:
                    yield Forward(replace(packet, pid=broker_pid))
                yield from self._send_waiting()
            case Subscribe():
                yield from self._on_subscribe(packet)
            case Unsubscribe():
                self._subscribed.difference_update(packet.filters)
                yield Forward(packet)
            case Pingreq():
                yield Send(Pingresp())
            case Disconnect():
                yield from self._flush_news()
                self.state = State.ENDED
                yield Close("DISCONNECT", packet)
            case Connect() | UnsupportedConnect():
                yield from self._close("a second CONNECT", Reason.PROTOCOL_ERROR)
            case _:
                yield from self._close(
                    f"{_name(packet)}, which a device has no reason to send", Reason.PROTOCOL_ERROR
                )

    def _on_publish(self, packet: Publish) -> Iterator[Act]:
        assert self.thing is not None
        if packet.qos > MAX_QOS:
            yield from self._close(
                "PUBLISH with QoS 2, which AWS IoT does not know", Reason.QOS_NOT_SUPPORTED
            )
        elif len(packet.payload) > MAX_PAYLOAD:
            yield from self._close(
                f"a payload of {len(packet.payload)} bytes, above 128 KiB", Reason.PACKET_TOO_LARGE
            )
        else:
            match policy.decide_publish(self.thing, packet.topic):
                case policy.PublishDecision.REQUEST:
                    yield Ask(self.thing, packet)
                case policy.PublishDecision.FORWARD:
                    if packet.properties:
                        kept = without(packet.properties, Property.TOPIC_ALIAS)
                        packet = replace(packet, properties=kept)
                    yield Forward(packet)
                case policy.PublishDecision.REFUSE:
                    yield from self._close(
                        f"PUBLISH to {packet.topic!r} is not allowed", Reason.NOT_AUTHORIZED
                    )

    def _on_subscribe(self, packet: Subscribe) -> Iterator[Act]:
        assert self.thing is not None
        codes: list[int | None] = []
        allowed = []
        for topic_filter, options in packet.filters:
            if not policy.may_subscribe(self.thing, topic_filter):
                codes.append(self._refusal_of(topic_filter))
            elif self._is_one_too_many(topic_filter):
                codes.append(SUBACK_FAILURE if self.level < LEVEL_5 else Reason.QUOTA_EXCEEDED)
            else:
                self._subscribed.add(topic_filter)
                qos = min(options & 0x03, MAX_QOS)
                allowed.append((topic_filter, options & ~0x03 | qos))
                codes.append(None)
        if allowed:
            self._subscribing[packet.pid] = codes
            yield Forward(replace(packet, filters=tuple(allowed)))
        else:
            yield Send(Suback(packet.pid, tuple(code for code in codes if code is not None)))

    def _is_one_too_many(self, topic_filter: str) -> bool:
        return topic_filter not in self._subscribed and len(self._subscribed) >= MAX_SUBSCRIPTIONS

    def _refusal_of(self, topic_filter: str) -> int:
        if self.level < LEVEL_5:
            return SUBACK_FAILURE
        if topic_filter.startswith("$share/"):
            return Reason.SHARED_SUBSCRIPTIONS_NOT_SUPPORTED
        return Reason.NOT_AUTHORIZED

    # -- from the job service ------------------------------------------------------------------

    def answer(self, request: Publish, outcome: Outcome) -> Iterator[Act]:
        """PUBACK, replies at the request's QoS, then the news (job service §1.7, §1.8).

        A request's correlation data comes back with each reply (MQTT 5 §4.10); its response topic
        is not looked at, as the topics of replies are fixed.
        """
        if request.pid is not None:
            yield Send(Puback(request.pid))
        properties = only(request.properties, Property.CORRELATION_DATA)
        answers = (
            Publish(reply.topic, reply.payload, request.qos, properties=properties)
            for reply in outcome.replies
        )
        if request.qos or self._terms.max_packet:
            yield from self._on_terms(answers)
        else:
            # The blocks of a download: nothing to number, nothing to measure.
            yield from map(Send, answers)
        self._late_news += outcome.notifications
        if not self._subscribing:
            yield from self._flush_news()

    def _on_terms(self, answers: Iterable[Publish]) -> Iterator[Act]:
        """Send what the device takes."""
        for answer in answers:
            size = self._terms.max_packet and len(encode(replace(answer, qos=0), self.level)) + 2
            if size > self._terms.max_packet:
                # As if it had been sent (MQTT 5 §3.1.2.11.4).
                yield Note(f"{answer.topic} not sent: {size} bytes, more than the device takes")
                continue
            yield from self._deliver(answer)
            if self.state is State.ENDED:
                return

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

    # -- to the device -------------------------------------------------------------------------

    def _deliver(self, packet: Publish) -> Iterator[Act]:
        """Send what the device takes now; the rest when it has acknowledged (MQTT 5 §4.9)."""
        if not packet.qos:
            yield Send(packet)
        elif self._waiting or self._ids.in_flight >= self._terms.receive_maximum:
            self._waiting.append(packet)
            if self.level < LEVEL_5 or len(self._waiting) > MAX_WAITING:
                yield from self._close("the device acknowledges nothing", Reason.QUOTA_EXCEEDED)
        else:
            yield from self._number(packet)

    def _send_waiting(self) -> Iterator[Act]:
        while self._waiting and self._ids.in_flight < self._terms.receive_maximum:
            yield from self._number(self._waiting.popleft())

    def _number(self, packet: Publish) -> Iterator[Act]:
        try:
            pid = (
                self._ids.for_reply() if packet.pid is None else self._ids.for_delivery(packet.pid)
            )
        except NoFreePacketId:
            yield from self._close("the device acknowledges nothing", Reason.QUOTA_EXCEEDED)
        else:
            yield Send(replace(packet, pid=pid))

    def say_goodbye(self, reason: Reason, why: str) -> Iterator[Act]:
        """Tell the device why its connection ends, if its level has words for that."""
        if self.level >= LEVEL_5 and self.state is State.OPEN:
            yield Send(self._explained(Disconnect(reason), why))

    # -- from the broker -----------------------------------------------------------------------

    def broker_opened(self, connack: Connack) -> Iterator[Act]:
        self.state = State.OPEN
        if self.level >= LEVEL_5:
            connack = for_device(connack, self.max_packet, MAX_QOS)
        yield Send(connack)

    def broker_refused(self, why: str, reason: Reason) -> Iterator[Act]:
        """The broker did not take the device: it is down, or speaks another level."""
        if reason is Reason.UNSUPPORTED_PROTOCOL_VERSION:
            yield Lack(f"{_SPEAKS_3_1_1_ONLY} ({why})")
        yield from self._refuse(reason, why)

    def broker_lost(self, why: str) -> Iterator[Act]:
        if self.state is not State.ENDED:
            yield from self._close(why, Reason.UNSPECIFIED)

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
            case Disconnect() if self.level >= LEVEL_5:
                yield Send(packet)
                yield from self._close(f"the broker sent DISCONNECT with {packet.rc:#04x}")
            case _:
                yield from self._close(f"the broker sent {_name(packet)}", Reason.UNSPECIFIED)

    def _on_delivery(self, packet: Publish) -> Iterator[Act]:
        assert self.thing is not None
        if packet.qos > MAX_QOS:
            yield from self._close(
                "the broker delivered with QoS 2, which nobody subscribed to", Reason.UNSPECIFIED
            )
        elif policy.may_deliver(self.thing, packet.topic):
            yield from self._deliver(packet)
        elif packet.pid is not None:
            yield Forward(Puback(packet.pid))

    def _on_suback(self, packet: Suback) -> Iterator[Act]:
        granted = iter(packet.codes)
        codes = self._subscribing.pop(packet.pid, [None] * len(packet.codes))
        merged = tuple(next(granted, SUBACK_FAILURE) if code is None else code for code in codes)
        yield Send(replace(packet, codes=merged))
        if not self._subscribing:
            yield from self._flush_news()

    # -- the end -------------------------------------------------------------------------------

    def end(self) -> Iterator[Act]:
        """The connection to the device is gone; nothing more may be shown."""
        self.state = State.ENDED
        yield from self._flush_news()

    def _refuse(self, reason: Reason, why: str) -> Iterator[Act]:
        rc: int = reason if self.level >= LEVEL_5 else return_code(reason)
        yield Send(self._explained(Connack(rc), why))
        yield from self._close(f"CONNACK {rc}: {why}")

    def _close(self, why: str, reason: Reason | None = None) -> Iterator[Act]:
        if reason is not None:
            yield from self.say_goodbye(reason, why)
        self.state = State.ENDED
        yield Close(why)

    def _explained(self, packet: _Explained, why: str) -> _Explained:
        """With the reason as text, where the device takes packets of that size."""
        if self.level < LEVEL_5:
            return packet
        explained = replace(packet, properties=((Property.REASON_STRING, why),))
        limit = self._terms.max_packet
        return explained if not limit or len(encode(explained, LEVEL_5)) <= limit else packet


def _name(packet: Packet) -> str:
    return TYPE_OF[type(packet)].name
