"""Changes of one execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rig.jobs.engine.commands import DROP_STEP_TIMER
from rig.jobs.engine.model import SECONDS_PER_MINUTE, Execution, Job
from rig.jobs.engine.status import ExecutionStatus


def moved(
    execution: Execution,
    status: ExecutionStatus,
    job: Job | None,
    details: Mapping[str, str] | None,
    now: float,
) -> Execution:
    """The execution in a new status; a given map of details replaces the old one (§1.2)."""
    starts = status is ExecutionStatus.IN_PROGRESS and execution.started_at is None
    return replace(
        execution,
        status=status,
        status_details=execution.status_details if details is None else dict(details),
        version=execution.version + 1,
        last_updated_at=now,
        started_at=now if starts else execution.started_at,
        in_progress_deadline=(
            job.in_progress_deadline(now)
            if starts and job is not None
            else execution.in_progress_deadline
        ),
    )


def canceled(
    execution: Execution, details: Mapping[str, str] | None, now: float, *, forced: bool
) -> Execution:
    ended = moved(execution, ExecutionStatus.CANCELED, None, details, now)
    return replace(ended, force_canceled=forced)


def with_step(execution: Execution, minutes: int | None, now: float) -> Execution:
    """With the step timer replaced, removed or left alone (§3.3)."""
    if minutes is None:
        return execution
    if minutes == DROP_STEP_TIMER:
        return replace(execution, step_deadline=None)
    return replace(execution, step_deadline=now + minutes * SECONDS_PER_MINUTE)
