"""Every enumeration of the OTA library, with its numbers (OTA spec §3).

Members leave out the library's prefix: ``OtaErrNoActiveJob`` is ``OtaErr.NO_ACTIVE_JOB``. The
library's own names are in ``agent.protocol.strerror``.
"""

from __future__ import annotations

from enum import IntEnum


class OtaErr(IntEnum):
    """Results of the agent's calls and handlers."""

    NONE = 0x00
    UNINITIALIZED = 0x01
    PANIC = 0x02
    INVALID_ARG = 0x03
    AGENT_STOPPED = 0x04
    SIGNAL_EVENT_FAILED = 0x05
    REQUEST_JOB_FAILED = 0x06
    INIT_FILE_TRANSFER_FAILED = 0x07
    REQUEST_FILE_BLOCK_FAILED = 0x08
    CLEANUP_CONTROL_FAILED = 0x09
    CLEANUP_DATA_FAILED = 0x0A
    UPDATE_JOB_STATUS_FAILED = 0x0B
    JOB_PARSER_ERROR = 0x0C
    INVALID_DATA_PROTOCOL = 0x0D
    MOMENTUM_ABORT = 0x0E
    DOWNGRADE_NOT_ALLOWED = 0x0F
    SAME_FIRMWARE_VERSION = 0x10
    IMAGE_STATE_MISMATCH = 0x11
    NO_ACTIVE_JOB = 0x12
    USER_ABORT = 0x13
    FAILED_TO_ENCODE_CBOR = 0x14
    FAILED_TO_DECODE_CBOR = 0x15
    ACTIVATE_FAILED = 0x16
    FILE_SIZE_OVERFLOW = 0x17
    EMPTY_JOB_DOCUMENT = 0x18


class JobParseErr(IntEnum):
    """What is wrong with a job document as a whole."""

    UNKNOWN = -1
    NONE = 0
    NULL_JOB = 1
    UPDATE_CURRENT_JOB = 2
    ZERO_FILE_SIZE = 3
    NON_CONFORMING_JOB_DOC = 4
    BAD_MODEL_INIT_PARAMS = 5
    NO_CONTEXT_AVAILABLE = 6
    """Never used by the library."""
    NO_ACTIVE_JOBS = 7


class PalMainStatus(IntEnum):
    """The upper byte of a platform status."""

    SUCCESS = 0x00
    UNINITIALIZED = 0xE0
    OUT_OF_MEMORY = 0xE1
    NULL_FILE_CONTEXT = 0xE2
    SIGNATURE_CHECK_FAILED = 0xE3
    RX_FILE_CREATE_FAILED = 0xE4
    RX_FILE_TOO_LARGE = 0xE5
    BOOT_INFO_CREATE_FAILED = 0xE6
    BAD_SIGNER_CERT = 0xE7
    BAD_IMAGE_STATE = 0xE8
    ABORT_FAILED = 0xE9
    REJECT_FAILED = 0xEA
    COMMIT_FAILED = 0xEB
    ACTIVATE_FAILED = 0xEC
    FILE_ABORT = 0xED
    FILE_CLOSE = 0xEE


class OsStatus(IntEnum):
    """Results of the operating system layer."""

    SUCCESS = 0x00
    EVENT_QUEUE_CREATE_FAILED = 0x80
    EVENT_QUEUE_SEND_FAILED = 0x81
    EVENT_QUEUE_RECEIVE_FAILED = 0x82
    EVENT_QUEUE_DELETE_FAILED = 0x83
    TIMER_CREATE_FAILED = 0x84
    TIMER_START_FAILED = 0x85
    TIMER_RESTART_FAILED = 0x86
    TIMER_STOP_FAILED = 0x87
    TIMER_DELETE_FAILED = 0x88


class MqttStatus(IntEnum):
    """Results of the MQTT layer."""

    SUCCESS = 0x00
    PUBLISH_FAILED = 0xA0
    SUBSCRIBE_FAILED = 0xA1
    UNSUBSCRIBE_FAILED = 0xA2


class HttpStatus(IntEnum):
    """Results of the HTTP layer; not status codes of responses."""

    SUCCESS = 0x00
    INIT_FAILED = 0xC0
    DEINIT_FAILED = 0xC1
    REQUEST_FAILED = 0xC2


class ImageState(IntEnum):
    """The agent's view of the image."""

    UNKNOWN = 0
    TESTING = 1
    ACCEPTED = 2
    REJECTED = 3
    ABORTED = 4


class PalImageState(IntEnum):
    """The platform's view of the running image."""

    UNKNOWN = 0
    """A platform must not return it."""
    PENDING_COMMIT = 1
    VALID = 2
    INVALID = 3


class JobStatus(IntEnum):
    """Job statuses; :data:`JOB_STATUS_WORDS` are their words on the wire."""

    IN_PROGRESS = 0
    FAILED = 1
    SUCCEEDED = 2
    REJECTED = 3
    FAILED_WITH_VAL = 4
    """FAILED with two numbers as the reason."""


class JobReason(IntEnum):
    """Reasons in job statuses; :data:`JOB_REASON_WORDS` are their words on the wire."""

    RECEIVING = 0
    """Has no word."""
    SIG_CHECK_PASSED = 1
    SELF_TEST_ACTIVE = 2
    ACCEPTED = 3
    REJECTED = 4
    ABORTED = 5


class JobEvent(IntEnum):
    """What the application's callback is called for."""

    ACTIVATE = 0
    FAIL = 1
    START_TEST = 2
    PROCESSED = 3
    SELF_TEST_FAILED = 4
    PARSE_CUSTOM_JOB = 5
    RECEIVED_JOB = 6
    UPDATE_COMPLETE = 7
    NO_ACTIVE_JOB = 8


class IngestResult(IntEnum):
    """What came of one data message; everything below FILE_COMPLETE ends the job."""

    ACCEPTED_CONTINUE = 0
    DUPLICATE_CONTINUE = 1
    FILE_COMPLETE = -1
    SIG_CHECK_FAIL = -2
    FILE_CLOSE_FAIL = -3
    NULL_INPUT = -4
    BAD_FILE_HANDLE = -5
    UNEXPECTED_BLOCK = -6
    BLOCK_OUT_OF_RANGE = -7
    BAD_DATA = -8
    WRITE_BLOCK_FAILED = -9
    NO_DECODE_MEMORY = -10
    UNINITIALIZED = -127


class DocParseErr(IntEnum):
    """What stopped the reading of a job document's fields."""

    UNKNOWN = -1
    NONE = 0
    OUT_OF_MEMORY = 1
    USER_BUFFER_INSUFFICIENT = 2
    FIELD_TYPE_MISMATCH = 3
    """Never used by the library, like 6, 13, 14 and 15."""
    BASE64_DECODE = 4
    INVALID_NUM_CHAR = 5
    DUPLICATES_NOT_ALLOWED = 6
    MALFORMED_DOC = 7
    INVALID_JSON_BUFFER = 8
    NULL_MODEL_POINTER = 9
    NULL_BODY_POINTER = 10
    NULL_DOC_POINTER = 11
    TOO_MANY_PARAMS = 12
    PARAM_KEY_NOT_IN_MODEL = 13
    INVALID_MODEL_PARAM_TYPE = 14
    INVALID_TOKEN = 15
    EMPTY_JOB_DOC = 16


class Base64Status(IntEnum):
    """What is wrong with a base64 text."""

    SUCCESS = 0
    INVALID_SYMBOL = 1
    INVALID_SYMBOL_ORDERING = 2
    INVALID_INPUT_SIZE = 3
    NULL_POINTER_INPUT = 4
    INVALID_BUFFER_SIZE = 5
    NON_ZERO_PADDING = 6
    INVALID_PADDING_SYMBOL = 7


JOB_STATUS_WORDS: dict[JobStatus, str] = {
    JobStatus.IN_PROGRESS: "IN_PROGRESS",
    JobStatus.FAILED: "FAILED",
    JobStatus.SUCCEEDED: "SUCCEEDED",
    JobStatus.REJECTED: "REJECTED",
    JobStatus.FAILED_WITH_VAL: "FAILED",
}

JOB_REASON_WORDS: dict[JobReason, str] = {
    JobReason.RECEIVING: "",
    JobReason.SIG_CHECK_PASSED: "ready",
    JobReason.SELF_TEST_ACTIVE: "active",
    JobReason.ACCEPTED: "accepted",
    JobReason.REJECTED: "rejected",
    JobReason.ABORTED: "aborted",
}
