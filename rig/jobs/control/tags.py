"""Tags of whatever has an ARN (job service §7.2): given when it is made, or later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rig.jobs.control.arns import kind_and_name
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import INVALID_REQUEST, NOT_FOUND, ControlError
from rig.jobs.control.paging import page
from rig.jobs.store import Kind

_MAX_TAGS = 50

Exists = Callable[[Context, str], object]
_RESOURCES: dict[str, Exists] = {
    "job": lambda context, name: context.service.views.job(name),
    "jobtemplate": lambda context, name: context.service.templates.template(name),
    "otaupdate": lambda context, name: context.service.ota_update(name),
    "policy": lambda context, name: context.service.kept.find(Kind.POLICY, name),
    "stream": lambda context, name: context.service.streams.stream(name),
    "thinggroup": lambda context, name: context.service.thing_groups.group(name),
}
"""What can have tags: finds it by name, or gives None or raises `RefusalError`."""

CREATED = {
    "CreateJob": "jobArn",
    "CreateJobTemplate": "jobTemplateArn",
    "CreateOTAUpdate": "otaUpdateArn",
    "CreatePolicy": "policyArn",
    "CreateStream": "streamArn",
    "CreateThingGroup": "thingGroupArn",
}
"""Operations that may bring tags, and the member of the answer with the ARN they are for."""

DELETED = {
    "DeleteJob": ("job", "jobId"),
    "DeleteJobTemplate": ("jobtemplate", "jobTemplateId"),
    "DeleteOTAUpdate": ("otaupdate", "otaUpdateId"),
    "DeletePolicy": ("policy", "policyName"),
    "DeleteStream": ("stream", "streamId"),
    "DeleteThingGroup": ("thinggroup", "thingGroupName"),
}
"""Operations after which tags are gone too: kind of resource, and the member with its name."""


def with_tags(name: str, operation: Operation) -> Operation:
    """The operation with what it does to tags."""
    if name in CREATED:
        return _creating(operation, CREATED[name])
    if name in DELETED:
        return _deleting(operation, *DELETED[name])
    return operation


def _creating(operation: Operation, arn_member: str) -> Operation:
    def create(context: Context, members: Members) -> Members | None:
        tags = _by_key(members.get("tags", ()))
        answer = operation(context, members)
        if tags:
            assert answer is not None
            context.service.kept.keep(Kind.TAGS, answer[arn_member], tags)
        return answer

    return create


def _deleting(operation: Operation, kind: str, member: str) -> Operation:
    def delete(context: Context, members: Members) -> Members | None:
        answer = operation(context, members)
        context.service.kept.drop(Kind.TAGS, context.arns.make(kind, members[member]))
        return answer

    return delete


def _tag_resource(context: Context, members: Members) -> Members:
    arn = _known(context, members["resourceArn"])
    tags = _tags(context, arn) | _by_key(members["tags"])
    if len(tags) > _MAX_TAGS:
        raise ControlError("LimitExceededException", f"a resource has at most {_MAX_TAGS} tags")
    context.service.kept.keep(Kind.TAGS, arn, tags)
    return {}


def _untag_resource(context: Context, members: Members) -> Members:
    arn = _known(context, members["resourceArn"])
    gone = set(members["tagKeys"])
    left = {key: value for key, value in _tags(context, arn).items() if key not in gone}
    context.service.kept.keep(Kind.TAGS, arn, left)
    return {}


def _list_tags(context: Context, members: Members) -> Members:
    found = _tags(context, _known(context, members["resourceArn"]))
    tags, token = page(sorted(found.items()), members)
    return {"tags": [{"Key": key, "Value": value} for key, value in tags], "nextToken": token}


def _known(context: Context, arn: str) -> str:
    """The ARN, if there is such a resource; raises `ControlError` and `RefusalError`."""
    kind, name = kind_and_name(arn)
    find = _RESOURCES.get(kind)
    if find is None:
        raise ControlError(INVALID_REQUEST, f"what has the ARN {arn} has no tags here")
    if find(context, name) is None:
        raise ControlError(NOT_FOUND, f"there is no {kind} {name}")
    return context.arns.make(kind, name)


def _tags(context: Context, arn: str) -> dict[str, str]:
    kept = context.service.kept.find(Kind.TAGS, arn)
    return {} if kept is None else dict(kept.content)


def _by_key(tags: Any) -> dict[str, str]:
    found = {tag["Key"]: tag.get("Value", "") for tag in tags}
    if len(found) != len(tags):
        raise ControlError(INVALID_REQUEST, "two tags have the same key")
    return found


OPERATIONS: dict[str, Operation] = {
    "TagResource": _tag_resource,
    "UntagResource": _untag_resource,
    "ListTagsForResource": _list_tags,
}
