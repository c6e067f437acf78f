"""The engine's answers in the words of the device's MQTT API (job service §1.3 to §1.7).

Times on this face are whole epoch seconds, and the job document is a JSON object (traps 4 and 5).
The document is put in as the text it was stored as: what is wrong in it arrives at the device.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from rig.jobs.engine import (
    Answer,
    Change,
    Code,
    Described,
    Execution,
    ExecutionStatus,
    Job,
    NextChanged,
    PendingList,
    Refused,
    Updated,
)

DocumentText = Callable[[Job], str]
"""Gives the document as it is delivered now, with placeholders resolved (§3.5)."""


def accepted(answer: Answer, now: float, token: str | None, text_of: DocumentText) -> bytes:
    """The payload for `…/accepted`."""
    members = _head(now, token)
    if isinstance(answer, PendingList):
        for name, status in (
            ("inProgressJobs", ExecutionStatus.IN_PROGRESS),
            ("queuedJobs", ExecutionStatus.QUEUED),
        ):
            members[name] = _summaries(answer.executions, status)
    elif isinstance(answer, Described):
        if answer.execution is not None:
            thing = answer.execution.thing if answer.names_thing else None
            members["execution"] = _execution(answer.execution, answer.job, now, text_of, thing)
    elif isinstance(answer, Updated):
        if answer.execution is not None:
            members["executionState"] = _execution_state(answer.execution)
        if answer.job is not None:
            members["jobDocument"] = text_of(answer.job)
    return _object(members).encode()


def rejected(
    code: Code, message: str, execution: Execution | None, now: float, token: str | None
) -> bytes:
    """The payload for `…/rejected`; the state only where the code says so (§1.5)."""
    members = {"code": _text(code.value), "message": _text(message)} | _head(now, token)
    if execution is not None:
        members["executionState"] = _execution_state(execution)
    return _object(members).encode()


def refused(answer: Refused, now: float, token: str | None) -> bytes:
    """The payload for `…/rejected` of an answer of the engine."""
    return rejected(answer.code, answer.message, answer.execution, now, token)


def notification(
    change: Change, job: Job | None, now: float, text_of: DocumentText, limit: int
) -> bytes:
    """The payload of `notify` (§1.6, at most `limit` executions) or `notify-next` (§1.7)."""
    members = _head(now, None)
    if isinstance(change, NextChanged):
        if change.execution is not None:
            members["execution"] = _execution(change.execution, job, now, text_of, None)
        return _object(members).encode()
    listed = change.pending[:limit]
    lists = {
        status.value: _summaries(listed, status)
        for status in (ExecutionStatus.IN_PROGRESS, ExecutionStatus.QUEUED)
        if any(execution.status is status for execution in listed)
    }
    members["jobs"] = _object(lists)
    return _object(members).encode()


def _head(now: float, token: str | None) -> dict[str, str]:
    head = {"timestamp": str(int(now))}
    if token is not None:
        head["clientToken"] = _text(token)
    return head


def _summaries(executions: tuple[Execution, ...], status: ExecutionStatus) -> str:
    chosen = [_summary(execution) for execution in executions if execution.status is status]
    return f"[{','.join(chosen)}]"


def _summary(execution: Execution) -> str:
    return _object({"jobId": _text(execution.job_id)} | _times_and_numbers(execution))


def _execution(
    execution: Execution,
    job: Job | None,
    now: float,
    text_of: DocumentText,
    thing: str | None,
) -> str:
    members = {"jobId": _text(execution.job_id)}
    if thing is not None:
        members["thingName"] = _text(thing)
    members |= _status(execution) | _times_and_numbers(execution)
    if execution.deadline is not None:
        left = max(0, int(execution.deadline - now))
        members["approximateSecondsBeforeTimedOut"] = str(left)
    if job is not None:
        members["jobDocument"] = text_of(job)
    return _object(members)


def _execution_state(execution: Execution) -> str:
    return _object(_status(execution) | {"versionNumber": str(execution.version)})


def _status(execution: Execution) -> dict[str, str]:
    members = {"status": _text(execution.status.value)}
    # The C library takes any statusDetails for a self-test's, so an empty one is not sent (§1.3).
    if execution.status_details:
        members["statusDetails"] = json.dumps(dict(execution.status_details), separators=(",", ":"))
    return members


def _times_and_numbers(execution: Execution) -> dict[str, str]:
    members = {"queuedAt": str(int(execution.queued_at))}
    if execution.started_at is not None:
        members["startedAt"] = str(int(execution.started_at))
    return members | {
        "lastUpdatedAt": str(int(execution.last_updated_at)),
        "versionNumber": str(execution.version),
        "executionNumber": str(execution.number),
    }


def _text(text: str) -> str:
    return json.dumps(text)


def _object(members: Mapping[str, str]) -> str:
    """An object of values that are JSON text already."""
    return "{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}"
