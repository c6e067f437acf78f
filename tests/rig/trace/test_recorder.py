"""The recorder: order, waiting from other threads, and what a timeout says."""

from __future__ import annotations

import itertools
import threading

import pytest

from rig.trace import Event, Header, Recorder, RecorderSwitch, TraceTimeout


def a_recorder() -> Recorder:
    seconds = itertools.count(100.0, 0.5)
    return Recorder(Header("case", "kind", "thing"), monotonic=lambda: next(seconds))


def test_time_starts_with_the_first_event() -> None:
    recorder = a_recorder()
    first = recorder.record("mqtt", "TCP_OPEN", dir="from_device", conn=1)
    second = recorder.record("rig", "NOTE", text="x")
    assert (first.t, second.t) == (0.0, 0.5)
    assert recorder.events == (first, second)
    assert first.to_json() == (
        '{"t":0.0,"channel":"mqtt","dir":"from_device","conn":1,"kind":"TCP_OPEN"}'
    )
    assert second.to_json() == '{"t":0.5,"channel":"rig","kind":"NOTE","text":"x"}'


def test_wait_finds_what_has_happened_since() -> None:
    recorder = a_recorder()
    recorder.record("rig", "NOTE", text="a")
    second = recorder.record("rig", "NOTE", text="b")
    assert recorder.wait(lambda event: event.kind == "NOTE", 0, since=1) == second


def test_wait_is_woken_by_another_thread() -> None:
    recorder = a_recorder()
    seen = threading.Event()

    def wanted(event: Event) -> bool:
        seen.set()
        return event.kind == "BOOT"

    recorder.record("rig", "NOTE")
    found: list[Event] = []
    waiting = threading.Thread(target=lambda: found.append(recorder.wait(wanted, 60)))
    waiting.start()
    assert seen.wait(60)
    recorder.record("rig", "NOTE")
    boot = recorder.record("rig", "BOOT")
    waiting.join()
    assert found == [boot]


def test_a_predicate_sees_each_event_once_and_in_order() -> None:
    recorder = a_recorder()
    seen: list[str] = []

    def third(event: Event) -> bool:
        seen.append(event.data["text"])
        return len(seen) == 3

    recorder.record("rig", "NOTE", text="a")
    started = threading.Event()
    found: list[Event] = []

    def wait() -> None:
        started.set()
        found.append(recorder.wait(third, 60))

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert started.wait(60)
    for text in "bcd":
        recorder.record("rig", "NOTE", text=text)
    waiting.join()
    assert seen == ["a", "b", "c"]
    assert found[0].data == {"text": "c"}


def test_a_failing_predicate_fails_the_waiter_not_the_recording_thread() -> None:
    recorder = a_recorder()
    recorder.record("rig", "NOTE")
    with pytest.raises(KeyError):
        recorder.wait(lambda event: bool(event.data["absent"]), 0)
    assert recorder.record("rig", "NOTE").kind == "NOTE"


def test_timeout_names_what_was_waited_for_and_the_last_events() -> None:
    recorder = a_recorder()
    recorder.record("mqtt", "PUBLISH", dir="from_device", conn=7, topic="a/b")
    with pytest.raises(TraceTimeout) as raised:
        recorder.wait(lambda event: False, 0.01, what="a CONNACK")
    assert str(raised.value) == (
        "no event was a CONNACK within 0.01 s (1 events seen since event 0, the last: "
        "0.000 mqtt from_device conn=7 PUBLISH topic=a/b)"
    )


def test_a_timed_out_wait_leaves_nothing_behind() -> None:
    recorder = a_recorder()
    calls: list[Event] = []

    def never(event: Event) -> bool:
        calls.append(event)
        return False

    with pytest.raises(TraceTimeout):
        recorder.wait(never, 0)
    recorder.record("rig", "NOTE")
    assert calls == []


def test_the_switch_records_into_the_current_recorder_only() -> None:
    first, second = a_recorder(), a_recorder()
    switch = RecorderSwitch()
    assert switch.record("rig", "NOTE") is None
    switch.use(first)
    switch.record("rig", "NOTE", text="1")
    switch.use(second)
    switch.record("rig", "NOTE", text="2")
    switch.use(None)
    switch.record("rig", "NOTE", text="3")
    assert [event.data["text"] for event in (*first.events, *second.events)] == ["1", "2"]


def test_a_wait_ends_with_what_looking_after_the_bench_raises() -> None:
    recorder = a_recorder()
    looks: list[int] = []

    def look() -> None:
        looks.append(1)
        raise ConnectionError("the probe is gone")

    with pytest.raises(ConnectionError, match="probe is gone"):
        recorder.wait(lambda _event: False, 600, look_after=look)
    assert looks == [1]
    # Nobody waits any more, so nothing is shown to the predicate of a wait that has ended.
    recorder.record("rig", "NOTE", text="later")
    assert recorder._waiters == []
