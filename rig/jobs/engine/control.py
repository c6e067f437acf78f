"""What the control plane asks (job service §2)."""

from __future__ import annotations

from dataclasses import replace

from rig.jobs.engine import commands
from rig.jobs.engine.answers import Answer, Code, Done, Refused
from rig.jobs.engine.model import State
from rig.jobs.engine.moves import canceled, moved
from rig.jobs.engine.refusals import illegal_change, no_execution, no_job, wrong_version
from rig.jobs.engine.rollout import queue, release
from rig.jobs.engine.settling import cancel
from rig.jobs.engine.status import Actor, ExecutionStatus, JobStatus, may_change, may_delete


def create_job(command: commands.CreateJob, state: State, now: float) -> tuple[State, Answer]:
    job = command.job
    if job.job_id in state.jobs:
        return state, Refused(Code.RESOURCE_ALREADY_EXISTS, f"Job {job.job_id} already exists")
    schedule = job.policy.schedule
    if schedule is not None and schedule.start is not None and schedule.start > now:
        job = replace(job, status=JobStatus.SCHEDULED)
    things = tuple(dict.fromkeys(command.things))
    after = state.with_job(job).with_waiting(job.job_id, things, len(things))
    after = release(after, job.job_id, now)
    return after, Done(after.jobs[job.job_id])


def update_job(command: commands.UpdateJob, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, no_job(command.job_id)
    if job.status not in {JobStatus.IN_PROGRESS, JobStatus.SCHEDULED}:
        return state, Refused(
            Code.INVALID_REQUEST, f"Job {job.job_id} is {job.status.value} and cannot be changed"
        )
    changed = replace(job, last_updated_at=now)
    for name in ("policy", "description", "presign_seconds", "labels"):
        value = getattr(command, name)
        if value is not None:
            changed = replace(changed, **{name: value})
    return state.with_job(changed), Done(changed)


def add_things(command: commands.AddThings, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, no_job(command.job_id)
    active = job.status in {JobStatus.SCHEDULED, JobStatus.IN_PROGRESS}
    if not (job.continuous and active) or job.ended:
        return state, Refused(
            Code.INVALID_REQUEST,
            f"Job {job.job_id} is not both CONTINUOUS and IN_PROGRESS: it takes no more targets",
        )
    targets = tuple(dict.fromkeys(job.targets + command.targets))
    waiting = state.waiting.get(job.job_id, ())
    after = state.with_job(replace(job, targets=targets, last_updated_at=now))
    if job.status is JobStatus.SCHEDULED:
        joined = tuple(t for t in dict.fromkeys(command.things) if t not in set(waiting))
        after = after.with_waiting(job.job_id, waiting + joined, job.waiting + len(joined))
        return after, Done(after.jobs[job.job_id])
    after = after.with_executions(
        replace(execution, left_group=False)
        for execution in state.of_job(job.job_id)
        if execution.thing in command.things and execution.status.pending
    )
    after = queue(after, job.job_id, (t for t in command.things if t not in set(waiting)), now)
    return after, Done(after.jobs[job.job_id])


def remove_things(command: commands.RemoveThings, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, no_job(command.job_id)
    things = set(command.things)
    waiting = state.waiting.get(job.job_id, ())
    left = tuple(thing for thing in waiting if thing not in things)
    after = state.with_waiting(job.job_id, left, job.waiting - len(waiting) + len(left))
    after = after.with_executions(
        moved(execution, ExecutionStatus.REMOVED, None, None, now)
        if may_change(execution.status, ExecutionStatus.REMOVED, Actor.REMOVAL)
        else replace(execution, left_group=True)
        for execution in state.of_job(job.job_id)
        if execution.thing in things and execution.status.pending
    )
    return after, Done(after.jobs[job.job_id])


def cancel_job(command: commands.CancelJob, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, no_job(command.job_id)
    if job.status.terminal:
        return state, Refused(
            Code.INVALID_REQUEST,
            f"Job {job.job_id} is {job.status.value} and cannot be canceled",
        )
    after = cancel(
        state,
        job,
        now,
        force=command.force,
        reason_code=command.reason_code,
        comment=command.comment,
    )
    return after, Done(after.jobs[job.job_id])


def delete_job(command: commands.DeleteJob, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, no_job(command.job_id)
    deletable = job.status.terminal or job.status is JobStatus.SCHEDULED
    if not (command.force or deletable):
        return state, Refused(
            Code.INVALID_STATE_TRANSITION,
            f"Job {job.job_id} is {job.status.value}: cancel it first or delete it with force",
        )
    return state.without_job(job.job_id), Done()


def cancel_execution(
    command: commands.CancelExecution, state: State, now: float
) -> tuple[State, Answer]:
    execution = state.find(command.thing, command.job_id)
    if execution is None:
        return state, no_execution(command.thing, command.job_id, None)
    expected = command.expected_version
    if expected is not None and expected != execution.version:
        return state, wrong_version(expected, execution)
    actor = Actor.FORCED_CANCEL if command.force else Actor.CANCEL
    if not may_change(execution.status, ExecutionStatus.CANCELED, actor):
        return state, illegal_change(execution, ExecutionStatus.CANCELED)
    ended = canceled(execution, command.status_details, now, forced=command.force)
    after = state.with_executions([ended])
    return after, Done(after.jobs[command.job_id])


def delete_execution(
    command: commands.DeleteExecution, state: State, now: float
) -> tuple[State, Answer]:
    execution = state.find(command.thing, command.job_id, command.number)
    if execution is None:
        return state, no_execution(command.thing, command.job_id, command.number)
    if not may_delete(execution.status, force=command.force):
        return state, Refused(
            Code.INVALID_STATE_TRANSITION,
            f"Job execution is {execution.status.value}: delete it with force",
            execution,
        )
    after = state.without_executions([execution.key])
    return after, Done(after.jobs[command.job_id])
