"""Thing groups (job service §7.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rig.jobs.control.arns import name_in
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import ALREADY_EXISTS, INVALID_REQUEST, ControlError
from rig.jobs.control.paging import page
from rig.jobs.engine import Code, TargetKind
from rig.jobs.refusal import RefusalError
from rig.jobs.thing_groups import GroupSpec, ThingGroups

_KIND = TargetKind.GROUP.value


def _create_thing_group(context: Context, members: Members) -> Members:
    name = members["thingGroupName"]
    description, attributes, _ = _properties(members)
    spec = GroupSpec(name, members.get("parentGroupName"), description, attributes or {})
    try:
        group = _groups(context).create(spec)
    except RefusalError as refusal:
        if refusal.code is not Code.RESOURCE_ALREADY_EXISTS:
            raise
        extra = {"resourceId": name, "resourceArn": context.arns.make(_KIND, name)}
        raise ControlError(ALREADY_EXISTS, str(refusal), extra) from refusal
    return {
        "thingGroupName": group.name,
        "thingGroupArn": context.arns.make(_KIND, group.name),
        "thingGroupId": group.group_id,
    }


def _describe_thing_group(context: Context, members: Members) -> Members:
    group = _groups(context).group(members["thingGroupName"])
    return {
        "thingGroupName": group.name,
        "thingGroupId": group.group_id,
        "thingGroupArn": context.arns.make(_KIND, group.name),
        "version": group.version,
        "thingGroupProperties": {
            "thingGroupDescription": group.description,
            "attributePayload": {"attributes": dict(group.attributes)},
        },
        "thingGroupMetadata": {
            "parentGroupName": group.parent,
            "rootToParentThingGroups": _named(context, _groups(context).path(group.name)),
            "creationDate": group.created_at,
        },
    }


def _update_thing_group(context: Context, members: Members) -> Members:
    description, attributes, merge = _properties(members)
    group = _groups(context).update(
        members["thingGroupName"],
        description,
        attributes,
        merge=merge,
        expected_version=members.get("expectedVersion"),
    )
    return {"version": group.version}


def _delete_thing_group(context: Context, members: Members) -> Members:
    _groups(context).delete(members["thingGroupName"], members.get("expectedVersion"))
    return {}


def _list_thing_groups(context: Context, members: Members) -> Members:
    found = _groups(context).groups(
        members.get("parentGroup"), recursive=members.get("recursive", True)
    )
    prefix = members.get("namePrefixFilter", "")
    wanted = [group.name for group in found if group.name.startswith(prefix)]
    names, token = page(wanted, members)
    return {"thingGroups": _named(context, names), "nextToken": token}


def _add_thing(context: Context, members: Members) -> Members:
    _groups(context).change(_name(members, "thing"), join=[_name(members, "thingGroup")])
    return {}


def _remove_thing(context: Context, members: Members) -> Members:
    _groups(context).change(_name(members, "thing"), leave=[_name(members, "thingGroup")])
    return {}


def _update_groups_of_thing(context: Context, members: Members) -> Members:
    _groups(context).change(
        _name(members, "thing"),
        join=members.get("thingGroupsToAdd", ()),
        leave=members.get("thingGroupsToRemove", ()),
    )
    return {}


def _list_things(context: Context, members: Members) -> Members:
    recursive = members.get("recursive", False)
    found = _groups(context).things(members["thingGroupName"], recursive=recursive)
    things, token = page(found, members)
    return {"things": list(things), "nextToken": token}


def _list_groups_of_thing(context: Context, members: Members) -> Members:
    names, token = page(_groups(context).groups_of_thing(members["thingName"]), members)
    return {"thingGroups": _named(context, names), "nextToken": token}


def _groups(context: Context) -> ThingGroups:
    return context.service.thing_groups


def _name(members: Members, of: str) -> str:
    """The name of a thing or group that a request has by name or by ARN."""
    if f"{of}Name" in members:
        return str(members[f"{of}Name"])
    if f"{of}Arn" in members:
        return name_in(members[f"{of}Arn"], of.lower())
    raise ControlError(INVALID_REQUEST, f"give {of}Name or {of}Arn")


def _properties(members: Members) -> tuple[str | None, Mapping[str, str] | None, bool]:
    """Description, attributes, and whether the attributes are merged."""
    properties = members.get("thingGroupProperties", {})
    payload = properties.get("attributePayload", {})
    return (
        properties.get("thingGroupDescription"),
        payload.get("attributes"),
        payload.get("merge", False),
    )


def _named(context: Context, names: Iterable[str]) -> list[dict[str, Any]]:
    return [{"groupName": name, "groupArn": context.arns.make(_KIND, name)} for name in names]


OPERATIONS: dict[str, Operation] = {
    "CreateThingGroup": _create_thing_group,
    "DescribeThingGroup": _describe_thing_group,
    "UpdateThingGroup": _update_thing_group,
    "DeleteThingGroup": _delete_thing_group,
    "ListThingGroups": _list_thing_groups,
    "AddThingToThingGroup": _add_thing,
    "RemoveThingFromThingGroup": _remove_thing,
    "UpdateThingGroupsForThing": _update_groups_of_thing,
    "ListThingsInThingGroup": _list_things,
    "ListThingGroupsForThing": _list_groups_of_thing,
}
