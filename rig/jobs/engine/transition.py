"""The one function through which every job changes: (state, command, now) -> decision.

Pure: time comes in as a value (epoch seconds), nothing is stored or sent here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import singledispatch

from rig.jobs.engine import commands
from rig.jobs.engine.answers import (
    Answer,
    Change,
    Code,
    Decision,
    Described,
    Done,
    NextChanged,
    PendingChanged,
    PendingList,
    Refused,
    Updated,
)
from rig.jobs.engine.model import Execution, Job, State
from rig.jobs.engine.status import Actor, ExecutionStatus, JobStatus, may_change, may_delete

_SECONDS_PER_MINUTE = 60


def transition(state: State, command: commands.Command, now: float) -> Decision:
    """Carry out the command, or refuse it and leave the state as it was.

    Notifications come from comparing the pending lists before and after, never from the command
    (§1.6, §1.7): `notify` before `notify-next`, thing by thing.
    """
    after, answer = _apply(command, state, now)
    if after is state:
        return Decision(state, (answer,))
    after = _complete_jobs(state, after, now)
    return Decision(after, (answer,), tuple(_changes(state, after)))


def _changes(before: State, after: State) -> Iterator[Change]:
    touched = {
        key[0]
        for key in before.executions.keys() | after.executions.keys()
        if before.executions.get(key) is not after.executions.get(key)
    }
    old_lists = _pending_lists(before, touched)
    new_lists = _pending_lists(after, touched)
    for thing in sorted(touched):
        pending = new_lists[thing]
        old = [execution.key for execution in old_lists[thing]]
        new = [execution.key for execution in pending]
        if set(old) != set(new):
            yield PendingChanged(thing, pending)
        if old[:1] != new[:1]:
            yield NextChanged(thing, pending[0] if pending else None)


def _pending_lists(state: State, things: AbstractSet[str]) -> dict[str, tuple[Execution, ...]]:
    """The pending list of each thing, in one pass: a job may have a thousand targets."""
    found: dict[str, list[Execution]] = {thing: [] for thing in things}
    for execution in state.executions.values():
        if execution.thing in found and execution.status.pending:
            found[execution.thing].append(execution)
    return {thing: tuple(sorted(list_, key=lambda e: e.order)) for thing, list_ in found.items()}


def _complete_jobs(before: State, after: State, now: float) -> State:
    """A snapshot job is done when none of its executions is pending any more (§2.2)."""
    for job in list(after.jobs.values()):
        touched = before.jobs.get(job.job_id) is not job
        running = job.status is JobStatus.IN_PROGRESS and not job.continuous
        if touched and running and job.open_executions == 0:
            done = replace(job, status=JobStatus.COMPLETED, completed_at=now, last_updated_at=now)
            after = after.with_job(done)
    return after


@singledispatch
def _apply(command: object, state: State, now: float) -> tuple[State, Answer]:
    raise TypeError(f"the engine knows no command {type(command).__name__}")


# -- what devices ask ---------------------------------------------------------------------------


@_apply.register
def _get_pending(command: commands.GetPending, state: State, now: float) -> tuple[State, Answer]:
    return state, PendingList(state.pending(command.thing))


@_apply.register
def _start_next(command: commands.StartNext, state: State, now: float) -> tuple[State, Answer]:
    execution = state.next_pending(command.thing)
    if execution is None:
        return state, Described(None, None, names_thing=True)
    job = state.jobs[execution.job_id]
    if execution.status is ExecutionStatus.IN_PROGRESS:
        # It is handed out again as it is; only a new step timer replaces the old (§1.4).
        started = _with_step(execution, command.step_minutes, now)
    else:
        started = _moved(execution, ExecutionStatus.IN_PROGRESS, job, command.status_details, now)
        started = _with_step(started, command.step_minutes, now)
    after = state if started == execution else state.with_executions([started])
    return after, Described(started, after.jobs[job.job_id], names_thing=True)


@_apply.register
def _describe(command: commands.Describe, state: State, now: float) -> tuple[State, Answer]:
    if command.job_id is None:
        execution = state.next_pending(command.thing)
        if execution is None:
            return state, Described(None, None)
        if command.number is not None and command.number != execution.number:
            return state, _no_execution(command.thing, execution.job_id, command.number)
    else:
        execution = state.find(command.thing, command.job_id, command.number)
        if execution is None:
            return state, _no_execution(command.thing, command.job_id, command.number)
        if execution.status.terminal:
            return state, Refused(
                Code.TERMINAL_STATE_REACHED,
                f"Job execution has reached terminal state {execution.status.value}",
            )
    job = state.jobs[execution.job_id] if command.include_document else None
    return state, Described(execution, job)


@_apply.register
def _update(command: commands.Update, state: State, now: float) -> tuple[State, Answer]:
    execution = state.find(command.thing, command.job_id, command.number)
    if execution is None:
        return state, _no_execution(command.thing, command.job_id, command.number)
    expected = command.expected_version
    if expected is not None and expected != execution.version:
        return state, _wrong_version(expected, execution)
    if not may_change(execution.status, command.status, Actor.DEVICE):
        return state, _illegal_change(execution, command.status)
    job = state.jobs[command.job_id]
    updated = _moved(execution, command.status, job, command.status_details, now)
    updated = _with_step(updated, command.step_minutes, now)
    after = state.with_executions([updated])
    return after, Updated(
        updated if command.include_state else None,
        after.jobs[command.job_id] if command.include_document else None,
    )


# -- what the control plane asks ----------------------------------------------------------------


@_apply.register
def _create_job(command: commands.CreateJob, state: State, now: float) -> tuple[State, Answer]:
    job = command.job
    if job.job_id in state.jobs:
        return state, Refused(Code.RESOURCE_ALREADY_EXISTS, f"Job {job.job_id} already exists")
    executions = [
        Execution(thing, job.job_id, command.first_sequence + place, now, now)
        for place, thing in enumerate(dict.fromkeys(command.things))
    ]
    after = state.with_job(job).with_executions(executions)
    return after, Done(after.jobs[job.job_id])


@_apply.register
def _cancel_job(command: commands.CancelJob, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, _no_job(command.job_id)
    if job.status.terminal:
        return state, Refused(
            Code.INVALID_REQUEST,
            f"Job {job.job_id} is {job.status.value} and cannot be canceled",
        )
    actor = Actor.FORCED_CANCEL if command.force else Actor.CANCEL
    canceled = [
        _canceled(execution, None, now, forced=command.force)
        for execution in state.of_job(job.job_id)
        if may_change(execution.status, ExecutionStatus.CANCELED, actor)
    ]
    after = state.with_executions(canceled)
    ended = replace(
        after.jobs[job.job_id],
        status=JobStatus.CANCELED,
        force_canceled=command.force,
        reason_code=command.reason_code,
        comment=command.comment,
        completed_at=now,
        last_updated_at=now,
    )
    return after.with_job(ended), Done(ended)


@_apply.register
def _delete_job(command: commands.DeleteJob, state: State, now: float) -> tuple[State, Answer]:
    job = state.jobs.get(command.job_id)
    if job is None:
        return state, _no_job(command.job_id)
    deletable = job.status.terminal or job.status is JobStatus.SCHEDULED
    if not (command.force or deletable):
        return state, Refused(
            Code.INVALID_STATE_TRANSITION,
            f"Job {job.job_id} is {job.status.value}: cancel it first or delete it with force",
        )
    return state.without_job(job.job_id), Done()


@_apply.register
def _cancel_execution(
    command: commands.CancelExecution, state: State, now: float
) -> tuple[State, Answer]:
    execution = state.find(command.thing, command.job_id)
    if execution is None:
        return state, _no_execution(command.thing, command.job_id, None)
    expected = command.expected_version
    if expected is not None and expected != execution.version:
        return state, _wrong_version(expected, execution)
    actor = Actor.FORCED_CANCEL if command.force else Actor.CANCEL
    if not may_change(execution.status, ExecutionStatus.CANCELED, actor):
        return state, _illegal_change(execution, ExecutionStatus.CANCELED)
    canceled = _canceled(execution, command.status_details, now, forced=command.force)
    after = state.with_executions([canceled])
    return after, Done(after.jobs[command.job_id])


@_apply.register
def _delete_execution(
    command: commands.DeleteExecution, state: State, now: float
) -> tuple[State, Answer]:
    execution = state.find(command.thing, command.job_id, command.number)
    if execution is None:
        return state, _no_execution(command.thing, command.job_id, command.number)
    if not may_delete(execution.status, force=command.force):
        return state, Refused(
            Code.INVALID_STATE_TRANSITION,
            f"Job execution is {execution.status.value}: delete it with force",
            execution,
        )
    after = state.without_executions([execution.key])
    return after, Done(after.jobs[command.job_id])


@_apply.register
def _tick(command: commands.Tick, state: State, now: float) -> tuple[State, Answer]:
    timed_out = [
        _moved(execution, ExecutionStatus.TIMED_OUT, None, None, now)
        for execution in state.executions.values()
        if execution.deadline is not None
        and execution.deadline <= now
        and may_change(execution.status, ExecutionStatus.TIMED_OUT, Actor.TIMER)
    ]
    return (state.with_executions(timed_out) if timed_out else state), Done()


# -- changes of one execution -------------------------------------------------------------------


def _moved(
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


def _canceled(
    execution: Execution, details: Mapping[str, str] | None, now: float, *, forced: bool
) -> Execution:
    moved = _moved(execution, ExecutionStatus.CANCELED, None, details, now)
    return replace(moved, force_canceled=forced)


def _with_step(execution: Execution, minutes: int | None, now: float) -> Execution:
    """With the step timer replaced, removed or left alone (§3.3)."""
    if minutes is None:
        return execution
    if minutes == commands.DROP_STEP_TIMER:
        return replace(execution, step_deadline=None)
    return replace(execution, step_deadline=now + minutes * _SECONDS_PER_MINUTE)


# -- refusals -----------------------------------------------------------------------------------


def _no_job(job_id: str) -> Refused:
    return Refused(Code.RESOURCE_NOT_FOUND, f"No such job: {job_id}")


def _no_execution(thing: str, job_id: str, number: int | None) -> Refused:
    which = "" if number is None else f" number {number}"
    return Refused(
        Code.RESOURCE_NOT_FOUND, f"Job {job_id} has no execution{which} on thing {thing}"
    )


def _wrong_version(expected: int, execution: Execution) -> Refused:
    return Refused(
        Code.VERSION_MISMATCH,
        f"Expected version {expected} but found version {execution.version}",
        execution,
    )


def _illegal_change(execution: Execution, status: ExecutionStatus) -> Refused:
    return Refused(
        Code.INVALID_STATE_TRANSITION,
        f"Job execution is {execution.status.value} and cannot become {status.value}",
        execution,
    )
