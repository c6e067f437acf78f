"""Amazon resource names in requests: what they name (job service §7.1)."""

from __future__ import annotations

import re

from rig.jobs.control.errors import INVALID_REQUEST, ControlError
from rig.jobs.engine import Target

_ARN = re.compile(r"arn:aws:iot:(?P<region>[a-z0-9-]*):[0-9]*:(?P<kind>[a-z]+)/(?P<name>.+)")


def region_in(text: str) -> str | None:
    """The region in an ARN of this service; None for any other text."""
    match = _ARN.fullmatch(text)
    return None if match is None else match["region"]


def name_in(arn: object, kind: str) -> str:
    """The name in an ARN of this kind; raises `ControlError`."""
    match = _ARN.fullmatch(arn) if isinstance(arn, str) else None
    if match is None or match["kind"] != kind:
        raise ControlError(INVALID_REQUEST, f"{arn!r} is not the ARN of a {kind}")
    return match["name"]


def kind_and_name(arn: str) -> tuple[str, str]:
    """What an ARN names; raises `ControlError`."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise ControlError(INVALID_REQUEST, f"{arn!r} is not an ARN of this service")
    return match["kind"], match["name"]


def target_in(arn: str) -> Target:
    """The thing or group that an ARN names; raises `ControlError`."""
    match = _ARN.fullmatch(arn)
    try:
        return Target.parse(f"{match['kind']}/{match['name']}" if match else "")
    except ValueError as error:
        raise ControlError(
            INVALID_REQUEST, f"{arn!r} is not the ARN of a thing or of a thinggroup"
        ) from error
