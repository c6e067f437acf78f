"""The `iot` operations as a table: method and path pattern to function (job service §7.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from rig.jobs.control import ota
from rig.jobs.control.arns import Arns, name_in
from rig.jobs.control.errors import (
    ALREADY_EXISTS,
    INVALID_REQUEST,
    NOT_FOUND,
    ControlError,
)
from rig.jobs.control.fields import flag, take
from rig.jobs.engine import Code
from rig.jobs.refusal import RefusalError
from rig.jobs.service import JobService
from rig.jobs.store import ThingRecord
from rig.pki import CertificateAuthority


@dataclass(frozen=True)
class Context:
    """What operations work with; `endpoints` has the address of each endpoint type."""

    service: JobService
    authority: CertificateAuthority
    endpoints: Mapping[str, str]
    arns: Arns


@dataclass(frozen=True)
class Call:
    """One call: path parameters, query and header members, and the body's fields."""

    names: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    fields: Mapping[str, Any]


Operation = Callable[[Context, Call], dict[str, Any]]


def _create_thing(context: Context, call: Call) -> dict[str, Any]:
    thing = context.service.create_thing(call.names[0])
    return {
        "thingName": thing.name,
        "thingArn": context.arns.make("thing", thing.name),
        "thingId": thing.thing_id,
    }


def _list_things(context: Context, call: Call) -> dict[str, Any]:
    return {
        "things": [
            {
                "thingName": thing.name,
                "thingArn": context.arns.make("thing", thing.name),
                "attributes": {},
                "version": 1,
            }
            for thing in context.service.list_things()
        ]
    }


def _describe_thing(context: Context, call: Call) -> dict[str, Any]:
    thing = _thing(context, call.names[0])
    return {
        "defaultClientId": thing.name,
        "thingName": thing.name,
        "thingId": thing.thing_id,
        "thingArn": context.arns.make("thing", thing.name),
        "attributes": {},
        "version": 1,
    }


def _create_keys_and_certificate(context: Context, call: Call) -> dict[str, Any]:
    made = context.authority.issue_client("otarig device")
    context.service.register_certificate(
        made.certificate_id,
        made.certificate_pem.decode(),
        active=flag(call.query, "setAsActive"),
    )
    return {
        "certificateArn": context.arns.make("cert", made.certificate_id),
        "certificateId": made.certificate_id,
        "certificatePem": made.certificate_pem.decode(),
        "keyPair": {
            "PublicKey": made.public_pem.decode(),
            "PrivateKey": made.key_pem.decode(),
        },
    }


def _attach_thing_principal(context: Context, call: Call) -> dict[str, Any]:
    thing = _thing(context, call.names[0])
    certificate = name_in(call.headers.get("x-amzn-principal"), "cert")
    if not context.service.has_certificate(certificate):
        raise ControlError(NOT_FOUND, f"there is no certificate {certificate}")
    context.service.attach_certificate(thing.name, certificate)
    return {}


def _create_ota_update(context: Context, call: Call) -> dict[str, Any]:
    update_id = call.names[0]
    spec = ota.read_spec(update_id, call.fields)
    arn = context.arns.make("otaupdate", update_id)
    try:
        made = context.service.create_ota_update(spec)
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


def _get_ota_update(context: Context, call: Call) -> dict[str, Any]:
    record = context.service.ota_update(call.names[0])
    if record is None:
        raise ControlError(NOT_FOUND, f"there is no OTA update {call.names[0]}")
    return {"otaUpdateInfo": ota.show(record, context.arns)}


def _cancel_job(context: Context, call: Call) -> dict[str, Any]:
    job_id = call.names[0]
    context.service.cancel_job(
        job_id,
        flag(call.query, "force"),
        reason_code=take(call.fields, "reasonCode", str),
        comment=take(call.fields, "comment", str),
    )
    return {"jobArn": context.arns.make("job", job_id), "jobId": job_id}


def _describe_job_execution(context: Context, call: Call) -> dict[str, Any]:
    thing, job_id = call.names
    text = call.query.get("executionNumber")
    if text is not None and not re.fullmatch(r"[0-9]{1,18}", text):
        raise ControlError(INVALID_REQUEST, "executionNumber is not a number")
    number = None if text is None else int(text)
    execution = context.service.describe_execution(thing, job_id, number)
    if execution is None:
        raise ControlError(NOT_FOUND, f"job {job_id} has no such execution on thing {thing}")
    shown: dict[str, Any] = {
        "jobId": job_id,
        "status": execution.status.value,
        "forceCanceled": execution.force_canceled,
        "statusDetails": {"detailsMap": dict(execution.status_details)},
        "thingArn": context.arns.make("thing", thing),
        "queuedAt": execution.queued_at,
        "lastUpdatedAt": execution.last_updated_at,
        "executionNumber": execution.number,
        "versionNumber": execution.version,
    }
    if execution.started_at is not None:
        shown["startedAt"] = execution.started_at
    left = context.service.seconds_left(execution)
    if left is not None:
        shown["approximateSecondsBeforeTimedOut"] = left
    return {"execution": shown}


def _describe_endpoint(context: Context, call: Call) -> dict[str, Any]:
    kind = call.query.get("endpointType", "iot:Data")
    if kind not in context.endpoints:
        raise ControlError(INVALID_REQUEST, f"there is no endpoint of type {kind}")
    return {"endpointAddress": context.endpoints[kind]}


def _thing(context: Context, name: str) -> ThingRecord:
    thing = context.service.describe_thing(name)
    if thing is None:
        raise ControlError(NOT_FOUND, f"there is no thing {name}")
    return thing


OPERATIONS: tuple[tuple[str, str, str, Operation], ...] = (
    ("CreateThing", "POST", "/things/{}", _create_thing),
    ("ListThings", "GET", "/things", _list_things),
    ("DescribeThing", "GET", "/things/{}", _describe_thing),
    ("AttachThingPrincipal", "PUT", "/things/{}/principals", _attach_thing_principal),
    ("DescribeJobExecution", "GET", "/things/{}/jobs/{}", _describe_job_execution),
    ("CreateKeysAndCertificate", "POST", "/keys-and-certificate", _create_keys_and_certificate),
    ("CreateOTAUpdate", "POST", "/otaUpdates/{}", _create_ota_update),
    ("GetOTAUpdate", "GET", "/otaUpdates/{}", _get_ota_update),
    ("CancelJob", "PUT", "/jobs/{}/cancel", _cancel_job),
    ("DescribeEndpoint", "GET", "/endpoint", _describe_endpoint),
)
"""Operation, method, path with `{}` for a parameter, function."""

_ROUTES = [
    (method, re.compile(pattern.replace("{}", "([^/]+)")), operation)
    for _, method, pattern, operation in OPERATIONS
]


def find(method: str, raw_path: str) -> tuple[Operation, tuple[str, ...]] | None:
    """The operation of a path that is not decoded yet, and its parameters, decoded (§7.1)."""
    for wanted, pattern, operation in _ROUTES:
        match = pattern.fullmatch(raw_path)
        if wanted == method and match is not None:
            return operation, tuple(unquote(name) for name in match.groups())
    return None
