"""`iot-jobs-data`: what devices ask over MQTT, asked over HTTP (job service §7.3).

The same commands, the same engine, the same notifications; only the words differ. Times are whole
seconds and the job document is a string here.
"""

from __future__ import annotations

from typing import Any

from rig.jobs import requests
from rig.jobs.control.context import Context, Members, Operation
from rig.jobs.control.errors import INVALID_REQUEST, JOBS_DATA_ERRORS, ControlError
from rig.jobs.device_requests import NEXT
from rig.jobs.engine import (
    Answer,
    Code,
    Described,
    Execution,
    ExecutionStatus,
    PendingList,
    Refused,
    Updated,
)
from rig.jobs.engine.commands import DeviceCommand
from rig.jobs.requests import BadRequest


def _get_pending(context: Context, members: Members) -> Members:
    answer = _ask(context, requests.get_pending(members["thingName"], {}))
    assert isinstance(answer, PendingList)
    lists: dict[str, list[dict[str, Any]]] = {"inProgressJobs": [], "queuedJobs": []}
    for execution in answer.executions:
        queued = execution.status is ExecutionStatus.QUEUED
        lists["queuedJobs" if queued else "inProgressJobs"].append(_summary(execution))
    return lists


def _start_next(context: Context, members: Members) -> Members:
    answer = _ask(context, _command(requests.start_next, members["thingName"], members))
    return _described(context, answer)


def _describe(context: Context, members: Members) -> Members:
    thing, job_id = members["thingName"], members["jobId"]
    command = _command(requests.describe, thing, None if job_id == NEXT else job_id, members)
    return _described(context, _ask(context, command))


def _update(context: Context, members: Members) -> Members:
    command = _command(requests.update, members["thingName"], members["jobId"], members)
    answer = _ask(context, command)
    assert isinstance(answer, Updated)
    shown: dict[str, Any] = {}
    if answer.execution is not None:
        shown["executionState"] = _state(answer.execution)
    if answer.job is not None:
        shown["jobDocument"] = context.service.document_text(answer.job)
    return shown


def _command(read: Any, *arguments: Any) -> DeviceCommand:
    """The command that the device's requests have too, with their limits (§1.2)."""
    try:
        command: DeviceCommand = read(*arguments)
    except BadRequest as bad:
        raise ControlError(INVALID_REQUEST, bad.message) from bad
    return command


def _ask(context: Context, command: DeviceCommand) -> Answer:
    context.service.registry.thing(command.thing)
    answer = context.service.ask(command)
    if isinstance(answer, Refused):
        state = None if answer.execution is None else _state(answer.execution)
        extra = {} if state is None else {"executionState": state}
        name = JOBS_DATA_ERRORS.get(answer.code, INVALID_REQUEST)
        # The model has no error of its own for a stale version, its text speaks of one (§7.3).
        message = answer.message
        if answer.code is Code.VERSION_MISMATCH:
            message = f"VersionMismatch: {message}"
        raise ControlError(name, message, extra)
    return answer


def _described(context: Context, answer: Answer) -> Members:
    assert isinstance(answer, Described)
    execution = answer.execution
    if execution is None:
        return {}
    shown = {
        **_summary(execution),
        **_state(execution),
        "thingName": execution.thing,
        "approximateSecondsBeforeTimedOut": context.service.seconds_left(execution),
    }
    if answer.job is not None:
        shown["jobDocument"] = context.service.document_text(answer.job)
    return {"execution": shown}


def _summary(execution: Execution) -> dict[str, Any]:
    started = execution.started_at
    return {
        "jobId": execution.job_id,
        "queuedAt": int(execution.queued_at),
        "startedAt": None if started is None else int(started),
        "lastUpdatedAt": int(execution.last_updated_at),
        "versionNumber": execution.version,
        "executionNumber": execution.number,
    }


def _state(execution: Execution) -> dict[str, Any]:
    return {
        "status": execution.status.value,
        "statusDetails": dict(execution.status_details),
        "versionNumber": execution.version,
    }


OPERATIONS: dict[str, Operation] = {
    "GetPendingJobExecutions": _get_pending,
    "StartNextPendingJobExecution": _start_next,
    "DescribeJobExecution": _describe,
    "UpdateJobExecution": _update,
}
