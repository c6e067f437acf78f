"""Job documents: from the bytes on NN or NGA to a job, or to the reason why not (OTA spec §4).

The fields are found the way the OTA library finds them (§4.2), because that decides which broken
documents are refused: fields of the file are looked for at the root first, of equal keys the first
counts, and what is broken behind the last field does no harm. One thing is different on purpose:
an absent optional field is absent, never the one of the job before (OTA-JOB-030).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agent.protocol import base64_text, json_scan, numbers
from agent.protocol.codes import Base64Status, DocParseErr, JobParseErr, OtaErr
from agent.protocol.job_model import (
    CLIENT_TOKEN,
    JOB_DOCUMENT,
    JOB_ID,
    MAX_JOB_ID,
    MAX_PROTOCOLS,
    MAX_SIGNATURE,
    OUTCOMES,
    SIGNATURE_KEY,
    TIMESTAMP,
    Defect,
    Kind,
    Param,
    model,
)
from agent.protocol.json_scan import Value

__all__ = [
    "SIGNATURE_KEY",
    "Defect",
    "DocumentRefused",
    "JobDocument",
    "JobLimits",
    "JobMessage",
    "parse_job_message",
]

MAX_DOCUMENT = 128 * 1024
"""Bytes of the largest message that is read."""
_TOPIC_MARKS = frozenset("/+#")
"""Characters that a topic level cannot have (MQTT 3.1.1 §4.7)."""


@dataclass(frozen=True)
class JobLimits:
    """What the device can handle, in bytes. None is no limit but that of the whole message."""

    max_file_size: int = 4 << 20
    block_size: int = 4096
    max_document: int = MAX_DOCUMENT
    max_stream_name: int = 128
    max_file_path: int | None = None
    max_cert_file: int | None = None
    max_url: int | None = None
    max_auth_scheme: int | None = None

    def of_text(self, name: str) -> int | None:
        """The limit of a text field of :class:`JobDocument`."""
        return {
            "job_id": MAX_JOB_ID,
            "stream_name": self.max_stream_name,
            "protocols": MAX_PROTOCOLS,
            "file_path": self.max_file_path,
            "cert_file": self.max_cert_file,
            "update_data_url": self.max_url,
            "auth_scheme": self.max_auth_scheme,
        }[name]


@dataclass(frozen=True)
class JobDocument:
    """The fields of OTA spec §4.1. Texts are raw: JSON escapes are not decoded.

    ``file_size`` is in bytes; ``updated_by`` is the packed version that performed the update;
    ``protocols`` is the text of the array, e.g. ``["MQTT"]``; ``signature`` is decoded. ``job_id``
    may be empty.
    """

    job_id: str
    self_test: bool
    updated_by: int | None
    stream_name: str | None
    protocols: str
    file_path: str | None
    file_size: int
    file_id: int
    cert_file: str | None
    update_data_url: str | None
    auth_scheme: str | None
    signature: bytes | None
    attributes: int
    file_type: int


@dataclass(frozen=True)
class JobMessage:
    """A document that can be worked on."""

    document: JobDocument


@dataclass(frozen=True)
class DocumentRefused:
    """A message that is not a job to run; ``agent.protocol.job_model.OUTCOMES`` says what follows.

    ``doc_err`` is what stopped the reading of the fields, NONE if they were read. ``job_id`` is the
    job to report on, "" if there is none. ``job_document`` is the raw text of ``jobDocument`` for
    an application that may know what to do with it, "" if the defect is another one.
    """

    defect: Defect
    doc_err: DocParseErr = DocParseErr.NONE
    job_id: str = ""
    job_document: str = ""

    @property
    def parse_err(self) -> JobParseErr:
        """The second number of the report ``0x0000000c: 0x...``; NO_ACTIVE_JOBS is silent."""
        return OUTCOMES[self.defect].parse_err

    @property
    def ota_err(self) -> OtaErr:
        """The result of the handler."""
        return OUTCOMES[self.defect].ota_err


def parse_job_message(
    payload: bytes, limits: JobLimits | None = None, signature_key: str = SIGNATURE_KEY
) -> JobMessage | DocumentRefused:
    """Read a message of NN or NGA. Never raises, whatever the bytes are.

    A message of more than ``limits.max_document`` bytes is not looked into.
    """
    limits = limits or JobLimits()
    if len(payload) > limits.max_document:
        return DocumentRefused(Defect.NO_JOB, DocParseErr.USER_BUFFER_INSUFFICIENT)
    reader = _Reader(_readable(payload), limits)
    doc_err = reader.read_fields(model(signature_key))
    if doc_err is DocParseErr.EMPTY_JOB_DOC:
        return DocumentRefused(Defect.EMPTY, doc_err)
    if doc_err is not DocParseErr.NONE:
        return _not_conforming(reader, doc_err)
    return _validated(JobDocument(**_DEFAULTS | reader.fields), limits)


_DEFAULTS: dict[str, Any] = {
    "self_test": False,
    "updated_by": None,
    "stream_name": None,
    "file_path": None,
    "cert_file": None,
    "update_data_url": None,
    "auth_scheme": None,
    "signature": None,
    "attributes": 0,
    "file_type": 0,
}


def _readable(payload: bytes) -> str:
    """The text up to the first byte that is not UTF-8: there the scanner would stop anyway."""
    try:
        return payload.decode("utf-8")
    except UnicodeDecodeError as error:
        # A NUL is broken JSON wherever it stands, so the text does not become whole by the cut.
        return payload[: error.start].decode("utf-8") + "\0"


def _validated(document: JobDocument, limits: JobLimits) -> JobMessage | DocumentRefused:
    """The checks of the size, in the library's order."""
    size = document.file_size
    if size == 0:
        return DocumentRefused(Defect.NO_BYTES, job_id=document.job_id)
    if size > numbers.MAX_NUMBER - limits.block_size + 1:
        return DocumentRefused(Defect.SIZE_OVERFLOW, job_id=document.job_id)
    if size > limits.max_file_size:
        return DocumentRefused(Defect.TOO_LARGE, job_id=document.job_id)
    return JobMessage(document)


def _not_conforming(reader: _Reader, doc_err: DocParseErr) -> DocumentRefused:
    """The fields cannot be taken: is it a job at all, and can it be named? (OTA spec §4.5)"""
    job_id, job_document = reader.find_raw(JOB_ID), reader.find_raw(JOB_DOCUMENT)
    if not job_id or job_document is None:
        return DocumentRefused(Defect.NO_JOB, doc_err)
    if _size(job_id) > MAX_JOB_ID or not _TOPIC_MARKS.isdisjoint(job_id):
        return DocumentRefused(Defect.NAMELESS, doc_err)
    return DocumentRefused(Defect.NON_CONFORMING, doc_err, job_id, job_document)


class _FieldError(Exception):
    """A field whose value cannot be taken."""

    def __init__(self, doc_err: DocParseErr) -> None:
        super().__init__(doc_err.name)
        self.doc_err = doc_err


@dataclass
class _Reader:
    """Looks up the fields of one message. ``fields`` are the values that were found."""

    text: str
    limits: JobLimits
    fields: dict[str, Any] = field(default_factory=dict)
    _objects: dict[int, dict[str, Value]] = field(default_factory=dict)
    _file: int | None = None

    def read_fields(self, params: tuple[Param, ...]) -> DocParseErr:
        """The parse algorithm of OTA spec §4.2, steps 1 to 3."""
        valid = json_scan.is_json(self.text)
        error = DocParseErr.NONE if valid else DocParseErr.INVALID_JSON_BUFFER
        found: set[Param] = set()
        for param in params:
            value = self._find(param)
            if value is None:
                continue
            found.add(param)
            if param.kind is Kind.FILES:
                self._file = self._first_file(value)
                if error is not DocParseErr.NONE:
                    break
            elif param.field:
                # A value that can be taken makes good for text that is broken elsewhere.
                error = DocParseErr.NONE
                try:
                    self.fields[param.field] = self._take(param, value)
                except _FieldError as refused:
                    error = refused.doc_err
                    break
        if error is not DocParseErr.NONE:
            return error
        if found == {CLIENT_TOKEN, TIMESTAMP}:
            return DocParseErr.EMPTY_JOB_DOC
        if not all(param in found for param in params if param.required):
            return DocParseErr.MALFORMED_DOC
        return DocParseErr.NONE

    def find_raw(self, param: Param) -> str | None:
        """The value of a field as written, None if it cannot be found."""
        value = self._find(param)
        return None if value is None else json_scan.raw(self.text, value)

    def _find(self, param: Param) -> Value | None:
        value = self._find_from(0, param.path)
        if value is None and self._file is not None:
            value = self._find_from(self._file, param.path)
        return value

    def _find_from(self, start: int, path: tuple[str, ...]) -> Value | None:
        value = None
        for key in path:
            if start not in self._objects:
                self._objects[start] = json_scan.members(self.text, start)
            value = self._objects[start].get(key)
            if value is None:
                return None
            start = value.start
        return value

    def _first_file(self, files: Value) -> int | None:
        """Where the first element of the array begins, if it is an array."""
        return files.start + 1 if self.text[files.start] == "[" else None

    def _take(self, param: Param, value: Value) -> Any:
        if param.kind is Kind.PRESENCE:
            return True
        text = json_scan.raw(self.text, value)
        if param.kind is Kind.NUMBER:
            return _number(text)
        if param.kind is Kind.BASE64:
            return _signature(text)
        limit = self.limits.of_text(param.field)
        if limit is not None and _size(text) > limit:
            raise _FieldError(DocParseErr.USER_BUFFER_INSUFFICIENT)
        if param.kind is Kind.TOPIC_LEVEL and not _TOPIC_MARKS.isdisjoint(text):
            raise _FieldError(DocParseErr.MALFORMED_DOC)
        return text


def _number(text: str) -> int:
    try:
        return numbers.parse_number_text(text)
    except numbers.NumberTextError:
        raise _FieldError(DocParseErr.INVALID_NUM_CHAR) from None


def _signature(text: str) -> bytes:
    try:
        return base64_text.decode(text, MAX_SIGNATURE)
    except base64_text.Base64Error as error:
        too_long = error.status is Base64Status.INVALID_BUFFER_SIZE
        raise _FieldError(
            DocParseErr.USER_BUFFER_INSUFFICIENT if too_long else DocParseErr.BASE64_DECODE
        ) from None


def _size(text: str) -> int:
    """Bytes of a text on the wire."""
    return len(text.encode("utf-8"))
