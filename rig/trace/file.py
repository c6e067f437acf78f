"""Trace files: JSON lines, a header and then events."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rig.errors import UsageError
from rig.trace.event import DIRECTIONS, SCHEMA, Event, Header

# The largest packet is 128 KiB, twice that as hex; a line far past it is not a trace.
MAX_LINE_BYTES = 1024 * 1024


class TraceError(UsageError):
    """A trace file that cannot be read: which file, which line (0: the file itself), and why."""

    def __init__(self, file: Path, line: int, what: str) -> None:
        where = f"{file}:{line}" if line else f"{file}"
        super().__init__(f"{where}: {what}")
        self.file = file
        self.line = line
        self.what = what


@dataclass(frozen=True)
class Trace:
    """A whole trace. Each event read from a file knows its line."""

    header: Header
    events: tuple[Event, ...]


def read_trace(path: Path) -> Trace:
    """Read a trace file. Raises `TraceError`."""
    try:
        with path.open("rb") as file:
            return parse_trace(file, path)
    except OSError as error:
        raise TraceError(path, 0, f"cannot be read: {error.strerror}") from None


def parse_trace(file: IO[bytes], path: Path) -> Trace:
    """The trace in an open file, which errors call `path`. Raises `TraceError`."""
    lines = _lines(path, file)
    first = next(lines, None)
    if first is None:
        raise TraceError(path, 0, "is empty; a trace begins with its header")
    header = _header(path, _object(path, *first))
    return Trace(header, tuple(_events(path, lines)))


def _lines(path: Path, file: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise TraceError(path, number, f"the line is longer than {MAX_LINE_BYTES} bytes")
        yield number, line


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise TraceError(path, number, "is not JSON; was the recording cut off?") from None
    if not isinstance(value, dict):
        raise TraceError(path, number, "is not a JSON object")
    return value


def _header(path: Path, keys: dict[str, Any]) -> Header:
    schema = keys.pop("schema", None)
    if schema != SCHEMA:
        raise TraceError(path, 1, f"is not a trace: its schema is {schema!r}, not {SCHEMA!r}")
    scenario = keys.pop("scenario", None)
    device = keys.pop("device", None)
    if not isinstance(scenario, str) or not isinstance(device, dict):
        raise TraceError(path, 1, "the header lacks the text 'scenario' or the object 'device'")
    kind, thing, declares = device.get("kind"), device.get("thing"), device.get("declares", {})
    if not isinstance(kind, str) or not isinstance(thing, str) or not isinstance(declares, dict):
        raise TraceError(path, 1, "'device' lacks the texts 'kind', 'thing' or its 'declares'")
    return Header(scenario, kind, thing, declares, keys)


def _events(path: Path, lines: Iterator[tuple[int, bytes]]) -> Iterator[Event]:
    before = 0.0
    for number, line in lines:
        keys = _object(path, number, line)
        event = _event(path, number, keys)
        if event.t < before:
            raise TraceError(path, number, f"'t' decreases from {before} to {event.t}")
        before = event.t
        yield event


def _event(path: Path, number: int, keys: dict[str, Any]) -> Event:
    t = keys.pop("t", None)
    if not _is_seconds(t):
        raise TraceError(path, number, "'t' must be the seconds since the first event")
    for key in ("channel", "kind"):
        if not isinstance(keys.get(key), str):
            raise TraceError(path, number, f"{key!r} must be a text")
    direction = keys.pop("dir", None)
    if direction is not None and not (isinstance(direction, str) and direction in DIRECTIONS):
        raise TraceError(path, number, f"'dir' must be one of {sorted(DIRECTIONS)}")
    for key in ("conn", "boot"):
        value = keys.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise TraceError(path, number, f"{key!r} must be a whole number")
    return Event(
        t=float(t),
        channel=keys.pop("channel"),
        kind=keys.pop("kind"),
        dir=direction,
        conn=keys.pop("conn", None),
        boot=keys.pop("boot", None),
        data=keys,
        line=number,
    )


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value) and value >= 0
    except OverflowError:
        return False
