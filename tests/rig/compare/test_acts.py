"""The same act of two devices reads the same, another act does not."""

from __future__ import annotations

import cbor2

from rig.compare.acts import acts_of
from rig.compare.difference import first_difference
from rig.trace import Event, Header, Trace

DECLARES = {"block_size": 1024, "window": 8}


def a_trace(thing: str, *events: tuple[str, str, dict[str, object]]) -> Trace:
    header = Header("scenario", "board", thing, DECLARES)
    made = tuple(
        Event(t=0.1 * number, channel=channel, kind=kind, data=data, dir="from_device", conn=1)
        for number, (channel, kind, data) in enumerate(events)
    )
    return Trace(header, made)


def publish(topic: str, payload: bytes, **more: object) -> tuple[str, str, dict[str, object]]:
    data = {"topic": topic, "payload": payload.hex(), "qos": 1, "retain": False, "dup": False}
    return "mqtt", "PUBLISH", {**data, **more}


def report(thing: str, job: str, payload: bytes, **more: object) -> Trace:
    return a_trace(thing, publish(f"$aws/things/{thing}/jobs/{job}/update", payload, **more))


def texts(trace: Trace) -> list[str]:
    return [act.text for act in acts_of(trace)]


def test_names_tokens_and_key_order_do_not_count() -> None:
    one = report("A", "AFR_OTA-1", b'{"status":"FAILED","clientToken":"x","expectedVersion":"1"}')
    other = report("B", "other", b'{"expectedVersion":"1", "status":"FAILED"}')
    assert texts(one) == ['reports job 1: {"expectedVersion": "1", "status": "FAILED"}']
    assert first_difference(acts_of(one), acts_of(other)) is None


def test_what_is_said_counts_and_how() -> None:
    usual = acts_of(report("A", "J", b'{"status":"FAILED"}'))
    for other in (
        report("A", "J", b'{"status":"SUCCEEDED"}'),
        report("A", "J", b'{"status":"FAILED"}', retain=True),
        report("A", "J", b'{"status":"FAILED"}', qos=2),
        report("A", "J", b"not JSON"),
    ):
        found = first_difference(usual, acts_of(other))
        assert found is not None
        assert found.number == 1
        assert found.theirs is not None


def test_jobs_are_told_apart() -> None:
    update = b'{"status":"FAILED"}'
    trace = a_trace(
        "T",
        *(publish(f"$aws/things/T/jobs/{job}/update", update) for job in ("a", "b", "a")),
    )
    assert [text.split(":")[0] for text in texts(trace)] == [
        "reports job 1",
        "reports job 2",
        "reports job 1",
    ]


def test_blocks_asked_for_are_told_by_number() -> None:
    asked = {"c": "rdy", "f": 0, "l": 1024, "o": 0, "b": bytes([0b1011_0001]), "n": 4}
    trace = a_trace("T", publish("$aws/things/T/streams/S/get/cbor", cbor2.dumps(asked), qos=0))
    assert texts(trace) == ["asks for 4 blocks of stream 1, file 0: 0, 4-5, 7 of 1024 bytes"]


def test_the_first_difference_comes_with_what_went_before() -> None:
    update = b'{"status":"FAILED"}'
    names = ["a", "b", "c", "d", "e"]
    topics = [f"$aws/things/T/jobs/{name}/update" for name in names]
    ours = acts_of(a_trace("T", *(publish(topic, update) for topic in topics)))
    theirs = acts_of(a_trace("T", *(publish(topic, update) for topic in topics[:4])))
    found = first_difference(ours, theirs)
    assert found is not None
    assert found.number == 5
    assert found.common == tuple(ours[1:4])
    assert (found.ours, found.theirs) == (ours[4], None)
