"""CreateOTAUpdate and GetOTAUpdate: JSON to an update and back (job service §5.1, §5.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rig.jobs.control.arns import Arns, name_in
from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.control.fields import blob, need, take
from rig.jobs.engine import Policy, Target
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec
from rig.jobs.store import OtaUpdateRecord

_PRESIGN_SECONDS = range(60, 3600 + 1)
_TIMEOUT_MINUTES = range(1, 10_080 + 1)
_BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/\r\n]{32,}={0,2}\s*")


def read_spec(update_id: str, fields: Mapping[str, Any]) -> OtaUpdateSpec:
    """The update that a CreateOTAUpdate asks for; raises `ControlError`."""
    need(fields, "roleArn", str)
    presign = take(fields, "awsJobPresignedUrlConfig", dict) or {}
    timeout = take(fields, "awsJobTimeoutConfig", dict) or {}
    return OtaUpdateSpec(
        update_id=update_id,
        targets=tuple(
            Target.thing(name_in(target, "thing")) for target in need(fields, "targets", list)
        ),
        files=tuple(_file(entry) for entry in need(fields, "files", list)),
        protocols=tuple(take(fields, "protocols", list) or ("MQTT",)),
        description=take(fields, "description", str),
        presign_seconds=_bounded(presign, "expiresInSec", _PRESIGN_SECONDS),
        policy=Policy(
            in_progress_timeout_minutes=_bounded(
                timeout, "inProgressTimeoutInMinutes", _TIMEOUT_MINUTES
            )
        ),
    )


def show(record: OtaUpdateRecord, arns: Arns) -> dict[str, Any]:
    """The `otaUpdateInfo` of GetOTAUpdate."""
    return {
        "otaUpdateId": record.update_id,
        "otaUpdateArn": arns.make("otaupdate", record.update_id),
        "creationDate": record.created_at,
        "lastModifiedDate": record.created_at,
        "description": record.description or "",
        "targets": [arns.make(target.kind.value, target.name) for target in record.targets],
        "protocols": list(record.protocols),
        "targetSelection": "SNAPSHOT",
        "otaUpdateFiles": [_show_file(place, file) for place, file in enumerate(record.files)],
        "otaUpdateStatus": "CREATE_COMPLETE",
        "awsIotJobId": record.job_id,
        "awsIotJobArn": arns.make("job", record.job_id),
    }


def _file(entry: object) -> OtaFile:
    if not isinstance(entry, dict):
        raise ControlError(INVALID_REQUEST, "an entry of files is not an object")
    location = take(entry, "fileLocation", dict) or {}
    where = take(location, "s3Location", dict)
    if where is None:
        raise ControlError(
            INVALID_REQUEST, "fileLocation.s3Location is missing: other locations are not offered"
        )
    file_name = take(entry, "fileName", str) or need(where, "key", str)
    attributes = take(entry, "attributes", dict) or {}
    common: dict[str, Any] = {
        "file_name": file_name,
        "bucket": need(where, "bucket", str),
        "key": need(where, "key", str),
        "file_type": take(entry, "fileType", int),
        "attributes": {str(name): str(value) for name, value in attributes.items()},
    }
    signing = take(entry, "codeSigning", dict)
    return OtaFile(**common) if signing is None else OtaFile(**common, **_signing(signing))


def _signing(signing: Mapping[str, Any]) -> dict[str, Any]:
    custom = take(signing, "customCodeSigning", dict)
    if custom is None:
        raise ControlError(
            INVALID_REQUEST,
            "codeSigning.customCodeSigning is missing: sign the image yourself, with a key that "
            "the service never sees",
        )
    signature = blob(need(custom, "signature", dict), "inlineDocument")
    if _BASE64_TEXT.fullmatch(signature):
        # boto3 encodes the bytes that it is given; who gives base64 encodes twice (trap 17).
        raise ControlError(
            INVALID_REQUEST,
            "signature.inlineDocument is base64 within base64: give your client the raw DER bytes",
        )
    chain = take(custom, "certificateChain", dict) or {}
    hash_name = need(custom, "hashAlgorithm", str).lower()
    algorithm = need(custom, "signatureAlgorithm", str).lower()
    return {
        "signature": signature,
        "signature_key": f"sig-{hash_name}-{algorithm}",
        "cert_file": take(chain, "certificateName", str) or "",
    }


def _show_file(place: int, file: Mapping[str, Any]) -> dict[str, Any]:
    location: dict[str, Any] = {"s3Location": {"bucket": file["bucket"], "key": file["key"]}}
    if file["streamId"] is not None:
        location = {"stream": {"streamId": file["streamId"], "fileId": place}}
    shown = {"fileName": file["fileName"], "fileLocation": location}
    if file["fileType"] is not None:
        shown["fileType"] = file["fileType"]
    if file["attributes"]:
        shown["attributes"] = file["attributes"]
    return shown


def _bounded(fields: Mapping[str, Any], name: str, allowed: range) -> int | None:
    value: int | None = take(fields, name, int)
    if value is not None and value not in allowed:
        raise ControlError(INVALID_REQUEST, f"{name} is not {allowed.start} to {allowed.stop - 1}")
    return value
