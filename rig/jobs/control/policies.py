"""Policies (job service §7.2): kept and shown, so that scripts for AWS go through unchanged.

What a device may do is decided by the gateway, by the one rule of §8.2: its own topics, no others.
A policy neither widens nor narrows that.
"""

from __future__ import annotations

import json
from typing import Any

from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import ALREADY_EXISTS, NOT_FOUND, ControlError
from rig.jobs.control.paging import page
from rig.jobs.store import KeptRecord, Kind

_VERSION = "1"
_DOCUMENT, _TARGETS = "document", "targets"


def _create_policy(context: Context, members: Members) -> Members:
    name, document = members["policyName"], members["policyDocument"]
    try:
        statements = json.loads(document)["Statement"]
    except (ValueError, KeyError, TypeError, RecursionError):
        statements = None
    if not statements:
        raise ControlError(
            "MalformedPolicyException", f"the document of policy {name} has no Statement"
        )
    arn = context.arns.make("policy", name)
    if not context.service.kept.add(Kind.POLICY, name, {_DOCUMENT: document, _TARGETS: []}):
        extra = {"resourceId": name, "resourceArn": arn}
        raise ControlError(ALREADY_EXISTS, f"policy {name} exists already", extra)
    return {
        "policyName": name,
        "policyArn": arn,
        "policyDocument": document,
        "policyVersionId": _VERSION,
    }


def _get_policy(context: Context, members: Members) -> Members:
    policy = _policy(context, members["policyName"])
    return {
        **_named(context, policy.name),
        "policyDocument": policy.content[_DOCUMENT],
        "defaultVersionId": _VERSION,
        "creationDate": policy.created_at,
        "lastModifiedDate": policy.created_at,
    }


def _list_policies(context: Context, members: Members) -> Members:
    return _listed(context, members, [policy.name for policy in _all(context)])


def _delete_policy(context: Context, members: Members) -> None:
    policy = _policy(context, members["policyName"])
    if policy.content[_TARGETS]:
        raise ControlError(
            "DeleteConflictException", f"policy {policy.name} is attached: detach it first"
        )
    context.service.kept.drop(Kind.POLICY, policy.name)


def _attach_policy(context: Context, members: Members) -> None:
    policy = _policy(context, members["policyName"])
    targets = [*policy.content[_TARGETS], members["target"]]
    _set_targets(context, policy, list(dict.fromkeys(targets)))


def _detach_policy(context: Context, members: Members) -> None:
    policy = _policy(context, members["policyName"])
    left = [target for target in policy.content[_TARGETS] if target != members["target"]]
    _set_targets(context, policy, left)


def _list_attached_policies(context: Context, members: Members) -> Members:
    target = members["target"]
    attached = [policy.name for policy in _all(context) if target in policy.content[_TARGETS]]
    return _listed(context, members, attached)


def _list_targets(context: Context, members: Members) -> Members:
    policy = _policy(context, members["policyName"])
    targets, marker = page(policy.content[_TARGETS], members, size="pageSize")
    return {"targets": list(targets), "nextMarker": marker}


def _set_targets(context: Context, policy: KeptRecord, targets: list[str]) -> None:
    content = {**policy.content, _TARGETS: targets}
    context.service.kept.keep(Kind.POLICY, policy.name, content)


def _policy(context: Context, name: str) -> KeptRecord:
    found = context.service.kept.find(Kind.POLICY, name)
    if found is None:
        raise ControlError(NOT_FOUND, f"there is no policy {name}")
    return found


def _all(context: Context) -> tuple[KeptRecord, ...]:
    return context.service.kept.all(Kind.POLICY)


def _listed(context: Context, members: Members, names: list[str]) -> Members:
    shown, marker = page(names, members, size="pageSize")
    return {"policies": [_named(context, name) for name in shown], "nextMarker": marker}


def _named(context: Context, name: str) -> dict[str, Any]:
    return {"policyName": name, "policyArn": context.arns.make("policy", name)}


OPERATIONS: dict[str, Operation] = {
    "CreatePolicy": _create_policy,
    "GetPolicy": _get_policy,
    "ListPolicies": _list_policies,
    "DeletePolicy": _delete_policy,
    "AttachPolicy": _attach_policy,
    "DetachPolicy": _detach_policy,
    "ListAttachedPolicies": _list_attached_policies,
    "ListTargetsForPolicy": _list_targets,
}
