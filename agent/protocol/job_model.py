"""The fields of a job document and what its defects lead to, as tables (OTA spec §4.1, §4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.protocol.codes import JobParseErr, OtaErr

SIGNATURE_KEY = "sig-sha256-ecdsa"
"""The key of the signature in a file entry."""
MAX_JOB_ID = 72
"""Bytes of the longest job id."""
MAX_PROTOCOLS = 19
"""Bytes of the longest ``protocols`` text, brackets included."""
MAX_SIGNATURE = 384
"""Bytes of the longest signature, decoded."""


class Kind(Enum):
    """How a field's value is taken."""

    PRESENCE = "that it is there matters, its value does not"
    TEXT = "the raw text: of a string what is between the quotes, of anything else as written"
    TOPIC_LEVEL = "a raw text that becomes a level of an MQTT topic"
    NUMBER = "a number, or a string with a number in it"
    BASE64 = "base64"
    FILES = "an array whose first element is searched for the fields that follow"


@dataclass(frozen=True)
class Param:
    """One row of the model.

    ``path`` is where the field is looked for from the root of the document, and for the fields
    behind ``files`` also in the first file. ``field`` is the name of the value in ``JobDocument``,
    "" if the value is not kept.
    """

    path: tuple[str, ...]
    kind: Kind
    field: str = ""
    required: bool = False


_EXECUTION = ("execution",)
_DETAILS = (*_EXECUTION, "statusDetails")
_DOCUMENT = (*_EXECUTION, "jobDocument")
_AFR_OTA = (*_DOCUMENT, "afr_ota")

CLIENT_TOKEN = Param(("clientToken",), Kind.PRESENCE)
TIMESTAMP = Param(("timestamp",), Kind.PRESENCE)
JOB_ID = Param((*_EXECUTION, "jobId"), Kind.TOPIC_LEVEL, "job_id", required=True)
JOB_DOCUMENT = Param(_DOCUMENT, Kind.PRESENCE, required=True)


def model(signature_key: str = SIGNATURE_KEY) -> tuple[Param, ...]:
    """The rows in the order in which they are looked for; a defect of an earlier one counts."""
    return (
        CLIENT_TOKEN,
        TIMESTAMP,
        Param(_EXECUTION, Kind.PRESENCE, required=True),
        JOB_ID,
        Param(_DETAILS, Kind.PRESENCE),
        Param((*_DETAILS, "self_test"), Kind.PRESENCE, "self_test"),
        Param((*_DETAILS, "updatedBy"), Kind.NUMBER, "updated_by"),
        JOB_DOCUMENT,
        Param(_AFR_OTA, Kind.PRESENCE, required=True),
        Param((*_AFR_OTA, "streamname"), Kind.TOPIC_LEVEL, "stream_name"),
        Param((*_AFR_OTA, "protocols"), Kind.TEXT, "protocols", required=True),
        Param((*_AFR_OTA, "files"), Kind.FILES, required=True),
        Param(("filepath",), Kind.TEXT, "file_path"),
        Param(("filesize",), Kind.NUMBER, "file_size", required=True),
        Param(("fileid",), Kind.NUMBER, "file_id", required=True),
        Param(("certfile",), Kind.TEXT, "cert_file"),
        Param(("update_data_url",), Kind.TEXT, "update_data_url"),
        Param(("auth_scheme",), Kind.TEXT, "auth_scheme"),
        Param((signature_key,), Kind.BASE64, "signature"),
        Param(("attr",), Kind.NUMBER, "attributes"),
        Param(("fileType",), Kind.NUMBER, "file_type"),
    )


class Defect(Enum):
    """Ways in which a message is not a job that can be run."""

    EMPTY = "the service says that there is no job"
    NO_JOB = "no job id or no job document can be made out"
    NAMELESS = "the job id is too long, or no topic can be made of it"
    NON_CONFORMING = "a job, but not one whose fields can be taken"
    NO_BYTES = "the file has no bytes"
    TOO_LARGE = "the file has more bytes than the device can track or store"
    SIZE_OVERFLOW = "the file has so many bytes that counting its blocks overflows"


@dataclass(frozen=True)
class Outcome:
    """What a defect leads to.

    ``reportable``: there is a job id to report on. ``claimable``: the application is asked whether
    it is a custom job of its own.
    """

    parse_err: JobParseErr
    ota_err: OtaErr
    reportable: bool
    claimable: bool = False


OUTCOMES: dict[Defect, Outcome] = {
    Defect.EMPTY: Outcome(JobParseErr.NO_ACTIVE_JOBS, OtaErr.EMPTY_JOB_DOCUMENT, False),
    Defect.NO_JOB: Outcome(JobParseErr.NO_ACTIVE_JOBS, OtaErr.EMPTY_JOB_DOCUMENT, False),
    Defect.NAMELESS: Outcome(JobParseErr.NON_CONFORMING_JOB_DOC, OtaErr.JOB_PARSER_ERROR, False),
    Defect.NON_CONFORMING: Outcome(
        JobParseErr.NON_CONFORMING_JOB_DOC, OtaErr.JOB_PARSER_ERROR, True, claimable=True
    ),
    Defect.NO_BYTES: Outcome(JobParseErr.ZERO_FILE_SIZE, OtaErr.JOB_PARSER_ERROR, True),
    Defect.TOO_LARGE: Outcome(JobParseErr.BAD_MODEL_INIT_PARAMS, OtaErr.JOB_PARSER_ERROR, True),
    Defect.SIZE_OVERFLOW: Outcome(
        JobParseErr.BAD_MODEL_INIT_PARAMS, OtaErr.FILE_SIZE_OVERFLOW, True
    ),
}
"""OTA spec §4.4, row by row. Whether a reportable defect *is* reported is the agent's choice: the
library is silent about the last three when no job is active (OTA-JOB-017, OTA-JOB-019)."""
