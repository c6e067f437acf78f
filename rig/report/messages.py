"""The messages of a case for people: what is worth an arrow, what is folded, what is left out.

A row is an arrow between device and rig, or a note on what the bench did. Data blocks in a row
are one arrow, and of a long transfer only its beginning and its end are shown. What shows a
violation is always a row of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from rig.report.message_text import block_index, describe, is_data, is_transfer
from rig.trace import Event, Trace

MAX_ROWS = 160
TRANSFER_HEAD, TRANSFER_TAIL = 4, 2
"""How many rows of a long transfer are shown before and after the fold."""
TO_RIG, TO_DEVICE, NOTE = "to-rig", "to-device", "note"
_SHAPES = {"from_device": TO_RIG, "to_device": TO_DEVICE}
# Nothing is said by these that their neighbours do not say.
QUIET = frozenset({"PINGREQ", "PINGRESP", "PUBACK", "SUBACK", "UNSUBACK", "TCP_OPEN"})


@dataclass(frozen=True)
class Row:
    """One row: the lines of the trace it stands for, and what is shown.

    `t` is seconds since the first event. `shape` is one of `TO_RIG`, `TO_DEVICE`, `NOTE`;
    `rules` are the ids of the requirements that the row shows violated. `kind` counts in a fold.
    """

    line: int
    last_line: int
    t: float
    shape: str
    what: str
    detail: str
    rules: tuple[str, ...] = ()
    kind: str = ""

    @property
    def marked(self) -> bool:
        return bool(self.rules)

    @property
    def lines(self) -> str:
        return f"{self.line}" if self.line == self.last_line else f"{self.line}–{self.last_line}"


def rows(trace: Trace, marked: Mapping[int, Sequence[str]]) -> tuple[Row, ...]:
    """The rows of a trace, at most `MAX_ROWS` and those marked.

    `marked` maps lines of the trace to the requirements that they show violated.
    """
    found = list(_folded(list(_rows(trace, marked))))
    if len(found) <= MAX_ROWS:
        return tuple(found)
    rest = found[MAX_ROWS:]
    last = [row for row in rest if row.marked][:MAX_ROWS]
    note = _fold([row for row in rest if not row.marked])
    return (*found[:MAX_ROWS], *note, *last)


def _rows(trace: Trace, marked: Mapping[int, Sequence[str]]) -> Iterator[Row]:
    """One row an event, neighbours that say the same put together."""
    lined = [
        (position + 2 if event.line is None else event.line, event)
        for position, event in enumerate(trace.events)
    ]
    shown = [pair for pair in lined if pair[0] in marked or not _is_quiet(pair[1])]
    for (kind, _), group in groupby(shown, key=lambda pair: _group(pair[0], pair[1], marked)):
        events = list(group)
        (line, first), (last_line, _) = events[0], events[-1]
        if kind == "data":
            yield _blocks(line, last_line, [event for _, event in events])
        elif kind == "read":
            slots = ", ".join(str(event.data.get("slot")) for _, event in events)
            yield Row(line, last_line, first.t, NOTE, "the rig reads flash", f"slots {slots}")
        else:
            text = describe(first)
            yield Row(
                line,
                line,
                first.t,
                _SHAPES.get(first.dir or "", NOTE) if first.channel in ("mqtt", "http") else NOTE,
                text.what,
                text.detail,
                tuple(marked.get(line, ())),
                text.kind if is_transfer(first) else "",
            )


def _group(line: int, event: Event, marked: Collection[int]) -> tuple[str, int]:
    """What an event is put together with: others of the same key beside it."""
    if line not in marked:
        if is_data(event):
            return "data", 0
        if event.channel == "probe" and event.kind == "READ":
            return "read", 0
    return "", line


def _is_quiet(event: Event) -> bool:
    if event.channel == "console":
        return True  # The console has a place of its own.
    if event.kind == "CONNACK":
        return event.data.get("rc") == 0
    topic = event.data.get("topic")
    if isinstance(topic, str) and topic.endswith("/update/accepted"):
        return True
    return event.channel == "mqtt" and event.kind in QUIET


def _blocks(line: int, last_line: int, events: Sequence[Event]) -> Row:
    indexes = [block_index(event) for event in events]
    shown = ", ".join("undecodable" if index is None else str(index) for index in indexes[:40])
    more = f" and {len(indexes) - 40} more" if len(indexes) > 40 else ""
    what = "data block" if len(events) == 1 else f"{len(events)} data blocks"
    kind = "data block"
    return Row(line, last_line, events[0].t, TO_DEVICE, what, f"{shown}{more}", (), kind)


def _folded(found: list[Row]) -> Iterator[Row]:
    """The middle of each long transfer folded into one row."""
    for transfer, group in groupby(found, key=lambda row: bool(row.kind) and not row.marked):
        members = list(group)
        if not transfer or len(members) <= TRANSFER_HEAD + TRANSFER_TAIL + 2:
            yield from members
            continue
        yield from members[:TRANSFER_HEAD]
        yield from _fold(members[TRANSFER_HEAD:-TRANSFER_TAIL])
        yield from members[-TRANSFER_TAIL:]


def _fold(members: list[Row]) -> list[Row]:
    """One note that stands for these rows."""
    if not members:
        return []
    counts = Counter(row.kind or "other" for row in members)
    detail = ", ".join(f"{count} × {kind}" for kind, count in counts.items())
    first = replace(members[0], last_line=members[-1].last_line, shape=NOTE, kind="")
    return [replace(first, what=f"… {len(members)} more like these", detail=detail)]
