"""What time alone brings about: deadlines, schedules, rollouts (job service §3)."""

from __future__ import annotations

from dataclasses import replace

from rig.jobs.engine import commands
from rig.jobs.engine.answers import Answer, Done
from rig.jobs.engine.model import Job, State
from rig.jobs.engine.moves import moved
from rig.jobs.engine.policy import EndBehavior
from rig.jobs.engine.rollout import release
from rig.jobs.engine.settling import cancel
from rig.jobs.engine.status import Actor, ExecutionStatus, JobStatus, may_change

ENDED = "END_TIME_REACHED"
"""Reason code of jobs that the end of their schedule has canceled."""


def tick(command: commands.Tick, state: State, now: float) -> tuple[State, Answer]:
    """Deadlines first: what is late has not made it before the end of a schedule."""
    state = _time_out(state, now)
    for job_id in sorted(state.jobs):
        state = _start(state, state.jobs[job_id], now)
        state = _end(state, state.jobs[job_id], now)
        state = release(state, job_id, now)
    return state, Done()


def settle_job(command: commands.Settle, state: State, now: float) -> tuple[State, Answer]:
    """Nothing of its own: the transition settles what it finds."""
    return state, Done(state.jobs.get(command.job_id))


def _time_out(state: State, now: float) -> State:
    late = [
        moved(execution, ExecutionStatus.TIMED_OUT, None, None, now)
        for execution in state.executions.values()
        if execution.deadline is not None
        and execution.deadline <= now
        and may_change(execution.status, ExecutionStatus.TIMED_OUT, Actor.TIMER)
    ]
    return state.with_executions(late) if late else state


def _start(state: State, job: Job, now: float) -> State:
    due = job.due_at
    if job.status is not JobStatus.SCHEDULED or due is None or due > now:
        return state
    return state.with_job(replace(job, status=JobStatus.IN_PROGRESS, last_updated_at=now))


def _end(state: State, job: Job, now: float) -> State:
    schedule = job.policy.schedule
    if job.status is not JobStatus.IN_PROGRESS or job.ended or schedule is None:
        return state
    if schedule.end is None or schedule.end > now:
        return state
    if schedule.end_behavior is EndBehavior.STOP_ROLLOUT:
        stopped = state.with_job(replace(job, ended=True, last_updated_at=now))
        return stopped.with_waiting(job.job_id, (), 0)
    force = schedule.end_behavior is EndBehavior.FORCE_CANCEL
    return cancel(state, job, now, force=force, reason_code=ENDED)
