"""What the page says of a trace: messages, states and consoles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.protocol.states import State
from agent.protocol.transitions import TRANSITIONS
from rig.report.case_page import story
from rig.report.console import MAX_LINES, boots
from rig.report.messages import MAX_ROWS, NOTE, TO_DEVICE, TO_RIG, rows
from rig.report.states import POSITIONS, edges, tour
from rig.trace import Event, Header, Trace, read_trace
from tests.rig.report.made import RECORDINGS


def trace_of(*events: Event) -> Trace:
    return Trace(Header("s", "d", "t"), events)


def rig_event(line: int, **data: Any) -> Event:
    return Event(float(line), "rig", "NOTE", data=data, line=line)


def line_of(text: str, boot: int | None = 1) -> Event:
    return Event(0.5, "console", "LINE", boot=boot, data={"text": text})


def test_rows_are_bounded_and_keep_what_is_marked() -> None:
    trace = trace_of(*(rig_event(n, text=f"note {n}") for n in range(2, 3 * MAX_ROWS)))
    found = rows(trace, {400: ("OTA-CTL-007",)})
    assert len(found) == MAX_ROWS + 2
    assert found[-2].what.startswith("… ")
    assert found[-1].rules == ("OTA-CTL-007",)
    assert found[-1].detail == "text note 400"


def test_blocks_and_long_transfers_are_folded() -> None:
    found = rows(read_trace(RECORDINGS / "success.jsonl"), {})
    blocks = [row for row in found if "data block" in row.what]
    assert blocks[0].what == "8 data blocks"
    assert blocks[0].detail == "0, 1, 2, 3, 4, 5, 6, 7"
    assert blocks[0].shape == TO_DEVICE
    assert len(found) < 40


def test_what_is_marked_is_never_folded() -> None:
    trace = read_trace(RECORDINGS / "success.jsonl")
    lines = [e.line for e in trace.events if "/data/" in str(e.data.get("topic")) and e.line]
    found = rows(trace, {lines[3]: ("OTA-DAT-001",), lines[20]: ("OTA-DAT-002",)})
    assert [row.line for row in found if row.marked] == [lines[3], lines[20]]
    assert all(row.shape == TO_DEVICE for row in found if row.marked)


def test_a_long_transfer_shows_its_beginning_and_its_end() -> None:
    events = [
        Event(float(n), "http", "REQUEST", "from_device", 1,
              data={"method": "GET", "headers": {"Range": f"bytes={n}-"}, "target": "/x?secret"},
              line=n)
        for n in range(2, 102)
    ]  # fmt: skip
    found = rows(trace_of(*events), {})
    assert [row.what for row in found] == [
        "GET bytes=2-", "GET bytes=3-", "GET bytes=4-", "GET bytes=5-",
        "… 94 more like these",
        "GET bytes=100-", "GET bytes=101-",
    ]  # fmt: skip
    assert found[4].shape == NOTE
    assert found[4].lines == "6–99"
    assert found[0].shape == TO_RIG
    assert found[0].detail == "/x"


def test_hostile_events_have_words() -> None:
    events = (
        Event(0.0, "mqtt", "PUBLISH", "from_device", 1, data={"topic": 7, "payload": "zz"}),
        Event(0.0, "mqtt", "PUBLISH", "to_device", 1, data={"topic": None, "payload": None}),
        Event(0.0, "mqtt", "PUBLISH", "from_device", 1,
              data={"topic": "$aws/things/t/jobs/j/update", "payload": b"[[1]]".hex()}),
        Event(0.0, "mqtt", "PUBLISH", "from_device", 1,
              data={"topic": "a/b/c/d", "payload": (b"[" * 100_000).hex()}),
        Event(0.0, "mqtt", "SUBSCRIBE", "from_device", 1, data={"filters": "x"}),
        Event(0.0, "mqtt", "SUBSCRIBE", "from_device", 1, data={"filters": [[], 3, ["a"]]}),
        Event(0.0, "http", "REQUEST", "from_device", 1, data={"headers": 5}),
        Event(0.0, "rig", "JOB_CREATED", data={"image": 3}),
        Event(0.0, "rig", "BOOT", data={}),
        Event(0.0, "probe", "FLASH", data={"slot": {}}),
    )  # fmt: skip
    trace = trace_of(*events)
    assert len(rows(trace, {})) == len(events)
    assert all(len(row.detail) < 200 for row in rows(trace, {}))
    assert boots(trace) == ()
    assert tour(trace_of(*events[:6])).moves == frozenset()


def test_the_console_tells_the_states() -> None:
    found = tour(trace_of(
        line_of("ota: state Ready -> RequestingJob"),
        line_of("ota: state <script> -> RequestingJob"),
        line_of("ota: state Nowhere -> Ready"),
    ))  # fmt: skip
    assert found.told
    assert found.moves == {(State.READY, State.REQUESTING_JOB)}
    assert found.visited == (State.READY, State.REQUESTING_JOB)


def test_the_wire_shows_states_where_no_console_does() -> None:
    found = tour(read_trace(RECORDINGS / "success.jsonl"))
    assert not found.told
    assert State.WAITING_FOR_FILE_BLOCK in found.visited
    assert (State.CREATING_FILE, State.WAITING_FOR_JOB) in found.moves
    assert State.SUSPENDED not in found.visited


def test_the_drawing_has_every_row_of_the_table() -> None:
    drawn = {(edge.source, edge.target) for edge in edges()}
    for row in TRANSITIONS:
        assert {row.state, row.next_state} <= set(POSITIONS)
        assert row.state is row.next_state or (row.state, row.next_state) in drawn


def test_consoles_are_told_boot_by_boot_and_bounded() -> None:
    first = [line_of(f"line {n}") for n in range(MAX_LINES + 5)]
    boot = Event(1.0, "rig", "BOOT", boot=2, data={"version": "1.0.1", "slot": "B"})
    found = boots(trace_of(*first, boot, line_of("hello", 2), line_of("noise", None)))
    assert [entry.title for entry in found] == [
        "Boot 1", "Boot 2, version 1.0.1 in slot B", "before the first boot",
    ]  # fmt: skip
    assert len(found[0].lines) == MAX_LINES
    assert found[0].more == 5
    assert found[1].lines == ["   0.500  hello"]


@pytest.mark.parametrize(
    ("text", "summary", "steps"),
    [
        ("", "", ()),
        ("It works.\nWell.", "It works. Well.", ()),
        ("It works.\n\n1. One\n   more.\n2. Two.", "It works.", ("One more.", "Two.")),
    ],
)
def test_stories(text: str, summary: str, steps: tuple[str, ...]) -> None:
    assert story(text) == (summary, steps)


def test_recordings_are_all_short_enough_to_read() -> None:
    for path in sorted(Path(RECORDINGS).glob("*.jsonl")):
        assert len(rows(read_trace(path), {})) < 70, path.name
