"""Agents that take for a job what is none, or is a broken one (OTA-JOB-003 to 021)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable

from agent.faults.seams import (
    Apply,
    Fault,
    Parts,
    Table,
    document,
    execution_of,
    fault,
    file_of,
    handler,
    ota_of,
    raw_document,
    read_document,
    status_says,
    without_status,
)
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData
from agent.protocol import topics
from agent.protocol.codes import OtaErr
from agent.protocol.job_document import SIGNATURE_KEY
from agent.protocol.transitions import Handler

BY_MQTT = "accept-newer-version-by-mqtt"
SOME_SIZE = 20_000
SLOT_SIZE = 4 << 20
LONGEST_JOB_ID = 72
FAILED = b'{"status":"FAILED","statusDetails":{"reason":"0x0000000c: 0x00000004"}}'


def _malformed(name: str) -> str:
    return f"job-document-malformed-then-good-{name}"


# -- fields made up, dropped or misread ---------------------------------------------------------


def _fill_file(key: str, value: object) -> Apply:
    def edit(table: Table) -> None:
        entry = file_of(table)
        if entry:
            entry.setdefault(key, value)

    return document(edit)


def _assume_mqtt(table: Table) -> None:
    if ota_of(table):
        ota_of(table).setdefault("protocols", ["MQTT"])


def _assume_file(table: Table) -> None:
    if ota_of(table) and not file_of(table):
        ota_of(table)["files"] = [{"filesize": SOME_SIZE, "fileid": 0}]


def _guess_size(table: Table) -> None:
    size = file_of(table).get("filesize")
    if isinstance(size, str) and not size.isdigit():
        file_of(table)["filesize"] = SOME_SIZE


def _drop_bad_signature(table: Table) -> None:
    text = file_of(table).get(SIGNATURE_KEY)
    try:
        b64decode(text or "", validate=True)
    except (binascii.Error, ValueError):
        del file_of(table)[SIGNATURE_KEY]


def _size_where(wrong: Callable[[int], bool]) -> Apply:
    """A size that should be refused is taken for another one."""

    def edit(table: Table) -> None:
        size = file_of(table).get("filesize")
        if isinstance(size, int) and wrong(size):
            file_of(table)["filesize"] = SOME_SIZE

    return document(edit)


def _cut_job_id(table: Table) -> None:
    execution = execution_of(table)
    if isinstance(execution.get("jobId"), str):
        execution["jobId"] = execution["jobId"][:LONGEST_JOB_ID]


# -- documents that are none --------------------------------------------------------------------


def _reports_when(sort: Callable[[bytes, Table], bool]) -> Apply:
    """Documents of this sort are reported FAILED, for no job at all."""

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        raw = raw_document(payload) or b""
        if sort(raw, read_document(raw)):
            m.transport.publish(topics.update(m.thing, "unknown"), FAILED, 1)
        return inner(m, payload)

    return handler(Handler.PROCESS_JOB, process)


def _is_not_json(raw: bytes, table: Table) -> bool:
    return not table and b'"execution"' not in raw


def _lacks_job_id(_raw: bytes, table: Table) -> bool:
    return bool(execution_of(table)) and "jobId" not in execution_of(table)


def _is_empty_execution(_raw: bytes, table: Table) -> bool:
    return table.get("execution") == {}


def deaf_after(sort: Callable[[bytes, Table], bool]) -> Apply:
    """After a document of this sort it takes no other until it is reset."""

    def apply(parts: Parts) -> None:
        stuck: list[bool] = []

        def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
            raw = raw_document(payload) or b""
            if sort(raw, read_document(raw)):
                stuck.append(True)
            return OtaErr.EMPTY_JOB_DOCUMENT if stuck else inner(m, payload)

        handler(Handler.PROCESS_JOB, process)(parts)

    return apply


def _downloads_cut_off(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    raw = raw_document(payload) or b""
    if b'"execution"' in raw and not read_document(raw):
        m.transport.publish(topics.stream_get(m.thing, "guessed"), b"\xa0", 0)
    return inner(m, payload)


def _passes_over_custom_jobs(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    table = read_document(raw_document(payload))
    if execution_of(table) and not ota_of(table):
        return OtaErr.EMPTY_JOB_DOCUMENT
    return inner(m, payload)


FAULTS: dict[str, Fault] = {
    "report-no-job": fault(
        "reports FAILED when there is no job",
        "JOB-003",
        BY_MQTT,
        _reports_when(lambda _raw, table: bool(table) and "execution" not in table),
    ),
    "deaf-after-no-job": fault(
        "takes no job after it was told that there is none",
        "JOB-003",
        BY_MQTT,
        deaf_after(lambda _raw, table: bool(table) and "execution" not in table),
    ),
    "report-empty-execution": fault(
        "reports FAILED for an empty execution",
        "JOB-004",
        "job-document-passed-over-empty-execution",
        _reports_when(_is_empty_execution),
    ),
    "report-not-json": fault(
        "reports FAILED for what is not JSON",
        "JOB-005",
        "job-document-passed-over-not-json",
        _reports_when(_is_not_json),
    ),
    "deaf-after-not-json": fault(
        "takes no job after something that is not JSON",
        "JOB-005",
        "job-document-passed-over-not-json",
        deaf_after(_is_not_json),
    ),
    "download-cut-off": fault(
        "asks for blocks for a document that is cut off",
        "JOB-006",
        "job-document-passed-over-cut-off",
        handler(Handler.PROCESS_JOB, _downloads_cut_off),
    ),
    "report-no-job-id": fault(
        "reports FAILED for a document without a job id",
        "JOB-007",
        "job-document-passed-over-no-job-id",
        _reports_when(_lacks_job_id),
    ),
    "silent-on-custom-jobs": fault(
        "leaves jobs open that are not for OTA",
        "JOB-008",
        _malformed("without-afr-ota"),
        handler(Handler.PROCESS_JOB, _passes_over_custom_jobs),
        slack_s=9.0,
    ),
    "assume-filesize": fault(
        "makes up a missing filesize",
        "JOB-009",
        _malformed("without-filesize"),
        _fill_file("filesize", SOME_SIZE),
    ),
    "assume-fileid": fault(
        "takes a missing fileid for 0",
        "JOB-010",
        _malformed("without-fileid"),
        _fill_file("fileid", 0),
    ),
    "assume-mqtt": fault(
        "takes missing protocols for MQTT",
        "JOB-011",
        _malformed("without-protocols"),
        document(_assume_mqtt),
    ),
    "assume-file": fault(
        "makes up a file where files is empty",
        "JOB-012",
        _malformed("without-files"),
        document(_assume_file),
    ),
    "guess-filesize": fault(
        "makes up a filesize that is no number",
        "JOB-013",
        _malformed("filesize-not-a-number"),
        document(_guess_size),
    ),
    "drop-bad-signature": fault(
        "goes on without a signature that is not base64",
        "JOB-014",
        _malformed("signature-not-base64"),
        document(_drop_bad_signature),
    ),
    "refusal-reason": fault(
        "gives another reason for documents that do not conform",
        "JOB-015",
        _malformed("without-filesize"),
        status_says(b"0x0000000c: 0x00000004", b"0x0000000c: 0x00000001"),
    ),
    "download-empty-file": fault(
        "downloads a file of 0 bytes",
        "JOB-016",
        "job-document-empty-file",
        _size_where(lambda size: size == 0),
    ),
    "silent-on-empty-file": fault(
        "does not report a file of 0 bytes",
        "JOB-017",
        "job-document-empty-file",
        without_status(b"0x0000000c: 0x00000003"),
    ),
    "download-oversize": fault(
        "begins to download a file that it cannot store",
        "JOB-018",
        "job-document-oversize-file",
        _size_where(lambda size: size > SLOT_SIZE),
    ),
    "silent-on-oversize": fault(
        "does not report a file that it cannot store",
        "JOB-019",
        "job-document-oversize-file",
        without_status(b"0x0000000c: 0x00000005"),
    ),
    "cut-job-id": fault(
        "keeps 72 characters of a longer job id",
        "JOB-021",
        "job-document-long-job-id",
        document(_cut_job_id),
    ),
}
