"""Job status messages: what a device publishes on UP(J) (OTA spec §0, §5.3).

The payloads are the library's, byte for byte; a reader must not rely on that, so
:func:`parse_status` takes any JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.protocol.codes import JOB_REASON_WORDS, JOB_STATUS_WORDS, JobReason, JobStatus
from agent.protocol.json_text import JsonError, read_object
from agent.protocol.version import Version

STATUS_WORDS = frozenset(JOB_STATUS_WORDS.values())
"""IN_PROGRESS, FAILED, SUCCEEDED and REJECTED."""
_WORD = 0xFFFF_FFFF


@dataclass(frozen=True)
class StatusMessage:
    """What to publish, and with which QoS."""

    payload: bytes
    qos: int


@dataclass(frozen=True)
class ParsedStatus:
    """A status as received. ``details`` is empty where the message has none."""

    status: str
    details: dict[str, str] = field(default_factory=dict)


class StatusError(Exception):
    """The message is no job status; the text says why."""


def receiving(stored: int, total: int) -> StatusMessage:
    """P-RCV: ``stored`` of ``total`` blocks are there. The only status with QoS 0."""
    return _message(JobStatus.IN_PROGRESS, f'"receive":"{stored}/{total}"', qos=0)


def self_test_ready(running: Version) -> StatusMessage:
    """P-RDY: the new image is stored and verified by the version ``running``."""
    return _self_test(JobReason.SIG_CHECK_PASSED, running)


def self_test_active(running: Version) -> StatusMessage:
    """P-ACT: the image of version ``running`` is being tested."""
    return _self_test(JobReason.SELF_TEST_ACTIVE, running)


def accepted(running: Version, updated_by: Version) -> StatusMessage:
    """P-OK: ``running`` is accepted; ``updated_by`` is the version that fetched it."""
    reason = JOB_REASON_WORDS[JobReason.ACCEPTED]
    details = f'"reason":"{reason}  v{running}","updatedBy":"  v{updated_by}"'
    return _message(JobStatus.SUCCEEDED, details)


def failed(reason: JobReason, sub_reason: int) -> StatusMessage:
    """P-FT: a word (rejected or aborted) and a 32-bit number."""
    return _message(JobStatus.FAILED, _word_and_number(reason, sub_reason))


def failed_with_values(reason: int, sub_reason: int) -> StatusMessage:
    """P-FX: two 32-bit numbers."""
    return _message(JobStatus.FAILED, f'"reason":"{_hex(reason)}: {_hex(sub_reason)}"')


def rejected(reason: JobReason, sub_reason: int) -> StatusMessage:
    """P-RJ: only for custom jobs."""
    return _message(JobStatus.REJECTED, _word_and_number(reason, sub_reason))


def _self_test(reason: JobReason, running: Version) -> StatusMessage:
    word = JOB_REASON_WORDS[reason]
    details = f'"self_test":"{word}","updatedBy":"{_hex(running.packed)}"'
    return _message(JobStatus.IN_PROGRESS, details)


def _word_and_number(reason: JobReason, number: int) -> str:
    return f'"reason":"{JOB_REASON_WORDS[reason]}: {_hex(number)}"'


def _hex(number: int) -> str:
    return f"0x{number & _WORD:08x}"


def _message(status: JobStatus, details: str, qos: int = 1) -> StatusMessage:
    word = JOB_STATUS_WORDS[status]
    return StatusMessage(f'{{"status":"{word}","statusDetails":{{{details}}}}}'.encode(), qos)


def parse_status(payload: bytes) -> ParsedStatus:
    """Read a status message. Raises :class:`StatusError`, and nothing else, for any bytes."""
    try:
        message = read_object(payload)
    except JsonError as error:
        raise StatusError(str(error)) from None
    status = message.get("status")
    if not isinstance(status, str) or status not in STATUS_WORDS:
        known = ", ".join(sorted(STATUS_WORDS))
        raise StatusError(f"the member status is {_shown(status)}, not one of {known}")
    details = message.get("statusDetails", {})
    if not isinstance(details, dict):
        raise StatusError(f"the member statusDetails is {_shown(details)}, not an object")
    for key, value in details.items():
        if not isinstance(value, str):
            raise StatusError(f"statusDetails.{key} is {_shown(value)}, not a string")
    return ParsedStatus(status, details)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
