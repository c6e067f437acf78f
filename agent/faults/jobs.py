"""Agents that take valid jobs and their protocols wrongly (OTA-JOB-001, 002, 022 to 030)."""

from __future__ import annotations

from collections.abc import Callable

from agent.faults.seams import (
    Apply,
    Fault,
    Parts,
    Table,
    document,
    fault,
    file_of,
    handler,
    ota_of,
    settings,
    status_says,
)
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData
from agent.machine.settings import DataProtocol
from agent.protocol import topics
from agent.protocol.codes import OtaErr
from agent.protocol.job_document import SIGNATURE_KEY
from agent.protocol.transitions import Handler

BY_MQTT = "accept-newer-version-by-mqtt"
FAILED = b'{"status":"FAILED","statusDetails":{"reason":"0x0000000c: 0x00000004"}}'
KNOWN = {"filepath", "filesize", "fileid", "certfile", "update_data_url", "auth_scheme", "attr"}
NUMBERS = ("filesize", "fileid", "attr", "fileType")


def _reports_acceptance(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    accepted = b'{"status":"IN_PROGRESS","statusDetails":{"receive":"0/9"}}'
    m.transport.publish(topics.update(m.thing, m.job_id), accepted, 0)
    return inner(m, payload)


def _never_begins(_inner: Step, _m: Machine, _payload: EventData) -> OtaErr:
    return OtaErr.NONE


def _spoil_if(strange: Callable[[Table], bool]) -> Apply:
    """Documents that are strange are refused for want of a fileid."""

    def edit(table: Table) -> None:
        if file_of(table) and strange(table):
            file_of(table).pop("fileid", None)

    return document(edit)


def _has_unknown_members(table: Table) -> bool:
    known = KNOWN | {SIGNATURE_KEY, "fileType"}
    return bool(set(file_of(table)) - known) or set(ota_of(table)) > {
        "streamname",
        "protocols",
        "files",
    }


def _has_number_as_text(table: Table) -> bool:
    return any(isinstance(file_of(table).get(key), str) for key in NUMBERS)


def _take_last_file(table: Table) -> None:
    files = ota_of(table).get("files")
    if isinstance(files, list):
        ota_of(table)["files"] = files[-1:]


def inherit(key: str) -> Apply:
    """What a file entry lacks is taken from the job before."""

    def apply(parts: Parts) -> None:
        before: Table = {}

        def edit(table: Table) -> None:
            entry = file_of(table)
            if entry:
                if key in before:
                    entry.setdefault(key, before[key])
                before.update(entry)

        document(edit)(parts)

    return apply


def _always_mqtt(table: Table) -> None:
    ota = ota_of(table)
    if "MQTT" not in ota.get("protocols", ["MQTT"]) and "HTTP" not in ota["protocols"]:
        ota["protocols"] = ["MQTT"]
        ota.setdefault("streamname", "guessed")


def _both_protocols(table: Table) -> None:
    if "update_data_url" in file_of(table):
        ota_of(table)["protocols"] = ["HTTP"]


def deaf_after_refusal(parts: Parts) -> None:
    """As the library does, it waits for ever in a state that takes no document."""
    stuck: list[bool] = []

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        if stuck:
            return OtaErr.EMPTY_JOB_DOCUMENT
        result = inner(m, payload)
        if result is OtaErr.INVALID_DATA_PROTOCOL:
            stuck.append(True)
        return result

    handler(Handler.PROCESS_JOB, process)(parts)


FAULTS: dict[str, Fault] = {
    "report-acceptance": fault(
        "reports that it has accepted a job before it has a block",
        "JOB-001",
        BY_MQTT,
        handler(Handler.INIT_FILE, _reports_acceptance),
    ),
    "never-begins": fault(
        "accepts a job and does nothing more about it",
        "JOB-002",
        BY_MQTT,
        handler(Handler.INIT_FILE, _never_begins),
    ),
    "any-protocol": fault(
        "downloads by MQTT whatever protocols are listed",
        "JOB-022",
        "job-document-unsupported-protocol",
        document(_always_mqtt),
    ),
    "protocol-reason": fault(
        "gives another reason for protocols that it lacks",
        "JOB-023",
        "job-document-unsupported-protocol",
        status_says(b"aborted: 0x0000000d", b"aborted: 0x0000000e"),
    ),
    "deaf-after-unsupported": fault(
        "takes no job after one of protocols that it lacks",
        "JOB-024",
        "job-document-unsupported-protocol",
        deaf_after_refusal,
    ),
    "protocol-unlisted": fault(
        "downloads by HTTP where there is a URL, listed or not",
        "JOB-025",
        "job-document-url-not-listed",
        document(_both_protocols),
    ),
    "other-primary": fault(
        "prefers the data protocol that it does not declare as primary",
        "JOB-026",
        "accept-both-protocols-offered",
        settings(primary=DataProtocol.HTTP),
    ),
    "refuse-unknown-members": fault(
        "refuses documents with members that it does not know",
        "JOB-027",
        "job-document-unknown-members",
        _spoil_if(_has_unknown_members),
    ),
    "refuse-number-text": fault(
        "refuses numbers that are given as strings",
        "JOB-028",
        "job-document-numbers-as-text",
        _spoil_if(_has_number_as_text),
    ),
    "take-last-file": fault(
        "downloads the last of several files",
        "JOB-029",
        "job-document-several-files",
        document(_take_last_file),
    ),
    "custom-job-status": fault(
        "reports another status for a custom job than its application chose",
        "JOB-037",
        "job-document-custom-job",
        status_says(b'"(SUCCEEDED|REJECTED)"', b'"FAILED"'),
    ),
    "file-refusal-reason": fault(
        "does not say why it cannot create the file",
        "JOB-038",
        "job-document-file-refused",
        status_says(b"aborted: 0xe[0-9a-f]{7}", b"aborted: 0x00000000"),
    ),
    "inherit-file-type": fault(
        "takes a missing fileType from the job before",
        "JOB-030",
        "job-document-inherits-nothing-file-type",
        inherit("fileType"),
    ),
    "inherit-signature": fault(
        "takes a missing signature from the job before",
        "JOB-030",
        "job-document-inherits-nothing-signature",
        inherit(SIGNATURE_KEY),
    ),
}
