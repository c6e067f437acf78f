"""The messages of a case for people: one row an event, data blocks in a row put together."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from rig.judge.story.block import read_block, read_request
from rig.trace import Event, Trace

MAX_ROWS = 400
MAX_DETAIL = 300
ARROWS = {"from_device": "→", "to_device": "←"}
# Nothing is said by these that their neighbours do not say.
QUIET = frozenset({"PINGREQ", "PINGRESP", "PUBACK", "SUBACK", "UNSUBACK"})


@dataclass(frozen=True)
class Row:
    """One row: the line of the trace it is of, and what is shown.

    `arrow` points to the service (→) or to the device (←), `marked` is set for events that show
    a violation.
    """

    line: int
    t: float
    channel: str
    arrow: str
    what: str
    detail: str
    marked: bool


def rows(trace: Trace, marked: Collection[int]) -> tuple[Row, ...]:
    """The rows of a trace, at most `MAX_ROWS`; marked lines are always among them."""
    found: list[Row] = []
    blocks: list[tuple[int, Event]] = []
    for position, event in enumerate(trace.events):
        line = event.line if event.line is not None else position + 2
        if _is_data(event) and line not in marked:
            blocks.append((line, event))
            continue
        if blocks:
            found.append(_blocks_row(blocks))
            blocks = []
        if event.kind not in QUIET or line in marked:
            found.append(_row(line, event, line in marked))
    if blocks:
        found.append(_blocks_row(blocks))
    if len(found) <= MAX_ROWS:
        return tuple(found)
    kept = found[:MAX_ROWS] + [row for row in found[MAX_ROWS:] if row.marked]
    return tuple(kept[: 2 * MAX_ROWS])


def _is_data(event: Event) -> bool:
    topic = event.data.get("topic")
    return (
        event.kind == "PUBLISH"
        and event.dir == "to_device"
        and isinstance(topic, str)
        and "/streams/" in topic
        and "/data/" in topic
    )


def _blocks_row(blocks: list[tuple[int, Event]]) -> Row:
    line, first = blocks[0]
    indexes = [read_block(_payload(event)).index for _, event in blocks]
    shown = ", ".join("undecodable" if index is None else str(index) for index in indexes)
    what = "data block" if len(blocks) == 1 else f"{len(blocks)} data blocks"
    return Row(line, first.t, "mqtt", ARROWS["to_device"], what, _cut(shown), False)


def _row(line: int, event: Event, marked: bool) -> Row:
    what, detail = _texts(event)
    arrow = ARROWS.get(event.dir or "", "")
    return Row(line, event.t, event.channel, arrow, what, _cut(detail), marked)


def _texts(event: Event) -> tuple[str, str]:
    data = event.data
    if event.channel == "mqtt" and event.kind == "PUBLISH":
        topic = str(data.get("topic", ""))
        return f"PUBLISH {_short(topic)} QoS {data.get('qos')}", _payload_text(topic, event)
    if event.kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return event.kind, ", ".join(_filters(data.get("filters")))
    if event.channel == "http":
        if event.kind == "REQUEST":
            headers = data.get("headers")
            span = headers.get("Range", "") if isinstance(headers, dict) else ""
            return f"{data.get('method')} {span}".strip(), str(data.get("target", ""))
        return f"HTTP {data.get('status')}", f"{data.get('length')} bytes"
    if event.channel == "console":
        return "console", str(data.get("text", ""))
    values = ", ".join(f"{key}={_plain(value)}" for key, value in data.items() if key != "payload")
    return event.kind, values


def _filters(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    names = (entry[0] if isinstance(entry, list) and entry else entry for entry in value)
    return [_short(str(name)) for name in names]


def _short(topic: str) -> str:
    """The topic without the part that is the same for all of the device's."""
    parts = topic.split("/", 3)
    return parts[3] if len(parts) == 4 and parts[:2] == ["$aws", "things"] else topic


def _payload(event: Event) -> bytes:
    try:
        return bytes.fromhex(event.data.get("payload", ""))
    except (TypeError, ValueError):
        return b""


def _payload_text(topic: str, event: Event) -> str:
    payload = _payload(event)
    if "/streams/" in topic and "/get/" in topic:
        request = read_request(payload)
        if request.defect is not None:
            return request.defect
        wanted = request.wanted.bit_count()
        return (
            f"{wanted} blocks wanted, n={request.count} l={request.block_size} "
            f"f={request.file_id} b={request.bitmap.hex()}"
        )
    return payload.decode("utf-8", "replace")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_DETAIL else f"{text[:MAX_DETAIL]}…"
