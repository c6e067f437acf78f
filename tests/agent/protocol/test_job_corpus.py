"""The corpus of job documents: each named defect of OTA spec §4 and what comes of it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.codes import DocParseErr, JobParseErr, OtaErr
from agent.protocol.job_document import DocumentRefused, JobDocument, JobMessage, parse_job_message
from agent.protocol.job_model import OUTCOMES, Defect

CORPUS = Path(__file__).parents[3] / "fixtures" / "job_documents"
ENTRIES: list[dict[str, Any]] = json.loads((CORPUS / "index.json").read_text("utf-8"))["documents"]


def entries(outcome: str) -> list[Any]:
    return [
        pytest.param(entry, id=entry["name"]) for entry in ENTRIES if entry["outcome"] == outcome
    ]


def parsed(entry: dict[str, Any]) -> JobMessage | DocumentRefused:
    return parse_job_message((CORPUS / entry["file"]).read_bytes())


@pytest.mark.parametrize("entry", entries("accepted"))
def test_documents_that_can_be_worked_on(entry: dict[str, Any]) -> None:
    message = parsed(entry)
    assert isinstance(message, JobMessage), message
    found = dataclasses.asdict(message.document)
    if message.document.signature is not None:
        found["signature"] = message.document.signature.hex()
    expected = entry["fields"]
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize("entry", entries("refused"))
def test_documents_that_are_refused(entry: dict[str, Any]) -> None:
    refused = parsed(entry)
    assert isinstance(refused, DocumentRefused), refused
    assert refused.defect.name == entry["defect"]
    assert refused.doc_err.name == entry["doc_err"]
    assert refused.job_id == entry["job_id"]
    assert bool(refused.job_id) is OUTCOMES[refused.defect].reportable
    assert bool(refused.job_document) is OUTCOMES[refused.defect].claimable
    if "job_document" in entry:
        assert refused.job_document == entry["job_document"]


def test_the_library_reports_what_the_table_says() -> None:
    """The reason in the report, where the library reports: 0x0c and the parse error."""
    for entry in ENTRIES:
        if entry["library"].startswith("FAILED 0x"):
            outcome = OUTCOMES[Defect[entry["defect"]]]
            reason = f"FAILED 0x{outcome.ota_err:08x}: 0x{outcome.parse_err:08x}"
            assert entry["library"].startswith(reason)


def test_every_defect_has_a_document_and_every_file_is_listed() -> None:
    defects = {entry["defect"] for entry in ENTRIES if entry["outcome"] == "refused"}
    assert defects == {defect.name for defect in Defect}
    files = {path.name for path in CORPUS.iterdir()} - {"index.json"}
    assert files == {entry["file"] for entry in ENTRIES}
    assert len({entry["name"] for entry in ENTRIES}) == len(ENTRIES)


def test_every_field_is_tried() -> None:
    tried = {name for entry in ENTRIES for name in entry.get("fields", {})}
    assert tried == {field.name for field in dataclasses.fields(JobDocument)}


def test_reasons_for_not_reading_are_all_tried() -> None:
    tried = {entry["doc_err"] for entry in ENTRIES if entry["outcome"] == "refused"}
    assert tried == {
        error.name
        for error in (
            DocParseErr.NONE,
            DocParseErr.USER_BUFFER_INSUFFICIENT,
            DocParseErr.BASE64_DECODE,
            DocParseErr.INVALID_NUM_CHAR,
            DocParseErr.MALFORMED_DOC,
            DocParseErr.INVALID_JSON_BUFFER,
            DocParseErr.EMPTY_JOB_DOC,
        )
    }


OUTCOME_TABLE = {
    Defect.EMPTY: (JobParseErr.NO_ACTIVE_JOBS, OtaErr.EMPTY_JOB_DOCUMENT, False, False),
    Defect.NO_JOB: (JobParseErr.NO_ACTIVE_JOBS, OtaErr.EMPTY_JOB_DOCUMENT, False, False),
    Defect.NAMELESS: (JobParseErr.NON_CONFORMING_JOB_DOC, OtaErr.JOB_PARSER_ERROR, False, False),
    Defect.NON_CONFORMING: (
        JobParseErr.NON_CONFORMING_JOB_DOC,
        OtaErr.JOB_PARSER_ERROR,
        True,
        True,
    ),
    Defect.NO_BYTES: (JobParseErr.ZERO_FILE_SIZE, OtaErr.JOB_PARSER_ERROR, True, False),
    Defect.TOO_LARGE: (JobParseErr.BAD_MODEL_INIT_PARAMS, OtaErr.JOB_PARSER_ERROR, True, False),
    Defect.SIZE_OVERFLOW: (
        JobParseErr.BAD_MODEL_INIT_PARAMS,
        OtaErr.FILE_SIZE_OVERFLOW,
        True,
        False,
    ),
}


@pytest.mark.parametrize("defect", Defect)
def test_outcomes(defect: Defect) -> None:
    outcome = OUTCOMES[defect]
    found = (outcome.parse_err, outcome.ota_err, outcome.reportable, outcome.claimable)
    assert found == OUTCOME_TABLE[defect]
    refused = DocumentRefused(defect)
    assert (refused.parse_err, refused.ota_err) == found[:2]
