"""The firmware's job document parser, held against the corpus and the reference parser."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.protocol.job_document import DocumentRefused, JobLimits, parse_job_message
from agent.protocol.numbers import NumberTextError, parse_number_text
from tests.targets.firmware.host_library import GuardedBytes, Slice

CORPUS = Path(__file__).parents[3] / "fixtures" / "job_documents"
INDEX: list[dict[str, Any]] = json.loads((CORPUS / "index.json").read_text())["documents"]
DEFECTS = (
    "GOOD",
    "EMPTY",
    "NO_JOB",
    "NAMELESS",
    "NON_CONFORMING",
    "NO_BYTES",
    "TOO_LARGE",
    "SIZE_OVERFLOW",
)
STORED_SIGNATURE = 80
SUPPRESSED = [HealthCheck.function_scoped_fixture]


class Limits(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint32)
        for name in ("max_file_size", "block_size", "max_stream_name", "max_url")
    )


class Document(ctypes.Structure):
    _fields_ = (
        *((name, Slice) for name in ("job_id", "stream_name", "protocols", "url")),
        *(
            (name, ctypes.c_uint32)
            for name in (
                "updated_by",
                "file_size",
                "file_id",
                "attributes",
                "file_type",
                "execution_number",
                "signature_length",
            )
        ),
        ("has_signature", ctypes.c_bool),
        ("self_test", ctypes.c_bool),
        ("signature", ctypes.c_uint8 * STORED_SIGNATURE),
    )


def read(host: ctypes.CDLL, guarded: GuardedBytes, message: bytes) -> tuple[str, dict[str, Any]]:
    """What the firmware makes of a message: the defect, and the fields of a good one."""
    limits = Limits(4 << 20, 4096, 128, 100_000)
    document = Document()
    text = guarded.slice_of(message)
    defect = DEFECTS[host.job_document_read(text, ctypes.byref(limits), ctypes.byref(document))]
    fields: dict[str, Any] = {
        "job_id": document.job_id.value(),
        "stream_name": document.stream_name.value(),
        "protocols": document.protocols.value(),
        "update_data_url": document.url.value(),
        "updated_by": document.updated_by,
        "file_size": document.file_size,
        "file_id": document.file_id,
        "attributes": document.attributes,
        "file_type": document.file_type,
        "self_test": document.self_test,
        "signature": None,
    }
    if document.has_signature:
        stored = bytes(document.signature)[: document.signature_length]
        fields["signature"] = (document.signature_length, stored)
    return defect, fields


def reference(message: bytes) -> tuple[str, dict[str, Any]]:
    """The same by the reference parser."""
    parsed = parse_job_message(message, JobLimits(max_url=100_000))
    if isinstance(parsed, DocumentRefused):
        return parsed.defect.name, {"job_id": parsed.job_id.encode()}
    document = parsed.document
    signature = document.signature
    return "GOOD", {
        "job_id": document.job_id.encode(),
        "stream_name": (document.stream_name or "").encode(),
        "protocols": document.protocols.encode(),
        "update_data_url": (document.update_data_url or "").encode(),
        "updated_by": document.updated_by or 0,
        "file_size": document.file_size,
        "file_id": document.file_id,
        "attributes": document.attributes,
        "file_type": document.file_type,
        "self_test": document.self_test,
        "signature": None if signature is None else (len(signature), signature[:STORED_SIGNATURE]),
    }


def agree(host: ctypes.CDLL, guarded: GuardedBytes, message: bytes) -> None:
    defect, fields = read(host, guarded, message)
    wanted_defect, wanted = reference(message)
    assert defect == wanted_defect
    if defect == "GOOD":
        assert fields == wanted
    elif defect == "NON_CONFORMING":
        assert fields["job_id"] == wanted["job_id"]


@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: str(entry["name"]))
def test_corpus(host: ctypes.CDLL, guarded: GuardedBytes, entry: dict[str, Any]) -> None:
    message = (CORPUS / entry["file"]).read_bytes()
    defect, _ = read(host, guarded, message)
    assert defect == entry.get("defect", "GOOD")
    agree(host, guarded, message)


MESSAGES = [(CORPUS / str(entry["file"])).read_bytes() for entry in INDEX]


@given(data=st.data())
@settings(max_examples=400, deadline=None, suppress_health_check=SUPPRESSED)
def test_spoilt_documents(host: ctypes.CDLL, guarded: GuardedBytes, data: st.DataObject) -> None:
    message = bytearray(data.draw(st.sampled_from(MESSAGES), label="document"))
    for _ in range(data.draw(st.integers(1, 4), label="changes")):
        at = data.draw(st.integers(0, len(message)), label="at")
        cut = data.draw(st.integers(0, 8), label="removed")
        new = data.draw(
            st.one_of(st.binary(max_size=3), st.sampled_from([b'"', b"{", b"[", b"\\u00e9", b","])),
            label="inserted",
        )
        message[at : at + cut] = new
    agree(host, guarded, bytes(message))


@given(message=st.binary(max_size=200))
@settings(max_examples=200, deadline=None, suppress_health_check=SUPPRESSED)
def test_any_bytes(host: ctypes.CDLL, guarded: GuardedBytes, message: bytes) -> None:
    agree(host, guarded, message)


@pytest.mark.parametrize("depth", [31, 32, 33, 5000])
def test_nesting(host: ctypes.CDLL, guarded: GuardedBytes, depth: int) -> None:
    text = b"[" * depth + b"]" * depth
    assert host.json_is_valid(guarded.slice_of(text)) == (depth <= 32)


@given(text=st.text(alphabet="0123456789abcdefxX+- \t", max_size=14))
@settings(max_examples=300, deadline=None, suppress_health_check=SUPPRESSED)
def test_numbers(host: ctypes.CDLL, guarded: GuardedBytes, text: str) -> None:
    number = ctypes.c_uint32()
    taken = host.number_text(guarded.slice_of(text.encode()), ctypes.byref(number))
    try:
        assert (taken, number.value) == (True, parse_number_text(text))
    except NumberTextError:
        assert not taken
