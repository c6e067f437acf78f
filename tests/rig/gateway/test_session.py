"""The session without any I/O: what sockets cannot show, or only with luck."""

from __future__ import annotations

from rig.gateway.acts import Act, Ask, Close, Forward, Notify, OpenBroker, Send, State
from rig.gateway.codec import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Puback,
    Publish,
    Pubrel,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from rig.gateway.codec.reasons import Reason
from rig.gateway.packet_ids import NoFreePacketId, PacketIds
from rig.gateway.session import Session
from rig.jobs.outcome import Notification, Outcome, Reply

REQUEST = Publish("$aws/things/T/jobs/get", b"{}", 1, pid=3)
NEWS = Notification("$aws/things/T/jobs/notify", b"{}")


def a_session() -> Session:
    return Session(lambda thing: thing == "T")


def an_open_session() -> Session:
    session = a_session()
    device(session, Connect("T"))
    assert list(session.broker_opened(Connack(0))) == [Send(Connack(0, False))]
    return session


def device(session: Session, packet: Packet) -> list[Act]:
    return list(session.on_device(packet))


def broker(session: Session, packet: Packet) -> list[Act]:
    return list(session.on_broker(packet))


def test_connect_opens_the_broker_without_the_devices_credentials() -> None:
    session = a_session()
    connect = Connect("T", clean=False, keepalive=30, username="u", password=b"p")
    assert device(session, connect) == [OpenBroker(Connect("T", clean=False, keepalive=30))]
    assert (session.state, session.thing, session.keepalive) == (State.OPENING, "T", 30)


def test_a_broker_that_cannot_be_reached_is_server_unavailable() -> None:
    session = a_session()
    device(session, Connect("T"))
    assert list(session.broker_refused("down", Reason.SERVER_UNAVAILABLE)) == [
        Send(Connack(3)),
        Close("CONNACK 3: down"),
    ]


def test_a_broker_that_is_lost_ends_the_connection_once() -> None:
    session = an_open_session()
    assert list(session.broker_lost("gone")) == [Close("gone")]
    assert list(session.broker_lost("gone")) == []


def test_ordinary_packets_keep_their_identifiers_to_the_broker_and_back() -> None:
    session = an_open_session()
    for packet in (Publish("a", b"", 1, pid=9), Unsubscribe(4, ("a",))):
        assert device(session, packet) == [Forward(packet)]
    for answer in (Puback(9), Unsuback(4)):
        assert broker(session, answer) == [Send(answer)]


def test_subscriptions_are_asked_for_with_qos_1_at_most() -> None:
    session = an_open_session()
    filters = (("a", 2), ("$SYS/#", 0), ("b", 0))
    assert device(session, Subscribe(1, filters)) == [Forward(Subscribe(1, (("a", 1), ("b", 0))))]
    assert broker(session, Suback(1, (1, 0x80))) == [Send(Suback(1, (1, 0x80, 0x80)))]
    assert device(session, Subscribe(2, (("$aws/#", 1),))) == [Send(Suback(2, (0x80,)))]


def test_news_waits_for_every_suback_and_goes_out_at_the_end_at_the_latest() -> None:
    session = an_open_session()
    device(session, Subscribe(1, (("a", 1),)))
    device(session, Subscribe(2, (("b", 1),)))
    assert device(session, REQUEST) == [Ask("T", REQUEST)]
    outcome = Outcome((Reply("r", b"1"),), (NEWS,))
    assert list(session.answer(REQUEST, outcome)) == [
        Send(Puback(3)),
        Send(Publish("r", b"1", 1, pid=65_535)),
    ]
    assert broker(session, Suback(1, (1,))) == [Send(Suback(1, (1,)))]
    assert broker(session, Suback(2, (1,))) == [Send(Suback(2, (1,))), Notify(NEWS)]

    device(session, Subscribe(1, (("a", 1),)))
    list(session.answer(REQUEST, Outcome((), (NEWS,))))
    assert list(session.end()) == [Notify(NEWS)]
    assert list(session.end()) == []


def test_news_from_elsewhere_waits_behind_the_devices_own() -> None:
    session = an_open_session()
    later = Notification("later", b"")
    assert not session.holds_back(later)
    device(session, Subscribe(1, (("a", 1),)))
    list(session.answer(REQUEST, Outcome((), (NEWS,))))
    assert session.holds_back(later)
    assert broker(session, Suback(1, (1,)))[1:] == [Notify(NEWS), Notify(later)]
    assert not session.holds_back(later)


def test_acknowledgements_of_deliveries_reach_the_broker_and_no_others() -> None:
    session = an_open_session()
    list(session.answer(REQUEST, Outcome((Reply("r", b""),))))
    delivery = Publish("a", b"", 1, pid=65_535)
    (sent,) = broker(session, delivery)
    assert isinstance(sent, Send)
    assert isinstance(sent.packet, Publish)
    # The reply holds 65535, so the delivery is given another one.
    assert sent.packet.pid == 65_534
    assert device(session, Puback(65_535)) == []
    assert device(session, Puback(65_534)) == [Forward(Puback(65_535))]
    assert device(session, Puback(65_534)) == []


def test_a_forbidden_delivery_is_acknowledged_for_the_device() -> None:
    session = an_open_session()
    assert broker(session, Publish("$SYS/x", b"", 1, pid=5)) == [Forward(Puback(5))]
    assert broker(session, Publish("$SYS/x", b"")) == []


def test_a_delivery_with_qos_2_and_strange_packets_end_the_connection() -> None:
    for packet in (Publish("a", b"", 2, pid=1), Pubrel(1), Pingreq()):
        (act,) = broker(an_open_session(), packet)
        assert isinstance(act, Close)
        assert act.farewell is None


def test_nothing_happens_after_the_end() -> None:
    session = an_open_session()
    assert device(session, Disconnect()) == [Close("DISCONNECT", Disconnect())]
    assert device(session, REQUEST) == []
    assert broker(session, Publish("a", b"")) == []


def test_packet_identifiers_run_out_cleanly() -> None:
    ids = PacketIds()
    taken = {ids.for_reply() for _ in range(65_535)}
    assert taken == set(range(1, 65_536))
    for take in (ids.for_reply, lambda: ids.for_delivery(7)):
        try:
            take()
        except NoFreePacketId:
            continue
        raise AssertionError("an identifier was given out twice")
    ids.acknowledged(7)
    assert ids.for_delivery(7) == 7


def test_a_device_that_acknowledges_nothing_is_dropped_in_the_end() -> None:
    session = an_open_session()
    outcome = Outcome((Reply("r", b""),) * 65_536)
    last = list(session.answer(REQUEST, outcome))[-1]
    assert last == Close("the device acknowledges nothing")
