"""Certificates, and which of them stands for which things (job service §7.2, §8)."""

from __future__ import annotations

from rig.jobs.control.arns import name_in
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import ControlError
from rig.jobs.control.paging import page
from rig.jobs.registry import CertificateActiveError, CertificateAttachedError
from rig.jobs.store import ACTIVE, NON_EXCLUSIVE, CertificateRecord

_STATUSES = {ACTIVE, "INACTIVE", "REVOKED"}


def _create_keys_and_certificate(context: Context, members: Members) -> Members:
    made = context.authority.issue_client("otarig device")
    pem = made.certificate_pem.decode()
    context.service.registry.register_certificate(
        made.certificate_id, pem, active=members.get("setAsActive", False)
    )
    return {
        **_names(context, made.certificate_id),
        "certificatePem": pem,
        "keyPair": {
            "PublicKey": made.public_pem.decode(),
            "PrivateKey": made.key_pem.decode(),
        },
    }


def _register_certificate(context: Context, members: Members) -> Members:
    active = members.get("status", ACTIVE) == ACTIVE
    made = context.service.registry.register_pem(members["certificatePem"], active=active)
    return _names(context, made.certificate_id)


def _describe_certificate(context: Context, members: Members) -> Members:
    found = context.service.registry.certificate(members["certificateId"])
    return {
        "certificateDescription": {
            **_shown(context, found),
            "certificatePem": found.pem,
            "lastModifiedDate": found.updated_at,
        }
    }


def _list_certificates(context: Context, members: Members) -> Members:
    found = context.service.registry.certificates()
    ordered = found if members.get("ascendingOrder", False) else found[::-1]
    shown, token = page(ordered, members, size="pageSize")
    return {"certificates": [_shown(context, one) for one in shown], "nextMarker": token}


def _update_certificate(context: Context, members: Members) -> None:
    status = members["newStatus"]
    if status not in _STATUSES:
        raise ControlError(
            "InvalidRequestException", f"newStatus {status} is not one that can be set"
        )
    context.service.registry.set_certificate_status(members["certificateId"], status)


def _delete_certificate(context: Context, members: Members) -> None:
    try:
        context.service.registry.delete_certificate(members["certificateId"])
    except CertificateActiveError as error:
        raise ControlError("CertificateStateException", str(error)) from error
    except CertificateAttachedError as error:
        raise ControlError("DeleteConflictException", str(error)) from error


def _attach_thing_principal(context: Context, members: Members) -> Members:
    kind = members.get("thingPrincipalType", NON_EXCLUSIVE)
    context.service.registry.attach(members["thingName"], _certificate(members), kind)
    return {}


def _detach_thing_principal(context: Context, members: Members) -> Members:
    context.service.registry.detach(members["thingName"], _certificate(members))
    return {}


def _list_thing_principals(context: Context, members: Members) -> Members:
    found = context.service.registry.certificates_of_thing(members["thingName"])
    shown, token = page(found, members)
    return {"principals": [context.arns.make("cert", one) for one in shown], "nextToken": token}


def _list_principal_things(context: Context, members: Members) -> Members:
    found = context.service.registry.things_of_principal(_certificate(members))
    shown, token = page(found, members)
    return {"things": list(shown), "nextToken": token}


def _certificate(members: Members) -> str:
    return name_in(members["principal"], "cert")


def _names(context: Context, certificate_id: str) -> dict[str, str]:
    arn = context.arns.make("cert", certificate_id)
    return {"certificateArn": arn, "certificateId": certificate_id}


def _shown(context: Context, found: CertificateRecord) -> dict[str, object]:
    return {
        **_names(context, found.certificate_id),
        "status": found.status,
        "creationDate": found.created_at,
    }


OPERATIONS: dict[str, Operation] = {
    "CreateKeysAndCertificate": _create_keys_and_certificate,
    "RegisterCertificateWithoutCA": _register_certificate,
    "DescribeCertificate": _describe_certificate,
    "ListCertificates": _list_certificates,
    "UpdateCertificate": _update_certificate,
    "DeleteCertificate": _delete_certificate,
    "AttachThingPrincipal": _attach_thing_principal,
    "DetachThingPrincipal": _detach_thing_principal,
    "ListThingPrincipals": _list_thing_principals,
    "ListPrincipalThings": _list_principal_things,
}
