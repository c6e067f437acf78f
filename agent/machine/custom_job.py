"""Documents that are no OTA job: silence, the application's claim, or a refusal (OTA spec §4.4,
§4.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.machine import lifecycle, reporting
from agent.machine.ports import JobRecord, Timer
from agent.protocol import status
from agent.protocol.codes import JobEvent, JobParseErr, JobReason, JobStatus, OtaErr
from agent.protocol.job_document import DocumentRefused
from agent.protocol.status import StatusMessage
from agent.protocol.version import Version

if TYPE_CHECKING:
    from agent.machine.machine import Execution, Machine


def no_active_job(m: Machine) -> OtaErr:
    """There is nothing to do: a transfer that waited for its job to be confirmed ends."""
    _drop_transfer(m)
    m.tell(JobEvent.NO_ACTIVE_JOB)
    return OtaErr.EMPTY_JOB_DOCUMENT


def refuse(m: Machine, refused: DocumentRefused, execution: Execution, raw: bytes) -> OtaErr:
    """Report a document that names a job but cannot be worked on, unless the application claims
    it. A size the device cannot handle is reported too, though not offered to the application.

    An over-long job id is met with silence: there is no topic to report on (OTA-JOB-021).
    """
    _drop_transfer(m)
    error = refused.parse_err
    if not refused.job_id:
        return OtaErr.JOB_PARSER_ERROR
    if error is JobParseErr.NON_CONFORMING_JOB_DOC:
        record = JobRecord(raw, execution[0])
        m.tell(JobEvent.PARSE_CUSTOM_JOB, record)
        if record.parse_err is JobParseErr.NONE:
            return _claimed(m, execution, record, raw)
    message = status.failed_with_values(OtaErr.JOB_PARSER_ERROR, error)
    reporting.publish_last(m, execution, message)
    return OtaErr.JOB_PARSER_ERROR


def _claimed(m: Machine, execution: Execution, record: JobRecord, raw: bytes) -> OtaErr:
    message = _chosen_status(m, record)
    if record.status is JobStatus.IN_PROGRESS:
        reporting.publish(m, execution[0], message)
    else:
        reporting.publish_last(m, execution, message)
    m.tell(JobEvent.RECEIVED_JOB, JobRecord(raw, ""))
    return OtaErr.EMPTY_JOB_DOCUMENT


def _chosen_status(m: Machine, record: JobRecord) -> StatusMessage:
    """Exactly the status the application chose (OTA-JOB-037)."""
    version = m.settings.version
    match record.status:
        case JobStatus.SUCCEEDED:
            return status.accepted(Version.unpack(record.sub_reason), Version.unpack(0))
        case JobStatus.FAILED:
            return status.failed(record.reason, record.sub_reason)
        case JobStatus.REJECTED:
            return status.rejected(record.reason, record.sub_reason)
        case JobStatus.FAILED_WITH_VAL:
            return status.failed_with_values(record.reason, record.sub_reason)
        case _:
            pass
    match record.reason:
        case JobReason.SIG_CHECK_PASSED:
            return status.self_test_ready(version)
        case JobReason.SELF_TEST_ACTIVE:
            return status.self_test_active(version)
        case _:
            return status.receiving(0, 0)


def _drop_transfer(m: Machine) -> None:
    if m.transfer is not None:
        m.timers.stop(Timer.REQUEST)
        lifecycle.close_transfer(m)
        m.clear_job()
