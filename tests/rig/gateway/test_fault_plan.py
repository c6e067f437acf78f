"""Which packets a fault hits, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rig.gateway.codec import Connack, Packet, Puback, Publish
from rig.gateway.faults import (
    Action,
    CloseConnection,
    Drop,
    Duplicate,
    Fault,
    FaultPlan,
    Hold,
    PacketMatch,
    Passage,
    Replace,
    Rewrite,
)

DATA = "$aws/things/T/streams/s/data/cbor"


def data(number: int) -> Publish:
    return Publish(DATA, bytes([number]), 0)


def survivors(plan: FaultPlan, count: int) -> list[int]:
    """The numbers of the data packets that pass, of `count` sent to the device."""
    return [
        packet.payload[0]
        for number in range(1, count + 1)
        for packet in plan.judge("to_device", data(number)).packets
        if isinstance(packet, Publish)
    ]


def a_plan(match: PacketMatch, action: Action) -> FaultPlan:
    plan = FaultPlan()
    plan.add(Fault(match, action))
    return plan


def blocks(nth: int = 1, count: int | None = 1) -> PacketMatch:
    return PacketMatch("to_device", "PUBLISH", topic_suffix="/data/cbor", nth=nth, count=count)


def test_without_faults_everything_passes() -> None:
    assert FaultPlan().judge("to_device", data(1)) == Passage((data(1),))


def test_the_third_is_dropped() -> None:
    assert survivors(a_plan(blocks(nth=3), Drop()), 5) == [1, 2, 4, 5]


def test_the_second_and_third_are_dropped() -> None:
    assert survivors(a_plan(blocks(nth=2, count=2), Drop()), 5) == [1, 4, 5]


def test_all_from_the_second_on_are_dropped() -> None:
    assert survivors(a_plan(blocks(nth=2, count=None), Drop()), 5) == [1]


def test_all_faults_count_and_the_first_that_hits_is_done() -> None:
    plan = a_plan(blocks(nth=2), Drop())
    plan.add(Fault(blocks(nth=3), Duplicate()))
    assert survivors(plan, 4) == [1, 3, 3, 4]


def test_clear_ends_all_faults() -> None:
    plan = a_plan(blocks(count=None), Drop())
    plan.clear()
    assert survivors(plan, 2) == [1, 2]


MATCHES: dict[str, tuple[PacketMatch, Packet, bool]] = {
    "other direction": (PacketMatch("from_device", "PUBLISH"), data(1), False),
    "other kind": (PacketMatch("to_device", "PUBACK"), data(1), False),
    "kind alone": (PacketMatch("to_device", "PUBLISH"), data(1), True),
    "suffix": (PacketMatch("to_device", "PUBLISH", topic_suffix="/cbor"), data(1), True),
    "other suffix": (PacketMatch("to_device", "PUBLISH", topic_suffix="/json"), data(1), False),
    "regex": (
        PacketMatch("to_device", "PUBLISH", topic_regex=r".*/streams/[^/]+/data/(cbor|json)"),
        data(1),
        True,
    ),
    "regex on a part": (PacketMatch("to_device", "PUBLISH", topic_regex="data"), data(1), False),
    "thing": (PacketMatch("to_device", "PUBLISH", thing="T"), data(1), True),
    "other thing": (PacketMatch("to_device", "PUBLISH", thing="U"), data(1), False),
    "CONNACK": (PacketMatch("to_device", "CONNACK"), Connack(0), True),
}


@pytest.mark.parametrize("name", MATCHES)
def test_matches(name: str) -> None:
    match, packet, fits = MATCHES[name]
    assert match.fits("to_device", packet, "T") is fits


def test_what_the_actions_do() -> None:
    acknowledged = Publish(DATA, b"x", 1, pid=5)
    again = Publish(DATA, b"x", 1, dup=True, pid=5)
    expected: dict[Action, tuple[tuple[Packet, ...], str | None, bool]] = {
        Drop(): ((), None, False),
        CloseConnection(): ((), None, True),
        Replace(b"other"): ((Publish(DATA, b"other", 1, pid=5),), None, False),
        Duplicate(): ((acknowledged, again), None, False),
        Rewrite(bytes.upper): ((Publish(DATA, b"X", 1, pid=5),), None, False),
        Duplicate(copies=3): ((acknowledged, again, again), None, False),
        Hold("h"): ((acknowledged,), "h", False),
    }
    for action, (packets, hold, close) in expected.items():
        plan = a_plan(blocks(), action)
        fault = Fault(blocks(), action)
        assert plan.judge("to_device", acknowledged) == Passage(packets, fault, 1, hold, close)


def test_a_release_is_told_and_ends_the_hold() -> None:
    plan = a_plan(blocks(count=None), Hold("h"))
    plan.add(Fault(PacketMatch("to_device", "PUBACK", count=None), Hold("other")))
    told: list[str] = []
    plan.on_release(told.append)
    assert plan.judge("to_device", data(1)).hold == "h"
    plan.release("h")
    assert plan.judge("to_device", data(2)).hold is None
    assert plan.judge("to_device", Puback(1)).hold == "other"
    plan.clear()
    assert told == ["h", "other"]
    plan.forget_listener(told.append)
    plan.release("h")
    assert told == ["h", "other"]


IMPOSSIBLE: dict[str, tuple[Callable[[], object], str]] = {
    "kind": (lambda: PacketMatch("to_device", "PUBLISHED"), "not an MQTT packet type"),
    "direction": (lambda: PacketMatch("up", "PUBLISH"), "neither"),  # type: ignore[arg-type]
    "nth": (lambda: PacketMatch("to_device", "PUBLISH", nth=0), "nth=0"),
    "count": (lambda: PacketMatch("to_device", "PUBLISH", count=0), "count=0"),
    "topic of PUBACK": (lambda: PacketMatch("to_device", "PUBACK", topic_suffix="x"), "no topic"),
    "regex": (lambda: PacketMatch("to_device", "PUBLISH", topic_regex="("), "topic_regex"),
    "payload of PUBACK": (
        lambda: Fault(PacketMatch("to_device", "PUBACK"), Replace(b"")),
        "no payload",
    ),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_a_fault_that_can_never_happen_is_refused(name: str) -> None:
    make, why = IMPOSSIBLE[name]
    with pytest.raises(ValueError, match=why):
        make()


def test_a_fault_is_ended() -> None:
    plan = FaultPlan()
    ended, kept = Fault(blocks(nth=2, count=None), Drop()), Fault(blocks(nth=4), Drop())
    plan.add(ended)
    plan.add(kept)
    assert survivors(plan, 2) == [1]
    plan.end(ended)
    assert survivors(plan, 3) == [1, 3]
