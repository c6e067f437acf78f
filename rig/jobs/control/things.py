"""Things and endpoints (job service §7.2)."""

from __future__ import annotations

from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.control.paging import page
from rig.jobs.store import ThingRecord


def _create_thing(context: Context, members: Members) -> Members:
    payload = members.get("attributePayload", {})
    thing = context.service.registry.create_thing(
        members["thingName"],
        payload.get("attributes"),
        members.get("thingTypeName"),
        members.get("billingGroupName"),
    )
    return {
        "thingName": thing.name,
        "thingArn": context.arns.make("thing", thing.name),
        "thingId": thing.thing_id,
    }


def _describe_thing(context: Context, members: Members) -> Members:
    thing = context.service.registry.thing(members["thingName"])
    return {
        "defaultClientId": thing.name,
        "thingId": thing.thing_id,
        "billingGroupName": thing.billing_group,
        **_shown(context, thing),
    }


def _update_thing(context: Context, members: Members) -> Members:
    payload = members.get("attributePayload", {})
    context.service.registry.update_thing(
        members["thingName"],
        payload.get("attributes"),
        merge=payload.get("merge", False),
        type_name=members.get("thingTypeName"),
        remove_type=members.get("removeThingType", False),
        expected_version=members.get("expectedVersion"),
    )
    return {}


def _delete_thing(context: Context, members: Members) -> Members:
    context.service.registry.delete_thing(members["thingName"], members.get("expectedVersion"))
    return {}


def _list_things(context: Context, members: Members) -> Members:
    chosen = [thing for thing in context.service.registry.things() if _is_wanted(thing, members)]
    things, token = page(chosen, members)
    return {"things": [_shown(context, thing) for thing in things], "nextToken": token}


def _is_wanted(thing: ThingRecord, members: Members) -> bool:
    type_name, name = members.get("thingTypeName"), members.get("attributeName")
    if type_name is not None and thing.type_name != type_name:
        return False
    if name is None:
        return True
    value, wanted = thing.attributes.get(name), members.get("attributeValue")
    if value is None or wanted is None:
        return value is not None
    prefix = members.get("usePrefixAttributeValue", False)
    return value.startswith(wanted) if prefix else value == wanted


def _shown(context: Context, thing: ThingRecord) -> dict[str, object]:
    return {
        "thingName": thing.name,
        "thingTypeName": thing.type_name,
        "thingArn": context.arns.make("thing", thing.name),
        "attributes": dict(thing.attributes),
        "version": thing.version,
    }


def _describe_endpoint(context: Context, members: Members) -> Members:
    kind = members.get("endpointType", "iot:Data")
    if kind not in context.endpoints:
        raise ControlError(INVALID_REQUEST, f"there is no endpoint of type {kind}")
    return {"endpointAddress": context.endpoints[kind]}


OPERATIONS: dict[str, Operation] = {
    "CreateThing": _create_thing,
    "DescribeThing": _describe_thing,
    "UpdateThing": _update_thing,
    "DeleteThing": _delete_thing,
    "ListThings": _list_things,
    "DescribeEndpoint": _describe_endpoint,
}
