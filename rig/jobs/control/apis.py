"""Which operations of which service are offered; a new one is a line in its module's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rig.jobs.control import (
    certificates,
    events,
    executions,
    groups,
    jobs,
    jobs_data,
    ota,
    policies,
    signer,
    streams,
    tags,
    templates,
    things,
)
from rig.jobs.control.context import Operation
from rig.jobs.control.errors import INVALID_REQUEST, IOT_ERRORS, JOBS_DATA_ERRORS, SIGNER_ERRORS
from rig.jobs.control.model import Model
from rig.jobs.engine import Code


@dataclass(frozen=True)
class Api:
    """A service: its model, what carries out its operations, and its words for refusals."""

    model: Model
    operations: Mapping[str, Operation]
    refusals: Mapping[Code, str]
    invalid: str = INVALID_REQUEST


def _api(
    service: str,
    operations: Mapping[str, Operation],
    refusals: Mapping[Code, str],
    invalid: str = INVALID_REQUEST,
) -> Api:
    return Api(Model(service, frozenset(operations), invalid), operations, refusals, invalid)


APIS: dict[str, Api] = {
    "iot": _api(
        "iot",
        {
            name: tags.with_tags(name, operation)
            for name, operation in {
                **things.OPERATIONS,
                **certificates.OPERATIONS,
                **groups.OPERATIONS,
                **jobs.OPERATIONS,
                **executions.OPERATIONS,
                **events.OPERATIONS,
                **templates.OPERATIONS,
                **streams.OPERATIONS,
                **ota.OPERATIONS,
                **policies.OPERATIONS,
                **tags.OPERATIONS,
            }.items()
        },
        IOT_ERRORS,
    ),
    "iot-jobs-data": _api("iot-jobs-data", jobs_data.OPERATIONS, JOBS_DATA_ERRORS),
    "signer": _api("signer", signer.OPERATIONS, SIGNER_ERRORS, signer.INVALID),
}
"""By the name in the scope of a signature."""
