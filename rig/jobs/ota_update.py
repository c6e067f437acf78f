"""An OTA update: what the user asks for, and the stream and job document it becomes (§5)."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rig.errors import UsageError
from rig.jobs.engine import Policy, Target
from rig.jobs.engine.policy import NO_POLICY
from rig.jobs.objects import ObjectStore, StoredObject
from rig.jobs.placeholders import placeholder
from rig.jobs.presign import MAX_SECONDS
from rig.jobs.settings import JobSettings
from rig.jobs.store import StreamFile

SIGNATURE_KEY = "sig-sha256-ecdsa"
AUTH_SCHEME = "aws.s3.presigned"
JOB_ID_PREFIX = "AFR_OTA-"
STREAM_ID_PREFIX = "AFR_OTA-"
PROTOCOLS = ("MQTT", "HTTP")

_UPDATE_ID = re.compile(r"[a-zA-Z0-9_-]{1,56}")
_FILE_TYPES = range(256)


@dataclass(frozen=True)
class StreamPlace:
    """A file of a stream."""

    stream_id: str
    file_id: int


@dataclass(frozen=True)
class OtaFile:
    """One file of an update; the object must be in the store.

    `signature` is raw (ECDSA: DER), None leaves the signature out of the document. `attributes`
    are stored, not delivered. A file of a stream that is there already has its `stream`.
    """

    file_name: str
    bucket: str
    key: str
    file_type: int | None = None
    signature: bytes | None = None
    signature_key: str = SIGNATURE_KEY
    cert_file: str = "signer.pem"
    attributes: Mapping[str, str] = field(default_factory=dict)
    stream: StreamPlace | None = None


@dataclass(frozen=True)
class OtaUpdateSpec:
    """An update as it is asked for; `presign_seconds` None takes the default of the settings."""

    update_id: str
    targets: tuple[Target, ...]
    files: tuple[OtaFile, ...]
    protocols: tuple[str, ...] = ("MQTT",)
    description: str | None = None
    policy: Policy = NO_POLICY
    presign_seconds: int | None = None
    continuous: bool = False
    labels: Mapping[str, Any] = field(default_factory=dict)
    """Members that are only stored and shown."""


@dataclass(frozen=True)
class OtaUpdate:
    """An update that exists: its job is queued on every thing."""

    update_id: str
    job_id: str
    stream_id: str | None
    document: Mapping[str, Any]


def check_spec(spec: OtaUpdateSpec) -> None:
    """Raises `UsageError` for what no update may be; the files are looked at later."""
    if not _UPDATE_ID.fullmatch(spec.update_id):
        raise UsageError(
            f"the update id {spec.update_id!r} is not 1 to 56 of a-z, A-Z, 0-9, underscore and "
            f"dash (the job id {JOB_ID_PREFIX}<id> has at most 64)"
        )
    if not spec.targets:
        raise UsageError(f"the update {spec.update_id} is for no thing: name at least one")
    if not spec.files:
        raise UsageError(f"the update {spec.update_id} has no file: name at least one")
    check_protocols(spec.protocols)
    seconds = spec.presign_seconds
    if seconds is not None and not 1 <= seconds <= MAX_SECONDS:
        raise UsageError(f"a download URL that holds {seconds} s is not 1 to {MAX_SECONDS} s")
    for file in spec.files:
        if file.file_type is not None and file.file_type not in _FILE_TYPES:
            raise UsageError(f"file type {file.file_type} is not 0 to 255")


def check_protocols(protocols: Sequence[str]) -> None:
    """Raises `UsageError` unless these are one or both of MQTT and HTTP."""
    if not protocols or len(set(protocols)) != len(protocols) or set(protocols) - set(PROTOCOLS):
        raise UsageError(f"protocols {list(protocols)} are not one or both of {list(PROTOCOLS)}")


def open_file(file: OtaFile, objects: ObjectStore, settings: JobSettings) -> StoredObject:
    """The content of a file; raises `UsageError` if it is missing, empty or too big."""
    where = f"{file.bucket}/{file.key}"
    stored = objects.get(file.bucket, file.key)
    if stored is None:
        raise UsageError(f"there is no object {where}: upload the image first")
    size = len(stored.content)
    if size == 0:
        raise UsageError(f"the image {where} is empty: nothing to update to")
    if size > settings.max_file:
        raise UsageError(
            f"the image {where} has {size} bytes, at most {settings.max_file} are allowed"
        )
    return stored


def stream_files(stored: Sequence[StoredObject]) -> tuple[StreamFile, ...]:
    """The files of an update's stream: their ids are their places (§5.1)."""
    return tuple(
        StreamFile(place, one.bucket, one.key, len(one.content), one.sha256)
        for place, one in enumerate(stored)
    )


def make_document(
    files: Sequence[OtaFile],
    stored: Sequence[StoredObject],
    protocols: Sequence[str],
    stream_id: str | None,
    region: str,
) -> dict[str, Any]:
    """The `afr_ota` document of §5.2; by HTTP with a placeholder for each download URL."""
    document: dict[str, Any] = {"protocols": list(protocols)}
    if stream_id is not None:
        document["streamname"] = stream_id
    document["files"] = [
        _file_entry(place, file, one, by_http="HTTP" in protocols, region=region)
        for place, (file, one) in enumerate(zip(files, stored, strict=True))
    ]
    return {"afr_ota": document}


def _file_entry(
    place: int, file: OtaFile, stored: StoredObject, *, by_http: bool, region: str
) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "filepath": file.file_name,
        "filesize": len(stored.content),
        "fileid": place if file.stream is None else file.stream.file_id,
        "certfile": file.cert_file,
    }
    if by_http:
        entry["update_data_url"] = placeholder(file.bucket, file.key, region)
        entry["auth_scheme"] = AUTH_SCHEME
    if file.file_type is not None:
        entry["fileType"] = file.file_type
    if file.signature is not None:
        entry[file.signature_key] = base64.b64encode(file.signature).decode()
    return entry
