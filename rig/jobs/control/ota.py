"""OTA updates: members to an update and back (job service §5.1, §5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.jobs.arns import Arns
from rig.jobs.control import signing_sources
from rig.jobs.control.arns import target_in
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import ALREADY_EXISTS, INVALID_REQUEST, NOT_FOUND, ControlError
from rig.jobs.control.paging import page
from rig.jobs.engine import Code
from rig.jobs.ota_update import OtaFile, OtaUpdateSpec, StreamPlace
from rig.jobs.policy_json import ABORT, ROLLOUT, TIMEOUT, read_policy
from rig.jobs.refusal import RefusalError
from rig.jobs.store import OtaUpdateRecord

_PRESIGN = "awsJobPresignedUrlConfig"
_ROLLOUT = "awsJobExecutionsRolloutConfig"
_SHOWN = (_ROLLOUT, _PRESIGN, "additionalParameters")
_PRESIGN_SECONDS = range(60, 3600 + 1)
_DEFAULT_SELECTION = "SNAPSHOT"


def _create_ota_update(context: Context, members: Members) -> Members:
    update_id = members["otaUpdateId"]
    arn = context.arns.make("otaupdate", update_id)
    try:
        made = context.service.create_ota_update(_spec(context, members))
    except RefusalError as refusal:
        if refusal.code is not Code.RESOURCE_ALREADY_EXISTS:
            raise
        extra = {"resourceId": update_id, "resourceArn": arn}
        raise ControlError(ALREADY_EXISTS, str(refusal), extra) from refusal
    return {
        "otaUpdateId": update_id,
        "otaUpdateArn": arn,
        "awsIotJobId": made.job_id,
        "awsIotJobArn": context.arns.make("job", made.job_id),
        "otaUpdateStatus": "CREATE_PENDING",
    }


def _get_ota_update(context: Context, members: Members) -> Members:
    record = context.service.ota_update(members["otaUpdateId"])
    if record is None:
        raise ControlError(NOT_FOUND, f"there is no OTA update {members['otaUpdateId']}")
    return {"otaUpdateInfo": _shown(record, context.arns)}


def _list_ota_updates(context: Context, members: Members) -> Members:
    # Every update that is here has been made completely.
    wanted = members.get("otaUpdateStatus", "CREATE_COMPLETE") == "CREATE_COMPLETE"
    updates, token = page(context.service.views.ota_updates() if wanted else (), members)
    return {
        "otaUpdates": [_summary(update, context.arns) for update in updates],
        "nextToken": token,
    }


def _delete_ota_update(context: Context, members: Members) -> Members:
    context.service.delete_ota_update(
        members["otaUpdateId"],
        delete_stream=members.get("deleteStream", False),
        force_delete_job=members.get("forceDeleteAWSJob", False),
    )
    return {}


def _spec(context: Context, members: Members) -> OtaUpdateSpec:
    abort = members.get("awsJobAbortConfig", {}).get("abortCriteriaList")
    policy = {
        ROLLOUT: members.get(_ROLLOUT),
        ABORT: None if abort is None else {"criteriaList": abort},
        TIMEOUT: members.get("awsJobTimeoutConfig"),
    }
    selection = members.get("targetSelection", _DEFAULT_SELECTION)
    return OtaUpdateSpec(
        update_id=members["otaUpdateId"],
        targets=tuple(target_in(target) for target in members["targets"]),
        files=tuple(_file(context, entry) for entry in members["files"]),
        protocols=tuple(members.get("protocols") or ("MQTT",)),
        description=members.get("description"),
        presign_seconds=_presign_seconds(members),
        policy=read_policy(policy),
        continuous=selection != _DEFAULT_SELECTION,
        labels={name: members[name] for name in _SHOWN if name in members},
    )


def _presign_seconds(members: Members) -> int | None:
    """The model leaves out the limits that the documentation has (§5.1)."""
    seconds: int | None = members.get(_PRESIGN, {}).get("expiresInSec")
    if seconds is not None and seconds not in _PRESIGN_SECONDS:
        raise ControlError(INVALID_REQUEST, f"expiresInSec, {seconds}, is not 60 to 3600")
    return seconds


def _file(context: Context, entry: Mapping[str, Any]) -> OtaFile:
    signing = entry.get("codeSigning", {})
    if "awsSignerJobId" in signing:
        return signing_sources.of_job(context.signer, entry, signing["awsSignerJobId"])
    location = entry.get("fileLocation", {})
    where, place = location.get("s3Location", {}), None
    if "stream" in location:
        place = _stream_place(location["stream"])
        found = context.service.streams.file(place.stream_id, place.file_id)
        where = {"bucket": found.bucket, "key": found.key}
    if "bucket" not in where or "key" not in where:
        raise ControlError(INVALID_REQUEST, "fileLocation needs s3Location: bucket, key, or stream")
    file = OtaFile(
        entry.get("fileName", where["key"]),
        where["bucket"],
        where["key"],
        entry.get("fileType"),
        attributes=entry.get("attributes", {}),
        stream=place,
    )
    if "startSigningJobParameter" in signing:
        version = where.get("version", "null")
        return signing_sources.signed_now(
            context.signer, file, version, signing["startSigningJobParameter"]
        )
    if "customCodeSigning" in signing:
        return signing_sources.custom(file, signing["customCodeSigning"])
    if "codeSigning" in entry:
        raise ControlError(INVALID_REQUEST, "codeSigning is empty: say how the image is signed")
    return file


def _stream_place(stream: Mapping[str, Any]) -> StreamPlace:
    if not {"streamId", "fileId"} <= stream.keys():
        raise ControlError(INVALID_REQUEST, "fileLocation.stream needs streamId and fileId")
    return StreamPlace(stream["streamId"], stream["fileId"])


def _shown(record: OtaUpdateRecord, arns: Arns) -> dict[str, Any]:
    return {
        **_summary(record, arns),
        "lastModifiedDate": record.created_at,
        "description": record.description,
        "targets": [arns.of_target(target) for target in record.targets],
        "protocols": list(record.protocols),
        "targetSelection": "CONTINUOUS" if record.continuous else _DEFAULT_SELECTION,
        "otaUpdateFiles": [_show_file(file) for file in record.files],
        "otaUpdateStatus": "CREATE_COMPLETE",
        "awsIotJobId": record.job_id,
        "awsIotJobArn": arns.make("job", record.job_id),
        _ROLLOUT: {},
        _PRESIGN: {},
        **record.labels,
    }


def _summary(record: OtaUpdateRecord, arns: Arns) -> dict[str, Any]:
    return {
        "otaUpdateId": record.update_id,
        "otaUpdateArn": arns.make("otaupdate", record.update_id),
        "creationDate": record.created_at,
    }


def _show_file(file: Mapping[str, Any]) -> dict[str, Any]:
    location: dict[str, Any] = {"s3Location": {"bucket": file["bucket"], "key": file["key"]}}
    if file["streamId"] is not None:
        location = {"stream": {"streamId": file["streamId"], "fileId": file["fileId"]}}
    return {
        "fileName": file["fileName"],
        "fileLocation": location,
        "fileType": file["fileType"],
        "attributes": file["attributes"] or None,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateOTAUpdate": _create_ota_update,
    "GetOTAUpdate": _get_ota_update,
    "ListOTAUpdates": _list_ota_updates,
    "DeleteOTAUpdate": _delete_ota_update,
}
