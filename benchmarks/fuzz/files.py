"""Files that somebody hands to the rig: traces to judge, board files, firmware images."""

from __future__ import annotations

import io
import json
from pathlib import Path

from agent.protocol.image import ImageError, build_image, read_header
from agent.protocol.version import Version
from rig.errors import UsageError
from rig.judge import judge
from rig.trace import Header, Trace, TraceError, parse_trace
from targets.board import BOARDS, read_board

TRACES = Path(__file__).parents[2] / "fixtures" / "traces"
_PATH = Path("trace.jsonl")
_HEADER = Header("s", "d", "thing1", {"block_size": 4096, "window": 1})
_SHOWN_LINES = 40


def trace(data: bytes) -> None:
    """A trace whose events are written as they were read, or the one error."""
    try:
        found = parse_trace(io.BytesIO(data), _PATH)
    except TraceError as error:
        assert error.line >= 0
        return
    for event in found.events:
        json.loads(event.to_json())
        event.brief()


def judged_trace(data: bytes) -> None:
    """Lines of events, whatever they say: every requirement gets its verdict."""
    content = _HEADER.to_json().encode() + b"\n" + data
    try:
        found = parse_trace(io.BytesIO(content), _PATH)
    except TraceError:
        # Of a trace that breaks off, what came before is judged.
        return
    assert all(verdict.why for verdict in judge(Trace(found.header, found.events)).values())


def board_file(data: bytes) -> None:
    """A board, or an error that names the file in one line of bearable length."""
    try:
        read_board(data, "board.toml")
    except UsageError as error:
        text = str(error)
        assert text.startswith("board.toml: ")
        assert len(text) < 2000, len(text)


def image_header(data: bytes) -> None:
    try:
        header = read_header(data)
    except ImageError:
        return
    assert header.image_size >= 64


def trace_seeds() -> list[bytes]:
    return [
        b"".join(path.read_bytes().splitlines(keepends=True)[:6])
        for path in sorted(TRACES.glob("*.jsonl"))[:4]
    ]


def event_seeds() -> list[bytes]:
    found = []
    for path in sorted(TRACES.glob("*.jsonl")):
        lines = [
            line for line in path.read_bytes().splitlines(keepends=True)[1:] if len(line) < 900
        ]
        found.append(b"".join(lines[:_SHOWN_LINES])[:8000])
    return found


def board_seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted(BOARDS.glob("*.toml"))]


def image_seeds() -> list[bytes]:
    return [build_image(Version(1, 2, 3), 80)]
