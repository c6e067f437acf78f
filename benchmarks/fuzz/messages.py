"""CBOR and JSON: stream messages on both sides, job documents, and the requests of devices."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from agent.protocol import stream
from agent.protocol.cbor_map import CborError, read_map
from agent.protocol.job_document import DocumentRefused, JobMessage, parse_job_message
from agent.protocol.json_scan import is_json
from agent.protocol.json_text import JsonError, read_object
from agent.protocol.stream import DataBlock, StreamError, StreamFormat, StreamRequest
from agent.protocol.topics import parse_reserved
from rig.jobs import requests
from rig.jobs.requests import BadRequest
from rig.jobs.settings import JobSettings
from rig.jobs.stream_errors import StreamRefusal
from rig.jobs.stream_requests import read_describe, read_get

DOCUMENTS = Path(__file__).parents[2] / "fixtures" / "job_documents"
_FORMATS: tuple[StreamFormat, ...] = ("cbor", "json")
_WHOLE_NUMBERS = range(-(2**63), 2**64)
_SETTINGS = JobSettings()


def stream_messages(data: bytes) -> None:
    """The first byte says format and message; what is read is read again from what is written."""
    if not data:
        return
    fmt = _FORMATS[data[0] & 1]
    if data[0] & 2:
        try:
            block = stream.decode_data(data[1:], fmt)
        except StreamError:
            return
        # A text that came as a broken escape cannot be written in CBOR.
        if _writable(block.client_token):
            assert stream.decode_data(stream.encode_data(block, fmt), fmt) == block
    else:
        try:
            request = stream.decode_request(data[1:], fmt)
        except StreamError:
            return
        if _writable(request.client_token):
            assert stream.decode_request(stream.encode_request(request, fmt), fmt) == request


def stream_service(data: bytes) -> None:
    """The service's side: a request within the limits, or a refusal in the service's words."""
    if not data:
        return
    fmt = _FORMATS[data[0] & 1]
    try:
        if data[0] & 2:
            read_describe(data[1:], fmt)
        else:
            request = read_get(data[1:], fmt)
            assert 256 <= request.block_size <= stream.MAX_BLOCK
    except StreamRefusal as refusal:
        assert len(refusal.message) < 1000


def cbor_and_json(data: bytes) -> None:
    """One object or the one error, never anything between."""
    with contextlib.suppress(CborError):
        assert isinstance(read_map(data, 4096), dict)
    try:
        value = read_object(data, 4096)
    except JsonError:
        return
    json.dumps(value)


def job_documents(data: bytes) -> None:
    """The device's reader of job documents gives a job that may be run, or says why not."""
    message = parse_job_message(data)
    if isinstance(message, JobMessage):
        document = message.document
        assert 0 < document.file_size <= 4 << 20
        assert len(document.job_id.encode()) <= 72
        assert not set("/+#") & set(document.job_id + (document.stream_name or ""))
    else:
        assert isinstance(message, DocumentRefused)
        assert message.parse_err
        assert len(message.job_document) <= len(data)


def scanned_json(data: bytes) -> None:
    """What the scanner takes for JSON, Python's reader takes too, and the other way round."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    ours = is_json(text)
    try:
        json.loads(text, parse_constant=_refuse)
        theirs = True
    except (ValueError, RecursionError):
        theirs = False
    # Beyond a depth of 32 the scanner refuses; beyond 4300 digits Python does.
    if ours != theirs:
        assert requests.json_depth(data) > 32 if theirs else _long_number(text)


def device_requests(data: bytes) -> None:
    """The first line is the topic behind the thing's prefix, what follows the payload."""
    tail, _, payload = data.partition(b"\n")
    reserved = parse_reserved("$aws/things/thing1/" + tail.decode("utf-8", "replace"))
    assert reserved is not None
    try:
        fields = requests.read_object(payload, _SETTINGS)
    except BadRequest:
        return
    requests.client_token(fields)
    job_id = reserved.job_id or ""
    readers: tuple[Callable[[], object], ...] = (
        partial(requests.get_pending, "thing1", fields),
        partial(requests.start_next, "thing1", fields),
        partial(requests.describe, "thing1", reserved.job_id, fields),
        partial(requests.update, "thing1", job_id, fields),
    )
    for read in readers:
        try:
            read()
        except BadRequest as refused:
            assert len(refused.message) < 1000


def _writable(token: str | None) -> bool:
    return token is None or not any("\ud800" <= letter <= "\udfff" for letter in token)


def _long_number(text: str) -> bool:
    return any(
        len(word) > 4000 for word in "".join(c if c.isdigit() else " " for c in text).split()
    )


def _refuse(word: str) -> None:
    raise ValueError(word)


def stream_seeds() -> list[bytes]:
    found = []
    for number, fmt in enumerate(_FORMATS):
        for request in (
            StreamRequest("rdy", 0, 4096, 0, b"\xff\x01", 8),
            StreamRequest(None, 1, 256, 3, None, 1, 2),
        ):
            found.append(bytes([number]) + stream.encode_request(request, fmt))
        for block in (DataBlock(0, 0, 4, b"\0\1\2\3", "rdy"), DataBlock(1, 9, 64, b"x" * 64)):
            found.append(bytes([number | 2]) + stream.encode_data(block, fmt))
    return found


def object_seeds() -> list[bytes]:
    return [seed[1:] for seed in stream_seeds()] + document_seeds()[:8]


def document_seeds() -> list[bytes]:
    return [path.read_bytes()[:2048] for path in sorted(DOCUMENTS.glob("*.json"))]


def request_seeds() -> list[bytes]:
    update = {
        "status": "IN_PROGRESS",
        "statusDetails": {"self_test": "ready", "updatedBy": "0x1000000"},
        "expectedVersion": "3",
        "executionNumber": 1,
        "includeJobExecutionState": True,
        "includeJobDocument": False,
        "stepTimeoutInMinutes": 10,
        "clientToken": "1:thing1",
    }
    return [
        b"jobs/J-1/update\n" + json.dumps(update).encode(),
        b"jobs/$next/get\n" + b'{"clientToken":"0:thing1","includeJobDocument":true}',
        b"jobs/start-next\n" + b'{"stepTimeoutInMinutes":-1}',
        b"jobs/get\n",
        b"streams/S/get/json\n{}",
        b"streams/S/describe/cbor\n\xa0",
    ]
