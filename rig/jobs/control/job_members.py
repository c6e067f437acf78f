"""Members that jobs and job templates have in common (job service §3)."""

from __future__ import annotations

import json

from rig.jobs.control.context import Context, Members
from rig.jobs.control.errors import INVALID_REQUEST, ControlError

DOCUMENT, SOURCE = "document", "documentSource"
_NOT_OFFERED = ("documentParameters", "destinationPackageVersions", "namespaceId")


def document_of(context: Context, members: Members) -> str:
    """The job document that a request brings, or names as an object (§3); it has to be JSON."""
    if (DOCUMENT in members) == (SOURCE in members):
        raise ControlError(INVALID_REQUEST, "give one of document and documentSource")
    if SOURCE in members:
        text = context.service.fetch_document(members[SOURCE])
    else:
        text = str(members[DOCUMENT])
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ControlError(INVALID_REQUEST, f"the job document is not JSON: {error}") from error
    return text


def refuse_unoffered(members: Members) -> None:
    """Raises `ControlError` for members that would be promised and not kept."""
    for name in _NOT_OFFERED:
        if name in members:
            raise ControlError(INVALID_REQUEST, f"{name} is not offered by this service")
