"""Job documents: limits, signature keys, round trips and hostile bytes (OTA spec §4)."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.protocol.codes import DocParseErr
from agent.protocol.job_document import (
    DocumentRefused,
    JobDocument,
    JobLimits,
    JobMessage,
    parse_job_message,
)
from agent.protocol.job_model import Defect, Kind, model

FILE: dict[str, Any] = {"filepath": "i", "filesize": 1000, "fileid": 0, "certfile": "c"}
MESSAGE: dict[str, Any] = {
    "execution": {
        "jobId": "J",
        "jobDocument": {
            "afr_ota": {"protocols": ["MQTT"], "streamname": "S", "files": [FILE]},
        },
    }
}


def message(**file: Any) -> dict[str, Any]:
    changed = copy.deepcopy(MESSAGE)
    changed["execution"]["jobDocument"]["afr_ota"]["files"][0].update(file)
    return changed


def compact(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def accepted(payload: bytes, limits: JobLimits | None = None) -> JobDocument:
    result = parse_job_message(payload, limits)
    assert isinstance(result, JobMessage), result
    return result.document


def refused(payload: bytes, limits: JobLimits | None = None) -> DocumentRefused:
    result = parse_job_message(payload, limits)
    assert isinstance(result, DocumentRefused), result
    return result


# -- limits -------------------------------------------------------------------------------------

TEXT_LIMITS: list[tuple[str, dict[str, Any]]] = [
    ("max_file_path", {"filepath": "abcdé"}),
    ("max_cert_file", {"certfile": "abcdé"}),
    ("max_url", {"update_data_url": "abcdé"}),
    ("max_auth_scheme", {"auth_scheme": "abcdé"}),
]


@pytest.mark.parametrize(("limit", "file"), TEXT_LIMITS, ids=[name for name, _ in TEXT_LIMITS])
def test_texts_longer_than_their_buffer(limit: str, file: dict[str, Any]) -> None:
    """Lengths are in bytes, as buffers are."""
    payload = compact(message(**file))
    accepted(payload, JobLimits(**{limit: 6}))
    result = refused(payload, JobLimits(**{limit: 5}))
    assert result.doc_err is DocParseErr.USER_BUFFER_INSUFFICIENT
    assert (result.defect, result.job_id) == (Defect.NON_CONFORMING, "J")


def test_stream_names_have_a_limit() -> None:
    payload = compact(MESSAGE).replace(b'"S"', b'"' + b"S" * 44 + b'"')
    assert accepted(payload, JobLimits(max_stream_name=44)).stream_name == "S" * 44
    assert refused(payload, JobLimits(max_stream_name=43)).defect is Defect.NON_CONFORMING


def test_file_sizes_have_a_limit() -> None:
    limits = JobLimits(max_file_size=1000)
    assert accepted(compact(message()), limits).file_size == 1000
    assert refused(compact(message(filesize=1001)), limits).defect is Defect.TOO_LARGE


def test_the_overflow_depends_on_the_block_size() -> None:
    limits = JobLimits(max_file_size=0xFFFFFFFF, block_size=256)
    assert accepted(compact(message(filesize=0xFFFFFF00)), limits).file_size == 0xFFFFFF00
    result = refused(compact(message(filesize=0xFFFFFF01)), limits)
    assert result.defect is Defect.SIZE_OVERFLOW


def test_messages_beyond_the_limit_are_not_looked_into() -> None:
    payload = compact({**MESSAGE, "x": "y" * 200_000})
    result = refused(payload)
    assert (result.defect, result.job_id) == (Defect.NO_JOB, "")
    assert accepted(payload, JobLimits(max_document=len(payload))).job_id == "J"
    padded = compact(MESSAGE).ljust(128 * 1024)
    assert accepted(padded).job_id == "J"
    assert refused(padded + b" ").defect is Defect.NO_JOB


def test_the_signature_key_is_the_port_s_choice() -> None:
    payload = compact(message(**{"sig-sha1-rsa": "TWFu"}))
    assert accepted(payload).signature is None
    result = parse_job_message(payload, signature_key="sig-sha1-rsa")
    assert isinstance(result, JobMessage)
    assert result.document.signature == b"Man"


def test_the_model_has_the_fields_of_the_spec() -> None:
    rows = model()
    assert len(rows) == 21
    names = [".".join(row.path[-1:]) for row in rows]
    assert names == [
        "clientToken", "timestamp", "execution", "jobId", "statusDetails", "self_test",
        "updatedBy", "jobDocument", "afr_ota", "streamname", "protocols", "files", "filepath",
        "filesize", "fileid", "certfile", "update_data_url", "auth_scheme", "sig-sha256-ecdsa",
        "attr", "fileType",
    ]  # fmt: skip
    required = {row.path[-1] for row in rows if row.required}
    assert required == {
        "execution", "jobId", "jobDocument", "afr_ota", "protocols", "files", "filesize", "fileid"
    }  # fmt: skip
    assert [row.path[-1] for row in rows if row.kind is Kind.FILES] == ["files"]


# -- the order of defects -----------------------------------------------------------------------


def test_nothing_is_kept_between_documents() -> None:
    """OTA-JOB-030: what the first document had, the second does not inherit."""
    full = message(fileType=2, attr=7, **{"sig-sha256-ecdsa": "TWFu"})
    full["execution"]["statusDetails"] = {"self_test": "active", "updatedBy": "7"}
    assert accepted(compact(full)).updated_by == 7
    bare = accepted(compact(MESSAGE))
    assert (bare.file_type, bare.attributes, bare.signature) == (0, 0, None)
    assert (bare.updated_by, bare.self_test) == (None, False)


def test_the_earlier_field_of_two_bad_ones_counts() -> None:
    bad = message(filesize="x", **{"sig-sha256-ecdsa": "!"})
    assert refused(compact(bad)).doc_err is DocParseErr.INVALID_NUM_CHAR


def test_a_bad_value_counts_before_a_missing_one() -> None:
    bad = message(**{"sig-sha256-ecdsa": "!"})
    del bad["execution"]["jobDocument"]["afr_ota"]["protocols"]
    assert refused(compact(bad)).doc_err is DocParseErr.BASE64_DECODE


def test_broken_text_stays_broken_if_no_value_was_taken_before_the_files() -> None:
    """OTA spec §4.2: ``files`` ends the search while an error is remembered."""
    payload = (
        b'{"execution":{"jobDocument":{"afr_ota":{"files":[{"filesize":1,"fileid":0}]}}}} junk'
    )
    assert refused(payload).doc_err is DocParseErr.INVALID_JSON_BUFFER
    assert refused(payload[:-5]).doc_err is DocParseErr.MALFORMED_DOC


def test_a_zero_size_without_a_job_id_names_no_job() -> None:
    bad = message(filesize=0)
    bad["execution"]["jobId"] = ""
    assert refused(compact(bad)).job_id == ""


def test_an_empty_job_id_of_a_bad_document_is_no_job() -> None:
    bad = message(filesize="x")
    bad["execution"]["jobId"] = ""
    assert refused(compact(bad)).defect is Defect.NO_JOB


def test_job_ids_are_measured_in_bytes() -> None:
    payload = compact(MESSAGE)
    assert accepted(payload.replace(b'"J"', '"{}"'.format("é" * 36).encode())).job_id == "é" * 36
    assert refused(payload.replace(b'"J"', '"{}"'.format("é" * 37).encode())).job_id == ""


def test_a_job_id_that_is_not_a_string_is_taken_as_written() -> None:
    assert accepted(compact(MESSAGE).replace(b'"J"', b"17")).job_id == "17"


def test_a_custom_job_comes_with_its_document_as_written() -> None:
    payload = b'{"execution":{"jobId":"J","jobDocument": {"steps": [ 1,\n2 ]} }}'
    result = refused(payload)
    assert (result.defect, result.job_id) == (Defect.NON_CONFORMING, "J")
    assert result.job_document == '{"steps": [ 1,\n2 ]}'


# -- round trips and hostile bytes --------------------------------------------------------------

texts = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\', min_codepoint=32), max_size=20
)
names = st.text(
    st.characters(codec="utf-8", exclude_characters='"\\/+#', min_codepoint=32), max_size=18
)
uint32 = st.integers(0, 0xFFFFFFFF)
documents = st.builds(
    JobDocument,
    job_id=names,
    self_test=st.booleans(),
    updated_by=st.none() | uint32,
    stream_name=st.none() | names,
    protocols=st.sampled_from(['["MQTT"]', '["HTTP"]', '["MQTT","HTTP"]']),
    file_path=st.none() | texts,
    file_size=st.integers(1, 4 << 20),
    file_id=uint32,
    cert_file=st.none() | texts,
    update_data_url=st.none() | texts,
    auth_scheme=st.none() | texts,
    signature=st.none() | st.binary(max_size=384),
    attributes=uint32,
    file_type=uint32,
)


def written(document: JobDocument) -> dict[str, Any]:
    """A message that carries the document."""
    signature = document.signature
    file = {
        "filepath": document.file_path,
        "filesize": document.file_size,
        "fileid": str(document.file_id),
        "certfile": document.cert_file,
        "update_data_url": document.update_data_url,
        "auth_scheme": document.auth_scheme,
        "sig-sha256-ecdsa": None if signature is None else base64.b64encode(signature).decode(),
        "attr": hex(document.attributes),
        "fileType": document.file_type,
    }
    details: dict[str, Any] = {"self_test": None} if document.self_test else {}
    if document.updated_by is not None:
        details["updatedBy"] = f"0x{document.updated_by:08x}"
    afr_ota: dict[str, Any] = {"protocols": json.loads(document.protocols)}
    if document.stream_name is not None:
        afr_ota["streamname"] = document.stream_name
    afr_ota["files"] = [{key: value for key, value in file.items() if value is not None}]
    execution = {"statusDetails": details, "jobDocument": {"afr_ota": afr_ota}}
    return {"execution": execution | {"jobId": document.job_id}}


@given(documents)
def test_every_document_survives(document: JobDocument) -> None:
    assert accepted(compact(written(document))) == document


@given(documents, st.integers(0, 2000))
def test_a_cut_document_is_no_job_until_it_is_whole(document: JobDocument, cut: int) -> None:
    """Only the brace around the execution may be missing."""
    payload = compact(written(document))
    result = parse_job_message(payload[: min(cut, len(payload) - 2)])
    assert isinstance(result, DocumentRefused)
    assert result.defect is Defect.NO_JOB
    assert accepted(payload[:-1]) == document


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from(["J", "0", "TWFu", "MQTT"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from([row.path[-1] for row in model()]), inner, max_size=5),
    max_leaves=15,
)  # fmt: skip


@st.composite
def odd_messages(draw: st.DrawFn) -> bytes:
    """A good message with a member replaced, then perhaps a byte."""
    content = message()
    place: Any = content
    while draw(st.booleans()) and isinstance(place, dict) and place:
        key = draw(st.sampled_from(sorted(place)))
        if draw(st.booleans()):
            place[key] = draw(anything)
            break
        place = place[key][0] if isinstance(place[key], list) else place[key]
    payload = bytearray(compact(content).replace(b"NaN", b"0"))
    if draw(st.booleans()):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload)


@given(
    st.binary(max_size=80) | anything.map(lambda value: json.dumps(value).encode()) | odd_messages()
)
def test_no_bytes_raise(payload: bytes) -> None:
    result = parse_job_message(payload)
    if isinstance(result, JobMessage):
        assert 1 <= result.document.file_size <= 4 << 20
        assert not set("/+#") & set(result.document.job_id)
    elif result.defect in (Defect.EMPTY, Defect.NO_JOB, Defect.NAMELESS):
        assert result.job_id == ""
    else:
        assert len(result.job_id.encode()) <= 72


BOMBS = {
    "arrays": b"[" * 130_000,
    "objects": b'{"execution":' * 10_000,
    "arrays below the execution": b'{"execution":' + b"[" * 130_000,
    "a string without end": b'{"execution":"' + b"\\\\" * 60_000,
    "quotes": b'"' * 130_000,
    "blanks": b" " * 130_000,
    "digits": b'{"filesize":' + b"9" * 130_000 + b"}",
    "exponents": b'{"filesize":1e' + b"9" * 130_000 + b"}",
    "keys": b"{" + b'"a":1,' * 20_000 + b'"b":2}',
}


@pytest.mark.parametrize("payload", BOMBS.values(), ids=BOMBS.keys())
def test_bombs_are_no_job(payload: bytes) -> None:
    assert refused(payload).defect is Defect.NO_JOB


def test_a_number_of_many_digits_is_refused() -> None:
    payload = compact(message()).replace(b"1000", b"9" * 100_000)
    assert refused(payload).doc_err is DocParseErr.INVALID_NUM_CHAR
