"""Refusals in the words that devices and users read."""

from __future__ import annotations

from rig.jobs.engine.answers import Code, Refused
from rig.jobs.engine.model import Execution
from rig.jobs.engine.status import ExecutionStatus


def no_job(job_id: str) -> Refused:
    return Refused(Code.RESOURCE_NOT_FOUND, f"No such job: {job_id}")


def no_execution(thing: str, job_id: str, number: int | None) -> Refused:
    which = "" if number is None else f" number {number}"
    return Refused(
        Code.RESOURCE_NOT_FOUND, f"Job {job_id} has no execution{which} on thing {thing}"
    )


def wrong_version(expected: int, execution: Execution) -> Refused:
    return Refused(
        Code.VERSION_MISMATCH,
        f"Expected version {expected} but found version {execution.version}",
        execution,
    )


def illegal_change(execution: Execution, status: ExecutionStatus) -> Refused:
    return Refused(
        Code.INVALID_STATE_TRANSITION,
        f"Job execution is {execution.status.value} and cannot become {status.value}",
        execution,
    )
