"""Streams (job service §4.5, §7.2)."""

from __future__ import annotations

from typing import Any

from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import (
    ALREADY_EXISTS,
    INVALID_REQUEST,
    ControlError,
)
from rig.jobs.control.paging import page
from rig.jobs.engine import Code
from rig.jobs.refusal import RefusalError
from rig.jobs.store import StreamRecord
from rig.jobs.stream_registry import FileSpec, StreamInUseError


def _create_stream(context: Context, members: Members) -> Members:
    stream_id = members["streamId"]
    try:
        stream = context.service.streams.create(
            stream_id, _files(members["files"]), members["roleArn"], members.get("description")
        )
    except RefusalError as refusal:
        if refusal.code is not Code.RESOURCE_ALREADY_EXISTS:
            raise
        extra = {"resourceId": stream_id, "resourceArn": context.arns.make("stream", stream_id)}
        raise ControlError(ALREADY_EXISTS, str(refusal), extra) from refusal
    return _summary(context, stream)


def _describe_stream(context: Context, members: Members) -> Members:
    stream = context.service.streams.stream(members["streamId"])
    files = [
        {"fileId": file.file_id, "s3Location": {"bucket": file.bucket, "key": file.key}}
        for file in stream.files
    ]
    return {
        "streamInfo": {
            **_summary(context, stream),
            "files": files,
            "createdAt": stream.created_at,
            "lastUpdatedAt": stream.updated_at,
            "roleArn": stream.role_arn,
        }
    }


def _list_streams(context: Context, members: Members) -> Members:
    found = context.service.streams.streams()
    ordered = found if members.get("ascendingOrder", True) else found[::-1]
    streams, token = page(ordered, members)
    return {"streams": [_summary(context, stream) for stream in streams], "nextToken": token}


def _update_stream(context: Context, members: Members) -> Members:
    files = _files(members["files"]) if "files" in members else None
    stream = context.service.streams.update(
        members["streamId"], files, members.get("roleArn"), members.get("description")
    )
    return _summary(context, stream)


def _delete_stream(context: Context, members: Members) -> Members:
    try:
        context.service.streams.delete(members["streamId"])
    except StreamInUseError as error:
        raise ControlError("DeleteConflictException", str(error)) from error
    return {}


def _files(entries: list[dict[str, Any]]) -> list[FileSpec]:
    files = []
    for entry in entries:
        where = entry.get("s3Location", {})
        if "fileId" not in entry or not {"bucket", "key"} <= where.keys():
            raise ControlError(INVALID_REQUEST, "a file needs fileId and s3Location: bucket, key")
        files.append(FileSpec(entry["fileId"], where["bucket"], where["key"]))
    return files


def _summary(context: Context, stream: StreamRecord) -> dict[str, Any]:
    return {
        "streamId": stream.stream_id,
        "streamArn": context.arns.make("stream", stream.stream_id),
        "description": stream.description,
        "streamVersion": stream.version,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateStream": _create_stream,
    "DescribeStream": _describe_stream,
    "ListStreams": _list_streams,
    "UpdateStream": _update_stream,
    "DeleteStream": _delete_stream,
}
