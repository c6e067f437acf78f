"""Trace files: what is written comes back, and what is wrong is named with its line."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.trace import MAX_LINE_BYTES, Header, Recorder, TraceError, read_trace

RECORDINGS = sorted((Path(__file__).parents[3] / "fixtures/traces").glob("*.jsonl"))
HEADER = Header("case", "reference", "thing1", {"block_size": 4096}).to_json()
EVENT = '{"t":0.0,"channel":"rig","kind":"NOTE"}'


def a_file(directory: Path, *lines: str) -> Path:
    path = directory / "trace.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    recorder = Recorder(Header("case", "kind", "thing", {"window": 8}, {"new": [1]}))
    recorder.record("mqtt", "PUBLISH", dir="to_device", conn=3, topic="ü", payload="00ff")
    recorder.record("rig", "BOOT", boot=2, version="1.0.0")
    path = tmp_path / "trace.jsonl"
    recorder.save(path)
    trace = read_trace(path)
    assert trace.header == recorder.header
    assert [event.to_dict() for event in trace.events] == [
        event.to_dict() for event in recorder.events
    ]
    assert [event.line for event in trace.events] == [2, 3]


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_recordings_of_the_c_library_come_back_line_by_line(path: Path) -> None:
    trace = read_trace(path)
    written = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert json.loads(trace.header.to_json()) == written[0]
    assert [event.to_dict() for event in trace.events] == written[1:]


def test_there_are_recordings() -> None:
    assert RECORDINGS


WRONG = {
    "empty file": ([], 0, "is empty"),
    "not JSON": ([HEADER, "{"], 2, "is not JSON"),
    "deep nesting": ([HEADER, "[" * 100_000], 2, "is not JSON"),
    "not an object": ([HEADER, "[]"], 2, "is not a JSON object"),
    "foreign schema": (['{"schema":"x/1"}'], 1, "is not a trace"),
    "no device": (['{"schema":"otarig-trace/1","scenario":"s"}'], 1, "lacks"),
    "no thing": (['{"schema":"otarig-trace/1","scenario":"s","device":{"kind":"k"}}'], 1, "lacks"),
    "no time": ([HEADER, '{"channel":"rig","kind":"NOTE"}'], 2, "'t' must"),
    "true as time": ([HEADER, '{"t":true,"channel":"rig","kind":"NOTE"}'], 2, "'t' must"),
    "time not a number": ([HEADER, '{"t":NaN,"channel":"rig","kind":"NOTE"}'], 2, "'t' must"),
    "huge time": ([HEADER, f'{{"t":1{"0" * 400},"channel":"rig","kind":"N"}}'], 2, "'t' must"),
    "decreasing time": (
        [HEADER, EVENT.replace("0.0", "2"), EVENT],
        3,
        "'t' decreases from 2.0 to 0.0",
    ),
    "no kind": ([HEADER, '{"t":0,"channel":"rig"}'], 2, "'kind' must"),
    "channel a number": ([HEADER, '{"t":0,"channel":1,"kind":"NOTE"}'], 2, "'channel' must"),
    "unknown direction": ([HEADER, EVENT[:-1] + ',"dir":"up"}'], 2, "'dir' must"),
    "direction a list": ([HEADER, EVENT[:-1] + ',"dir":[]}'], 2, "'dir' must"),
    "connection a text": ([HEADER, EVENT[:-1] + ',"conn":"1"}'], 2, "'conn' must"),
    "long line": ([HEADER, "x" * MAX_LINE_BYTES], 2, "is longer than"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_its_line(name: str, tmp_path: Path) -> None:
    lines, line, what = WRONG[name]
    path = a_file(tmp_path, *lines)
    with pytest.raises(TraceError) as raised:
        read_trace(path)
    assert raised.value.line == line
    assert what in raised.value.what
    assert str(raised.value).startswith(f"{path}:{line}: " if line else f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="cannot be read: No such file"):
        read_trace(tmp_path / "absent.jsonl")


def test_unknown_keys_and_kinds_are_kept(tmp_path: Path) -> None:
    path = a_file(tmp_path, HEADER, '{"t":0,"channel":"new","kind":"ODD","more":{"x":1}}')
    (event,) = read_trace(path).events
    assert (event.channel, event.kind, event.data) == ("new", "ODD", {"more": {"x": 1}})


@given(junk=st.binary(max_size=200))
def test_junk_gives_no_other_error(junk: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("junk") / "trace.jsonl"
    path.write_bytes(HEADER.encode() + b"\n" + junk)
    with contextlib.suppress(TraceError):
        assert read_trace(path).header.scenario == "case"
