"""Reading a job document as the rig sent it: what it offers, and what is wrong with it.

The judge reads documents with its own few rules instead of the agent's parser, so that a mistake
there cannot hide itself here.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

UINT32_MAX = 0xFFFFFFFF
MAX_JOB_ID = 72  # OTA spec §4.1; AWS itself allows 64
SIGNATURE_PREFIX = "sig-"

# OTA spec §4.1, and the members that the job service always adds (job service §1).
KNOWN_TOP = frozenset({"clientToken", "timestamp", "execution"})
KNOWN_EXECUTION = frozenset(
    {
        "jobId", "statusDetails", "jobDocument", "status", "thingName", "queuedAt", "startedAt",
        "lastUpdatedAt", "versionNumber", "executionNumber", "approximateSecondsBeforeTimedOut",
    }
)  # fmt: skip
KNOWN_OTA = frozenset({"streamname", "protocols", "files"})
KNOWN_FILE = frozenset(
    {
        "filepath", "filesize", "fileid", "certfile", "update_data_url", "auth_scheme", "attr",
        "fileType",
    }
)  # fmt: skip
NUMBERS = ("filesize", "fileid", "attr", "fileType")


class Defect(Enum):
    """What can be wrong with a document (OTA spec §4.4)."""

    NOT_JSON = "it is not JSON"
    CUT_OFF = "it is cut off inside execution"
    NO_JOB = "it has no execution"
    EMPTY_EXECUTION = "its execution is empty"
    NO_JOB_ID = "it has no jobId"
    NO_JOB_DOCUMENT = "it has no jobDocument"
    LONG_JOB_ID = "its jobId is longer than 72 characters"
    NO_AFR_OTA = "it has no afr_ota"
    NO_PROTOCOLS = "protocols is missing"
    NO_FILES = "files is missing or empty"
    NO_FILESIZE = "filesize is missing"
    NO_FILEID = "fileid is missing"
    BAD_FILESIZE = "filesize is not a number"
    BAD_NUMBER = "a number is not one"
    BAD_SIGNATURE = "the signature is not base64"
    ZERO_FILESIZE = "filesize is 0"


NO_JOB_OFFERED = frozenset(
    {Defect.NOT_JSON, Defect.CUT_OFF, Defect.NO_JOB, Defect.EMPTY_EXECUTION, Defect.NO_JOB_ID,
     Defect.NO_JOB_DOCUMENT}
)  # fmt: skip


@dataclass(frozen=True)
class Offer:
    """One job document. `updated_by` is the packed version of statusDetails, None if absent.

    Fields of the file are those of the first entry of `files`; None when absent or unreadable.
    """

    defects: frozenset[Defect]
    job_id: str | None = None
    self_test: str | None = None
    """The value of self_test as text, None when it is absent."""
    updated_by: int | None = None
    stream: str | None = None
    protocols: frozenset[str] = frozenset()
    file_id: int | None = None
    file_size: int | None = None
    file_type: int | None = None
    file_ids: tuple[int | None, ...] = ()
    url: str | None = None
    signed: bool = False
    unknown_members: bool = False
    numbers_as_text: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether a device must take it for an OTA job."""
        return not self.defects

    @property
    def offers_nothing(self) -> bool:
        """Whether no job can be made out in it at all."""
        return bool(self.defects & NO_JOB_OFFERED)

    @property
    def is_firmware(self) -> bool:
        """Whether the file is the device's firmware (file type 0, OTA spec §10)."""
        return not self.file_type


def read_offer(payload: bytes) -> Offer:
    """What a document offers; never raises."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        cut = payload.lstrip().startswith(b"{") and b'"execution"' in payload
        return Offer(frozenset({Defect.CUT_OFF if cut else Defect.NOT_JSON}))
    if not isinstance(document, dict):
        return Offer(frozenset({Defect.NOT_JSON}))
    execution = document.get("execution")
    if not isinstance(execution, dict):
        return Offer(frozenset({Defect.NO_JOB}))
    if not execution:
        return Offer(frozenset({Defect.EMPTY_EXECUTION}))
    return _read_execution(document, execution)


def _read_execution(document: Mapping[str, Any], execution: Mapping[str, Any]) -> Offer:
    defects = set()
    job_id = execution.get("jobId")
    if not isinstance(job_id, str):
        job_id = None
        defects.add(Defect.NO_JOB_ID)
    elif len(job_id) > MAX_JOB_ID:
        defects.add(Defect.LONG_JOB_ID)
    details = _table(execution.get("statusDetails"))
    job = execution.get("jobDocument")
    if not isinstance(job, dict):
        defects.add(Defect.NO_JOB_DOCUMENT)
    ota = _table(job).get("afr_ota")
    if isinstance(job, dict) and not isinstance(ota, dict):
        defects.add(Defect.NO_AFR_OTA)
    has_ota = isinstance(ota, dict)
    ota = _table(ota)
    raw_files = ota.get("files")
    files = [_table(entry) for entry in raw_files] if isinstance(raw_files, list) else []
    first = files[0] if files else {}
    if has_ota:
        defects |= _defects(ota, first)
    unknown = bool(
        set(document) - KNOWN_TOP
        or set(execution) - KNOWN_EXECUTION
        or set(_table(job)) - {"afr_ota"}
        or set(ota) - KNOWN_OTA
        or {key for key in first if not key.startswith(SIGNATURE_PREFIX)} - KNOWN_FILE
    )
    return Offer(
        defects=frozenset(defects),
        job_id=job_id,
        self_test=None if "self_test" not in details else str(details["self_test"]),
        updated_by=number(details.get("updatedBy")),
        stream=_text(ota.get("streamname")),
        protocols=_protocols(ota.get("protocols")),
        file_id=number(first.get("fileid")),
        file_size=number(first.get("filesize")),
        file_type=number(first.get("fileType")),
        file_ids=tuple(number(entry.get("fileid")) for entry in files),
        url=_text(first.get("update_data_url")),
        signed=any(key.startswith(SIGNATURE_PREFIX) for key in first),
        unknown_members=unknown,
        numbers_as_text=any(isinstance(first.get(key), str) for key in NUMBERS),
    )


def _defects(ota: Mapping[str, Any], first: Mapping[str, Any]) -> set[Defect]:
    defects = set()
    if "protocols" not in ota:
        defects.add(Defect.NO_PROTOCOLS)
    if not first:
        return defects | {Defect.NO_FILES}
    if "fileid" not in first:
        defects.add(Defect.NO_FILEID)
    if "filesize" not in first:
        defects.add(Defect.NO_FILESIZE)
    elif (size := number(first["filesize"])) is None:
        defects.add(Defect.BAD_FILESIZE)
    elif size == 0:
        defects.add(Defect.ZERO_FILESIZE)
    for key in ("fileid", "attr", "fileType"):
        if key in first and number(first[key]) is None:
            defects.add(Defect.BAD_NUMBER)
    for key, value in first.items():
        if key.startswith(SIGNATURE_PREFIX) and not (isinstance(value, str) and _is_base64(value)):
            defects.add(Defect.BAD_SIGNATURE)
    return defects


def number(value: object) -> int | None:
    """A number of up to 32 bits, as a JSON number or as decimal, hex or octal text (§4.2)."""
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"0[0-7]+", text):
            text = f"0o{text}"
        try:
            value = int(text, 0)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= UINT32_MAX else None


def _is_base64(text: str) -> bool:
    packed = text.translate({ord("\r"): None, ord("\n"): None}).rstrip(" ").rstrip("=")
    try:
        base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _protocols(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        return frozenset()
    return frozenset(entry for entry in value if isinstance(entry, str))


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
