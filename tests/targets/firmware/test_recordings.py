"""The firmware's parsers on what a real device was sent."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import pytest

from agent.protocol import topics
from tests.targets.firmware import test_job_documents, test_stream_messages
from tests.targets.firmware.host_library import GuardedBytes

TRACES = Path(__file__).parents[3] / "fixtures" / "traces"


@pytest.mark.parametrize("name", sorted(path.stem for path in TRACES.glob("*.jsonl")))
def test_recording(host: ctypes.CDLL, guarded: GuardedBytes, name: str) -> None:
    """Every document and every block comes out as the reference parser has it."""
    header, *events = map(json.loads, (TRACES / f"{name}.jsonl").read_text("utf-8").splitlines())
    thing = header["device"]["thing"]
    documents = (topics.notify_next(thing), topics.next_get_accepted(thing))
    seen = 0
    for event in events:
        if event["kind"] != "PUBLISH" or event["dir"] != "to_device":
            continue
        payload = bytes.fromhex(event["payload"])
        if event["topic"] in documents:
            test_job_documents.agree(host, guarded, payload)
        elif event["topic"].endswith("/data/cbor"):
            found = test_stream_messages.read(host, guarded, payload)
            assert found == test_stream_messages.reference(payload)
        else:
            continue
        seen += 1
    assert seen > 0
