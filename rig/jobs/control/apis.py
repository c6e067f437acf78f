"""Which operations of which service are offered; a new one is a line in its module's table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rig.errors import UsageError
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
from rig.jobs.control.context import Context, Operation
from rig.jobs.control.errors import (
    INVALID_REQUEST,
    IOT_ERRORS,
    JOBS_DATA_ERRORS,
    SIGNER_ERRORS,
    ControlError,
    of_refusal,
)
from rig.jobs.control.model import Model, RawCall
from rig.jobs.control.regions import refuse_foreign_arns
from rig.jobs.engine import Code
from rig.jobs.refusal import RefusalError


@dataclass(frozen=True)
class Api:
    """A service: its model, what carries out its operations, and its words for refusals."""

    model: Model
    operations: Mapping[str, Operation]
    refusals: Mapping[Code, str]
    invalid: str = INVALID_REQUEST

    def carry_out(
        self, context: Context, operation: str, call: RawCall
    ) -> dict[str, object] | None:
        """The JSON of the answer, None without one; raises `ControlError` for every refusal."""
        members = self.model.read(operation, call)
        refuse_foreign_arns(context, members)
        try:
            answer = self.operations[operation](context, members)
        except RefusalError as error:
            raise of_refusal(error, self.refusals, self.invalid) from error
        except UsageError as error:
            raise ControlError(self.invalid, str(error)) from error
        return self.model.write(operation, answer)


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
