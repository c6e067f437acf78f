"""What the AWS library and its service really sent decodes, and encodes to the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from agent.protocol import status, topics
from agent.protocol.codes import JobReason
from agent.protocol.job_document import DocumentRefused, JobMessage, parse_job_message
from agent.protocol.job_model import Defect
from agent.protocol.status import ParsedStatus, StatusMessage, parse_status
from agent.protocol.stream import (
    StreamError,
    decode_data,
    decode_request,
    encode_data,
    encode_request,
)
from agent.protocol.topics import ReservedApi, ReservedTopic, parse_reserved
from agent.protocol.version import Version

TRACES = Path(__file__).parents[3] / "fixtures" / "traces"
NAMES = sorted(path.stem for path in TRACES.glob("*.jsonl"))
WORDS = {"aborted": JobReason.ABORTED, "rejected": JobReason.REJECTED}


@cache
def publishes(name: str) -> list[tuple[str, ReservedTopic, int, bytes]]:
    """Direction, topic, QoS and payload of every PUBLISH of a recording."""
    lines = (TRACES / f"{name}.jsonl").read_text("utf-8").splitlines()[1:]
    found = []
    for event in map(json.loads, lines):
        if event["kind"] == "PUBLISH":
            topic = parse_reserved(event["topic"])
            assert topic is not None
            found.append((event["dir"], topic, event["qos"], bytes.fromhex(event["payload"])))
    return found


def rebuilt(parsed: ParsedStatus) -> StatusMessage:
    """The message our builders make of a status that was read."""
    details = parsed.details
    if "receive" in details:
        stored, total = map(int, details["receive"].split("/"))
        return status.receiving(stored, total)
    if "self_test" in details:
        builders: dict[str, Callable[[Version], StatusMessage]] = {
            "ready": status.self_test_ready,
            "active": status.self_test_active,
        }
        return builders[details["self_test"]](Version.unpack(int(details["updatedBy"], 16)))
    reason = details["reason"]
    if parsed.status == "SUCCEEDED":
        running = Version.parse(reason.removeprefix("accepted  v"))
        return status.accepted(running, Version.parse(details["updatedBy"].removeprefix("  v")))
    first, second = reason.split(": ")
    if first in WORDS:
        return status.failed(WORDS[first], int(second, 16))
    return status.failed_with_values(int(first, 16), int(second, 16))


@pytest.mark.parametrize("name", NAMES)
def test_every_status_is_built_the_same(name: str) -> None:
    messages = [
        StatusMessage(payload, qos)
        for direction, topic, qos, payload in publishes(name)
        if topic.api is ReservedApi.UPDATE and direction == "from_device"
    ]
    assert messages
    assert [rebuilt(parse_status(message.payload)) for message in messages] == messages


def test_every_kind_of_status_is_recorded() -> None:
    kinds = set()
    for name in NAMES:
        for direction, topic, _, payload in publishes(name):
            if topic.api is ReservedApi.UPDATE and direction == "from_device":
                parsed = parse_status(payload)
                kinds.add((parsed.status, *sorted(parsed.details)))
    assert kinds == {
        ("IN_PROGRESS", "receive"),
        ("IN_PROGRESS", "self_test", "updatedBy"),
        ("SUCCEEDED", "reason", "updatedBy"),
        ("FAILED", "reason"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_stream_request_is_encoded_the_same(name: str) -> None:
    payloads = [
        payload for _, topic, _, payload in publishes(name) if topic.api is ReservedApi.STREAM_GET
    ]
    assert payloads or name == "bad-base64"
    for payload in payloads:
        request = decode_request(payload, "cbor")
        assert encode_request(request, "cbor") == payload
        assert (request.client_token, request.offset) == ("rdy", 0)


@pytest.mark.parametrize("name", NAMES)
def test_every_data_message_decodes(name: str) -> None:
    payloads = [payload for _, topic, _, payload in publishes(name) if topic.tail == "data"]
    assert payloads or name in {"bad-base64", "no-blocks-momentum"}
    undecodable = 0
    for payload in payloads:
        try:
            block = decode_data(payload, "cbor")
        except StreamError:
            undecodable += 1
            continue
        assert len(block.payload) == block.size <= 4096
        assert decode_data(encode_data(block, "cbor"), "cbor") == block
    assert undecodable == (1 if name == "block-bad-cbor" else 0)


def job_messages(name: str) -> list[bytes]:
    return [
        payload
        for direction, topic, _, payload in publishes(name)
        if direction == "to_device"
        and (
            topic.api is ReservedApi.NOTIFY_NEXT
            or (topic.job_id == topics.NEXT and topic.tail == "accepted")
        )
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_job_document_is_read(name: str) -> None:
    results = [parse_job_message(payload) for payload in job_messages(name)]
    assert any(not isinstance(r, DocumentRefused) or r.job_id for r in results)
    for payload, result in zip(job_messages(name), results, strict=True):
        sent: dict[str, Any] = json.loads(payload)
        execution = sent.get("execution")
        if not execution:
            assert isinstance(result, DocumentRefused)
            empty = set(sent) == {"clientToken", "timestamp"}
            expected = Defect.EMPTY if empty else Defect.NO_JOB
            assert result.defect is expected
        elif name == "bad-base64":
            assert isinstance(result, DocumentRefused)
            assert (result.defect, result.job_id) == (Defect.NON_CONFORMING, execution["jobId"])
        else:
            assert isinstance(result, JobMessage)
            document, ota = result.document, execution["jobDocument"]["afr_ota"]
            file = ota["files"][0]
            assert document.job_id == execution["jobId"]
            assert document.stream_name == ota["streamname"]
            assert (document.file_size, document.file_id) == (file["filesize"], file["fileid"])
            assert document.self_test is ("self_test" in execution.get("statusDetails", {}))


@pytest.mark.parametrize("name", NAMES)
def test_every_topic_is_known(name: str) -> None:
    for direction, topic, _, _ in publishes(name):
        assert topic.api is not ReservedApi.UNKNOWN
        assert topic.thing.startswith("thing")
        if topic.api is ReservedApi.RESPONSE:
            assert direction == "to_device"
