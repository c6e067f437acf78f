"""Whatever a trace holds, the judge gives verdicts or one clear error, and soon."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.judge import Outcome, judge
from rig.judge.catalogue import Profile, default_catalogue
from rig.judge.command import judge_files
from rig.judge.rules import RULES
from rig.trace import Event, Header, Trace, TraceError, read_trace
from tests.rig.judge.tape import Tape

RECORDINGS = Path(__file__).parents[3] / "fixtures" / "traces"
SUCCESS = RECORDINGS / "success.jsonl"
KINDS = [
    ("mqtt", kind)
    for kind in ("TCP_OPEN", "TCP_CLOSE", "CONNACK", "PUBLISH", "SUBSCRIBE", "PUBACK")
] + [
    ("http", "REQUEST"), ("http", "RESPONSE"), ("rig", "BOOT"), ("rig", "COMMAND"),
    ("rig", "JOB_CREATED"), ("rig", "FAULT"), ("rig", "EXPECT"), ("probe", "READ"),
    ("probe", "FLASH"), ("power", "CUT"), ("nonsense", "NONSENSE"),
]  # fmt: skip
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
KEYS = [
    "topic", "payload", "qos", "retain", "dup", "pid", "filters", "rc", "version", "slot", "state",
    "name", "arguments", "job_id", "image", "signed", "status", "length", "sha256", "target",
    "method", "headers", "at", "action",
]  # fmt: skip


def test_every_requirement_has_its_rule_and_every_rule_its_requirement() -> None:
    assert list(RULES) == sorted(default_catalogue().requirements)
    assert set(judge(read_trace(SUCCESS))) == set(default_catalogue().requirements)


def test_an_empty_trace_shows_nothing() -> None:
    verdicts = judge(Trace(Header("s", "d", "t"), ()))
    assert {verdict.outcome for verdict in verdicts.values()} == {Outcome.NOT_OBSERVED}
    assert all(verdict.why for verdict in verdicts.values())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_junk_in_every_field(data: st.DataObject) -> None:
    events = []
    for number in range(data.draw(st.integers(1, 8))):
        channel, kind = data.draw(st.sampled_from(KINDS))
        keys = data.draw(st.dictionaries(st.sampled_from(KEYS), JUNK, max_size=6))
        direction = data.draw(st.sampled_from([None, "from_device", "to_device"]))
        conn = data.draw(st.none() | st.integers(0, 3))
        events.append(Event(float(number), channel, kind, direction, conn, None, keys, number + 2))
    verdicts = judge(Trace(Header("s", "d", "t", {"momentum": [], "block_size": "x"}), (*events,)))
    assert len(verdicts) == 172


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_spoilt_recordings(data: st.DataObject) -> None:
    """Lines left out, put elsewhere, and payloads changed in any byte."""
    path = data.draw(st.sampled_from(sorted(RECORDINGS.glob("*.jsonl"))))
    events = list(read_trace(path).events)
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(events) - 1))
        match data.draw(st.sampled_from(["drop", "move", "spoil"])):
            case "drop":
                del events[position]
            case "move":
                events.insert(data.draw(st.integers(0, len(events) - 1)), events.pop(position))
            case "spoil":
                payload = bytearray.fromhex(events[position].data.get("payload", "00") or "00")
                index = data.draw(st.integers(0, len(payload) - 1))
                payload[index] = data.draw(st.integers(0, 255))
                events[position].data["payload"] = payload.hex()
    renumbered = tuple(
        Event(float(n), e.channel, e.kind, e.dir, e.conn, e.boot, e.data, n + 2)
        for n, e in enumerate(events)
    )
    assert len(judge(Trace(read_trace(path).header, renumbered))) == 172


HOSTILE_DOCUMENTS: list[bytes] = [
    b"[" * 100_000,
    b'{"execution":{"jobId":"J","jobDocument":{"afr_ota":[]}}}',
    b'{"execution":{"jobId":["J"],"statusDetails":7,"jobDocument":"x"}}',
    b'{"execution":{"jobId":"J","jobDocument":{"afr_ota":{"files":[7],"protocols":9}}}}',
    b'{"execution":{"jobId":"J","jobDocument":{"afr_ota":{"files":{"a":1},"streamname":[]}}}}',
    json.dumps({"execution": {"jobId": "J", "jobDocument": {"afr_ota": {
        "protocols": ["MQTT"], "streamname": "S",
        "files": [{"filesize": 0xFFFFFFFF, "fileid": 0, "update_data_url": "http://[bad"}],
    }}}}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("document", HOSTILE_DOCUMENTS)
def test_hostile_documents(document: bytes) -> None:
    tape = Tape()
    tape.start()
    tape.answer()
    tape.news(document)
    tape.subscribe_stream()
    tape.request([0, 1, 2], blocks=64)
    tape.data(2**31, size=1)
    tape.get(0, 5)
    tape.publish("jobs/J/update", b'{"status":[],"statusDetails":{"a":{}}}', 1)
    tape.publish("jobs/J/update", b"[" * 100_000, 1)
    tape.publish("streams/S/get/cbor", b"\x9f" * 50_000, 0)
    assert len(tape.verdicts()) == 172


def long_download(blocks: int) -> Tape:
    """One long, good download, and then status after status."""
    tape = Tape(window=1)
    tape.start()
    tape.answer()
    document: dict[str, Any] = {
        "execution": {"jobId": "J", "jobDocument": {"afr_ota": {
            "protocols": ["MQTT"], "streamname": "S",
            "files": [{"filesize": blocks * 4096, "fileid": 0}],
        }}}
    }  # fmt: skip
    tape.news(document)
    tape.subscribe_stream()
    wanted = (1 << blocks) - 1
    length = -(-blocks // 8)
    for index in range(blocks):
        bits = wanted.to_bytes(length, "little")
        head = bytes.fromhex("a6616363726479616600616c191000616f006162")
        size = b"\x59" + length.to_bytes(2, "big") if length > 255 else b"\x58" + bytes([length])
        payload = head + size + bits + bytes.fromhex("616e01")
        tape.publish("streams/S/get/cbor", payload, 0)
        tape.data(index, size=4096)
        wanted &= ~(1 << index)
    return tape


def test_the_cost_grows_with_the_trace_and_no_faster() -> None:
    """Twice the trace, at most a bit more than twice the steps: counted, not timed."""
    steps = {}
    for updates in (20, 40):
        tape = Tape()
        tape.flash()
        tape.start()
        tape.answer()
        for number in range(updates):
            tape.update(f"J{number}", f"1.0.{number}", f"1.0.{number + 1}", f"S{number}")
        steps[updates] = _calls_while_judging(tape)
    assert steps[40] < 3 * steps[20]


def _calls_while_judging(tape: Tape) -> int:
    trace, calls = tape.trace(), 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        judge(trace)
    finally:
        sys.setprofile(before)
    return calls


def test_a_long_download_is_judged() -> None:
    verdicts = long_download(500).verdicts()
    assert verdicts["OTA-DAT-013"].outcome is Outcome.SATISFIED
    assert verdicts["OTA-DAT-010"].outcome is Outcome.SATISFIED
    assert len(verdicts["OTA-DAT-002"].events) <= 12


# -- the command --------------------------------------------------------------------------------


def test_command_prints_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    code = judge_files([SUCCESS], json=True)
    printed = json.loads(capsys.readouterr().out)
    assert code == 4
    assert set(printed) == {"requirements"}
    entry = printed["requirements"]["OTA-TST-004"]
    assert entry["level"] == "MUST"
    assert entry["verdict"] == "satisfied"
    assert entry["events"] == [74, 76]
    assert set(entry) == {"level", "verdict", "events", "why"}


def test_command_names_what_is_violated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = SUCCESS.read_text().splitlines()
    lines[6] = lines[6].replace('"retain":false', '"retain":true')
    edited = tmp_path / "edited.jsonl"
    edited.write_text("\n".join(lines))
    assert judge_files([edited]) == 1
    printed = capsys.readouterr().out
    assert "violated   OTA-CTL-007  MUST" in printed
    assert "[line 7]" in printed
    assert "1 violated" in printed


def test_strict_counts_a_should(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = SUCCESS.read_text().splitlines()
    del lines[27]  # the progress report after the first block
    edited = tmp_path / "edited.jsonl"
    edited.write_text("\n".join(lines))
    assert judge_files([edited]) == 4
    assert judge_files([edited], strict=True) == 1


def test_command_combines_traces(capsys: pytest.CaptureFixture[str]) -> None:
    names = [RECORDINGS / "bad-base64.jsonl", SUCCESS]
    assert judge_files(names, json=True) == 4
    printed = json.loads(capsys.readouterr().out)
    assert printed["requirements"]["OTA-JOB-014"]["trace"] == str(names[0])
    assert printed["requirements"]["OTA-TST-004"]["trace"] == str(SUCCESS)
    assert set(printed["traces"]) == {str(name) for name in names}


@pytest.mark.parametrize("content", ["", "{", '{"schema":"other/1"}', "\x00" * 50])
def test_command_refuses_what_is_no_trace(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "no.jsonl"
    path.write_text(content)
    with pytest.raises(TraceError, match=r"no\.jsonl"):
        judge_files([SUCCESS, path])
    assert capsys.readouterr().out == ""


def test_text_of_a_trace_cannot_write_to_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = SUCCESS.read_text().splitlines()
    header = json.loads(lines[0])
    header["scenario"] = "\x1b[2Jclear"
    lines[0] = json.dumps(header)
    path = tmp_path / "hostile.jsonl"
    path.write_text("\n".join(lines))
    judge_files([path])
    assert "\x1b" not in capsys.readouterr().out


def test_profiles_name_known_requirements() -> None:
    core = default_catalogue().profile(Profile.CORE)
    assert {requirement.id for requirement in core} <= set(RULES)
