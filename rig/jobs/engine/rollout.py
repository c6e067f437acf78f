"""Queueing executions: by the pace of a rollout, or at once (job service §3.1).

A rollout goes minute by minute. Each minute queues at most as many executions as the rate is when
it begins, and the next one begins no sooner than 60 seconds after it: however late a tick comes,
no 60 seconds see more than the rate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rig.jobs.engine.model import Execution, RolloutProgress, State


def release(state: State, job_id: str, now: float) -> State:
    """The next minute of the job's rollout, if it is due and the slice has what waits for it."""
    if job_id not in state.waiting:
        return state
    job = state.jobs[job_id]
    due = job.next_release_at
    if due is None or due > now:
        return state
    schedule = job.policy.schedule
    if schedule is not None and schedule.next_open(now) != now:
        # The tick comes so late that the window in which this was due has closed.
        return state
    rate = job.next_rate
    waiting = state.waiting[job_id]
    released, left = waiting[:rate], waiting[rate:]
    progress = RolloutProgress(job.rollout.notified, now, rate)
    state = state.with_job(replace(job, rollout=progress, last_updated_at=now))
    state = state.with_waiting(job_id, left, job.waiting - len(released))
    return queue(state, job_id, released, now)


def queue(state: State, job_id: str, things: Iterable[str], now: float) -> State:
    """With a new execution of the job on each thing that has none pending."""
    sequences: dict[str, int] = {}
    latest: dict[str, Execution] = {}
    for execution in state.executions.values():
        thing = execution.thing
        if execution.status.pending:
            sequences[thing] = max(sequences.get(thing, 0), execution.sequence)
        known = latest.get(thing)
        if execution.job_id == job_id and (known is None or known.number < execution.number):
            latest[thing] = execution
    made = []
    for thing in things:
        last = latest.get(thing)
        if last is not None and last.status.pending:
            continue
        number = 1 if last is None else last.number + 1
        sequence = sequences.get(thing, 0) + 1
        made.append(Execution(thing, job_id, sequence, now, now, number))
    job = state.jobs[job_id]
    progress = replace(job.rollout, notified=job.rollout.notified + len(made))
    return state.with_job(replace(job, rollout=progress)).with_executions(made)


def queue_retry(state: State, failed: Execution, now: float) -> State:
    """With the next attempt after this one (§2.1)."""
    pending = state.pending(failed.thing)
    retries = dict(failed.retries)
    retries[failed.status] = retries.get(failed.status, 0) + 1
    attempt = Execution(
        failed.thing,
        failed.job_id,
        max((execution.sequence for execution in pending), default=0) + 1,
        now,
        now,
        failed.number + 1,
        retries=retries,
    )
    return state.with_executions([attempt])
