"""Job statuses: the bytes of OTA spec §0, and reading them back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol import status
from agent.protocol.codes import JobReason
from agent.protocol.status import StatusError, StatusMessage, parse_status
from agent.protocol.version import Version

OLD, NEW = Version(0, 9, 2), Version(1, 0, 1)
MESSAGES: dict[str, tuple[StatusMessage, str, int]] = {
    "P-RCV": (
        status.receiving(25, 32),
        '{"status":"IN_PROGRESS","statusDetails":{"receive":"25/32"}}',
        0,
    ),
    "P-RDY": (
        status.self_test_ready(OLD),
        '{"status":"IN_PROGRESS","statusDetails":{"self_test":"ready","updatedBy":"0x00090002"}}',
        1,
    ),
    "P-ACT": (
        status.self_test_active(NEW),
        '{"status":"IN_PROGRESS","statusDetails":{"self_test":"active","updatedBy":"0x01000001"}}',
        1,
    ),
    "P-OK": (
        status.accepted(NEW, OLD),
        '{"status":"SUCCEEDED","statusDetails":'
        '{"reason":"accepted  v1.0.1","updatedBy":"  v0.9.2"}}',
        1,
    ),
    "P-FT": (
        status.failed(JobReason.ABORTED, 0xE4000005),
        '{"status":"FAILED","statusDetails":{"reason":"aborted: 0xe4000005"}}',
        1,
    ),
    "P-FX": (
        status.failed_with_values(0xE3, 0x42),
        '{"status":"FAILED","statusDetails":{"reason":"0x000000e3: 0x00000042"}}',
        1,
    ),
    "P-RJ": (
        status.rejected(JobReason.REJECTED, 0),
        '{"status":"REJECTED","statusDetails":{"reason":"rejected: 0x00000000"}}',
        1,
    ),
}


@pytest.mark.parametrize(("message", "text", "qos"), MESSAGES.values(), ids=MESSAGES.keys())
def test_messages(message: StatusMessage, text: str, qos: int) -> None:
    assert message == StatusMessage(text.encode(), qos)
    assert len(message.payload) <= 128
    parsed = parse_status(message.payload)
    assert {"status": parsed.status, "statusDetails": parsed.details} == json.loads(text)


def test_negative_numbers_have_32_bits() -> None:
    assert b"0xe0000000: 0xfffffff9" in status.failed_with_values(0xE0000000, -7).payload


def test_the_longest_messages_keep_to_128_bytes() -> None:
    longest = Version(255, 255, 65535)
    assert len(status.accepted(longest, longest).payload) <= 128
    assert len(status.receiving(0xFFFFFFFF, 0xFFFFFFFF).payload) <= 128


def test_blanks_order_and_other_members_do_not_matter() -> None:
    payload = b' { "x" : 1 , "statusDetails" : { "b" : "2", "a" : "1" } , "status" : "FAILED" } '
    assert parse_status(payload).status == "FAILED"
    assert parse_status(payload).details == {"a": "1", "b": "2"}


def test_details_may_be_missing() -> None:
    assert parse_status(b'{"status":"REJECTED"}').details == {}


def test_of_equal_members_the_first_counts() -> None:
    assert parse_status(b'{"status":"FAILED","status":"SUCCEEDED"}').status == "FAILED"


BROKEN = [
    (b"", "not JSON"),
    (b"\xff", "UTF-8"),
    (b"[]", "not a JSON object"),
    (b"{}", "status is None"),
    (b'{"status":"QUEUED"}', "'QUEUED'"),
    (b'{"status":["FAILED"]}', "status is"),
    (b'{"status":"FAILED","statusDetails":[]}', "statusDetails is"),
    (b'{"status":"FAILED","statusDetails":null}', "statusDetails is None"),
    (b'{"status":"FAILED","statusDetails":{"reason":7}}', "reason is 7"),
    (b'{"status":"FAILED","statusDetails":{"reason":NaN}}', "not JSON"),
    (b'{"status":"FAILED"', "not JSON"),
    (b'{"status":' + b"[" * 100_000, "not JSON"),
    (b'{"status":' + b"[" * 50 + b"]" * 50 + b"}", "nested too deep"),
    (b'{"status":' + b"9" * 5000 + b"}", "cannot be read"),
    (b" " * 200_000, "at most 131072"),
]


@pytest.mark.parametrize(("payload", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_messages_that_are_no_status(payload: bytes, message: str) -> None:
    with pytest.raises(StatusError, match=message):
        parse_status(payload)


json_bytes = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["status", "x"]), inner),
    max_leaves=10,
).map(lambda value: json.dumps({"status": "FAILED", "statusDetails": value}).encode())


@given(st.binary(max_size=60) | json_bytes)
def test_no_bytes_raise_anything_else(payload: bytes) -> None:
    try:
        parsed = parse_status(payload)
    except StatusError:
        return
    assert parsed.status in status.STATUS_WORDS
    assert all(isinstance(value, str) for value in parsed.details.values())
