"""Executions of jobs on things (job service §7.2)."""

from __future__ import annotations

from typing import Any

from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import NOT_FOUND, ControlError
from rig.jobs.control.paging import page
from rig.jobs.engine import Execution, ExecutionStatus
from rig.jobs.requests import BadRequest, check_status_details


def _describe_job_execution(context: Context, members: Members) -> Members:
    thing, job_id = members["thingName"], members["jobId"]
    execution = context.service.describe_execution(thing, job_id, members.get("executionNumber"))
    if execution is None:
        raise ControlError(NOT_FOUND, f"job {job_id} has no such execution on thing {thing}")
    shown: dict[str, Any] = {
        "jobId": job_id,
        "status": execution.status.value,
        "forceCanceled": execution.force_canceled,
        "statusDetails": {"detailsMap": dict(execution.status_details)},
        "thingArn": context.arns.make("thing", thing),
        "queuedAt": execution.queued_at,
        "startedAt": execution.started_at,
        "lastUpdatedAt": execution.last_updated_at,
        "executionNumber": execution.number,
        "versionNumber": execution.version,
        "approximateSecondsBeforeTimedOut": context.service.seconds_left(execution),
    }
    return {"execution": shown}


def _cancel_job_execution(context: Context, members: Members) -> None:
    details = members.get("statusDetails")
    try:
        checked = None if details is None else check_status_details(details)
    except BadRequest as bad:
        raise ControlError("InvalidRequestException", bad.message) from bad
    context.service.cancel_execution(
        members["thingName"],
        members["jobId"],
        members.get("force", False),
        expected_version=members.get("expectedVersion"),
        status_details=checked,
    )


def _delete_job_execution(context: Context, members: Members) -> None:
    context.service.delete_execution(
        members["thingName"],
        members["jobId"],
        members["executionNumber"],
        members.get("force", False),
    )


def _list_job_executions_for_job(context: Context, members: Members) -> Members:
    found = context.service.views.executions_of_job(members["jobId"], _status(members))
    shown, token = page(found, members)
    summaries = [
        {
            "thingArn": context.arns.make("thing", execution.thing),
            "jobExecutionSummary": _summary(execution),
        }
        for execution in shown
    ]
    return {"executionSummaries": summaries, "nextToken": token}


def _list_job_executions_for_thing(context: Context, members: Members) -> Members:
    found = context.service.views.executions_of_thing(
        members["thingName"], _status(members), members.get("jobId")
    )
    shown, token = page(found, members)
    summaries = [
        {"jobId": execution.job_id, "jobExecutionSummary": _summary(execution)}
        for execution in shown
    ]
    return {"executionSummaries": summaries, "nextToken": token}


def _status(members: Members) -> ExecutionStatus | None:
    status = members.get("status")
    return None if status is None else ExecutionStatus(status)


def _summary(execution: Execution) -> dict[str, Any]:
    return {
        "status": execution.status.value,
        "queuedAt": execution.queued_at,
        "startedAt": execution.started_at,
        "lastUpdatedAt": execution.last_updated_at,
        "executionNumber": execution.number,
        "retryAttempt": execution.retry_attempt,
    }


OPERATIONS: dict[str, Operation] = {
    "DescribeJobExecution": _describe_job_execution,
    "CancelJobExecution": _cancel_job_execution,
    "DeleteJobExecution": _delete_job_execution,
    "ListJobExecutionsForJob": _list_job_executions_for_job,
    "ListJobExecutionsForThing": _list_job_executions_for_thing,
}
