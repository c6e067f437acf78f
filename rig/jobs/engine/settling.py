"""What follows from a change by the job's own rules: retries, abort, cancelling, completion.

Applied after every command, in this order, whoever gave the command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rig.jobs.engine.model import Execution, Job, State
from rig.jobs.engine.moves import canceled
from rig.jobs.engine.policy import EXECUTED, AbortCriterion
from rig.jobs.engine.rollout import queue_retry
from rig.jobs.engine.status import Actor, ExecutionStatus, JobStatus, may_change

ABORTED = "ABORT_CRITERIA_MET"
"""Reason code of jobs that their own abort rule has canceled (§2.2)."""


def settle(before: State, after: State, now: float) -> State:
    """`after` with everything that the jobs' rules make of it."""
    ended = tuple(_just_ended(before, after))
    after = _retry(after, ended, now)
    after = _abort(after, {execution.job_id for execution in ended}, now)
    after = _end_executions(after, now)
    return _complete(before, after, now)


def cancel(
    state: State,
    job: Job,
    now: float,
    *,
    force: bool,
    reason_code: str | None = None,
    comment: str | None = None,
) -> State:
    """With the job CANCELED and no rollout any more; its executions are ended by `settle`."""
    ended = replace(
        job,
        status=JobStatus.CANCELED,
        force_canceled=force,
        reason_code=reason_code,
        comment=comment,
        completed_at=now,
        last_updated_at=now,
    )
    return state.with_job(ended).with_waiting(job.job_id, (), 0)


def _just_ended(before: State, after: State) -> Iterator[Execution]:
    for key, execution in after.executions.items():
        old = before.executions.get(key)
        if old is not None and old.status.pending and execution.status.terminal:
            yield execution


def _retry(state: State, ended: tuple[Execution, ...], now: float) -> State:
    """Queue again what failed or timed out and may be retried (§2.1)."""
    for execution in ended:
        job = state.jobs[execution.job_id]
        if job.status is not JobStatus.IN_PROGRESS or job.ended or execution.left_group:
            continue
        if job.policy.may_retry(execution.status, execution.retries):
            state = queue_retry(state, execution, now)
    return state


def _abort(state: State, job_ids: set[str], now: float) -> State:
    """Cancel the jobs that have had too many failures: the first criterion met counts (§3.2)."""
    for job_id in sorted(job_ids):
        job = state.jobs[job_id]
        if job.status is not JobStatus.IN_PROGRESS:
            continue
        met = next((rule for rule in job.policy.abort if _is_met(rule, job)), None)
        if met is not None:
            comment = (
                f"{met.failure.value} reached {met.threshold_percentage:g} % "
                f"with {_executed(job)} executions completed"
            )
            state = cancel(state, job, now, force=False, reason_code=ABORTED, comment=comment)
    return state


def _is_met(rule: AbortCriterion, job: Job) -> bool:
    executed = _executed(job)
    if executed < max(1, rule.minimum_executed):
        return False
    failed = sum(job.counts.get(status, 0) for status in rule.failure.statuses)
    return 100 * failed >= rule.threshold_percentage * executed


def _executed(job: Job) -> int:
    return sum(job.counts.get(status, 0) for status in EXECUTED)


def _end_executions(state: State, now: float) -> State:
    """Cancel what has to end with a canceled job, as far as it is in the slice (§2.2)."""
    for job in list(state.jobs.values()):
        if not job.unsettled:
            continue
        actor = Actor.FORCED_CANCEL if job.force_canceled else Actor.CANCEL
        state = state.with_executions(
            canceled(execution, None, now, forced=job.force_canceled)
            for execution in state.of_job(job.job_id)
            if may_change(execution.status, ExecutionStatus.CANCELED, actor)
        )
    return state


def _complete(before: State, after: State, now: float) -> State:
    """A job is done when it has come to every thing and no execution is pending (§2.2)."""
    for job in list(after.jobs.values()):
        touched = before.jobs.get(job.job_id) is not job
        finite = not job.continuous or job.ended
        running = job.status is JobStatus.IN_PROGRESS and finite and job.waiting == 0
        if touched and running and job.open_executions == 0:
            done = replace(job, status=JobStatus.COMPLETED, completed_at=now, last_updated_at=now)
            after = after.with_job(done)
    return after
