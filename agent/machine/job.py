"""Job documents: refuse, hand to the application, refresh, replace or begin (OTA spec §4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.machine import custom_job, lifecycle, reporting, self_test
from agent.machine.ports import EventData, JobAnswer
from agent.machine.settings import DataProtocol
from agent.machine.transfer import Transfer
from agent.protocol import topics
from agent.protocol.codes import ImageState, JobEvent, JobParseErr, OtaErr, PalImageState
from agent.protocol.job_document import DocumentRefused, JobDocument, JobLimits, parse_job_message
from agent.protocol.states import Event

if TYPE_CHECKING:
    from agent.machine.machine import Execution, Machine


def process_job(m: Machine, payload: EventData) -> OtaErr:
    """Handle a job document while waiting for one. Ends with the PROCESSED callback.

    A document of an execution that already got its final status here (a notification that
    crossed it) is dropped: one execution ends once.
    """
    raw = payload.document if isinstance(payload, JobAnswer) else payload
    error = _process(m, raw) if isinstance(raw, bytes) else OtaErr.EMPTY_JOB_DOCUMENT
    m.give_back(payload)
    return error


def _process(m: Machine, raw: bytes) -> OtaErr:
    message = parse_job_message(raw, limits_of(m))
    if isinstance(message, DocumentRefused):
        if message.parse_err is JobParseErr.NO_ACTIVE_JOBS:
            return custom_job.no_active_job(m)
        execution = (message.job_id, execution_number(raw))
        if execution in m.finished:
            return OtaErr.EMPTY_JOB_DOCUMENT
        return custom_job.refuse(m, message, execution, raw)
    document = message.document
    execution = (document.job_id, execution_number(raw))
    if not document.job_id:
        return custom_job.no_active_job(m)
    if execution in m.finished:
        return OtaErr.EMPTY_JOB_DOCUMENT
    if document.self_test:
        return self_test.take_self_test_job(m, document, execution, raw)
    return _take_download_job(m, document, execution, raw)


def limits_of(m: Machine) -> JobLimits:
    """The parser's limits from the machine's settings."""
    return JobLimits(max_file_size=m.settings.max_file_size)


def execution_number(raw: bytes) -> int | None:
    """The number that tells a retried execution from the one before; None where it is missing."""
    try:
        number = json.loads(raw)["execution"].get("executionNumber")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return number if isinstance(number, int) else None


def _take_download_job(
    m: Machine, document: JobDocument, execution: Execution, raw: bytes
) -> OtaErr:
    """Continue, replace or begin a download. Never while the running image is on trial or refused:
    the reset lets the boot loader go back to the old image, which then does the job."""
    if m.platform.image_state() in (PalImageState.PENDING_COMMIT, PalImageState.INVALID):
        m.platform.reset()
        return OtaErr.IMAGE_STATE_MISMATCH
    transfer = m.transfer
    same = transfer is not None and m.job_id == document.job_id
    if same and transfer is not None and transfer.continues_with(document):
        transfer.refresh_url(document)
        m.follow(Event.CREATE_FILE)
        return OtaErr.NONE
    if m.execution is not None or transfer is not None:
        m.platform.set_image_state(ImageState.ABORTED)
        lifecycle.close_transfer(m)
        m.clear_job()
    m.execution = execution
    m.updated_by = document.updated_by or 0
    return _begin(m, document, raw)


def _begin(m: Machine, document: JobDocument, raw: bytes) -> OtaErr:
    """Choose how to fetch the file, make room for it, and start. Nothing is erased for a job that
    cannot be fetched."""
    record = m.record(raw)
    record.file_type = document.file_type
    m.tell(JobEvent.RECEIVED_JOB, record)
    protocol = choose_protocol(m, document)
    if protocol is None:
        return _give_up(m, OtaErr.INVALID_DATA_PROTOCOL)
    created = m.platform.create_file(document)
    if created.value != 0:
        return _give_up(m, created.value)
    stream = document.stream_name or ""
    m.transfer = Transfer(
        document,
        protocol,
        m.settings.block_size,
        topics.stream_data(m.thing, stream),
        topics.stream_get(m.thing, stream),
    )
    m.momentum = 0
    m.follow(Event.CREATE_FILE)
    return OtaErr.NONE


def _give_up(m: Machine, reason: int) -> OtaErr:
    reporting.decide(m, ImageState.ABORTED, reason)
    m.platform.abort()
    m.clear_job()
    return OtaErr.INVALID_DATA_PROTOCOL


def choose_protocol(m: Machine, document: JobDocument) -> DataProtocol | None:
    """The primary protocol if the job offers it, else the other one built in (OTA spec §4.3).

    A protocol counts as offered only if the job also names what it needs: a stream or a URL.
    """
    offered = {
        DataProtocol.MQTT: '"MQTT"' in document.protocols and bool(document.stream_name),
        DataProtocol.HTTP: '"HTTP"' in document.protocols and bool(document.update_data_url),
    }
    built = sorted(m.settings.data_protocols, key=lambda name: name is not m.settings.primary)
    return next((name for name in built if offered[name]), None)
