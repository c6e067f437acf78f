"""Members that jobs and job templates have in common (job service §3)."""

from __future__ import annotations

import json

from rig.jobs.control.context import Context, Members
from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.placeholders import object_of, objects_named

DOCUMENT, SOURCE = "document", "documentSource"
_MAX_PLACEHOLDERS = 10
_NOT_OFFERED = ("documentParameters", "destinationPackageVersions", "namespaceId")


def document_of(context: Context, members: Members) -> str:
    """The job document that a request brings, or names as an object (§3); it has to be JSON."""
    if (DOCUMENT in members) == (SOURCE in members):
        raise ControlError(INVALID_REQUEST, "give one of document and documentSource")
    text = _fetch(context, members[SOURCE]) if SOURCE in members else str(members[DOCUMENT])
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ControlError(INVALID_REQUEST, f"the job document is not JSON: {error}") from error
    if len(objects_named(text)) > _MAX_PLACEHOLDERS:
        raise ControlError(
            INVALID_REQUEST, f"the job document names more than {_MAX_PLACEHOLDERS} objects"
        )
    return text


def _fetch(context: Context, source: str) -> str:
    """The text of the object that an S3 URL names; raises `ControlError`."""
    place = object_of(source)
    stored = None if place is None else context.service.objects.get(*place)
    if stored is None:
        raise ControlError(
            INVALID_REQUEST, f"there is no object {source}: upload the job document first"
        )
    try:
        return stored.content.decode()
    except UnicodeDecodeError as error:
        raise ControlError(INVALID_REQUEST, f"the object {source} is not UTF-8") from error


def refuse_unoffered(members: Members) -> None:
    """Raises `ControlError` for members that would be promised and not kept."""
    for name in _NOT_OFFERED:
        if name in members:
            raise ControlError(INVALID_REQUEST, f"{name} is not offered by this service")
