"""What devices ask: the four requests of the jobs API (job service §1)."""

from __future__ import annotations

from rig.jobs.engine import commands
from rig.jobs.engine.answers import Answer, Code, Described, PendingList, Refused, Updated
from rig.jobs.engine.model import State
from rig.jobs.engine.moves import moved, with_step
from rig.jobs.engine.refusals import illegal_change, no_execution, wrong_version
from rig.jobs.engine.status import Actor, ExecutionStatus, may_change


def get_pending(command: commands.GetPending, state: State, now: float) -> tuple[State, Answer]:
    return state, PendingList(state.pending(command.thing))


def start_next(command: commands.StartNext, state: State, now: float) -> tuple[State, Answer]:
    execution = state.next_pending(command.thing)
    if execution is None:
        return state, Described(None, None, names_thing=True)
    job = state.jobs[execution.job_id]
    if execution.status is ExecutionStatus.IN_PROGRESS:
        # It is handed out again as it is; only a new step timer replaces the old (§1.4).
        started = with_step(execution, command.step_minutes, now)
    else:
        started = moved(execution, ExecutionStatus.IN_PROGRESS, job, command.status_details, now)
        started = with_step(started, command.step_minutes, now)
    after = state if started == execution else state.with_executions([started])
    return after, Described(started, after.jobs[job.job_id], names_thing=True)


def describe(command: commands.Describe, state: State, now: float) -> tuple[State, Answer]:
    if command.job_id is None:
        execution = state.next_pending(command.thing)
        if execution is None:
            return state, Described(None, None)
        if command.number is not None and command.number != execution.number:
            return state, no_execution(command.thing, execution.job_id, command.number)
    else:
        execution = state.find(command.thing, command.job_id, command.number)
        if execution is None:
            return state, no_execution(command.thing, command.job_id, command.number)
        if execution.status.terminal:
            return state, Refused(
                Code.TERMINAL_STATE_REACHED,
                f"Job execution has reached terminal state {execution.status.value}",
            )
    job = state.jobs[execution.job_id] if command.include_document else None
    return state, Described(execution, job)


def update(command: commands.Update, state: State, now: float) -> tuple[State, Answer]:
    execution = state.find(command.thing, command.job_id, command.number)
    if execution is None:
        return state, no_execution(command.thing, command.job_id, command.number)
    expected = command.expected_version
    if expected is not None and expected != execution.version:
        return state, wrong_version(expected, execution)
    if not may_change(execution.status, command.status, Actor.DEVICE):
        return state, illegal_change(execution, command.status)
    job = state.jobs[command.job_id]
    updated = moved(execution, command.status, job, command.status_details, now)
    updated = with_step(updated, command.step_minutes, now)
    after = state.with_executions([updated])
    return after, Updated(
        updated if command.include_state else None,
        after.jobs[command.job_id] if command.include_document else None,
    )
