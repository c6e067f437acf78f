"""What a change means to others, by comparing before and after (job service §1.6, §1.7, §1.9)."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from rig.jobs.engine.answers import (
    Change,
    Event,
    ExecutionEvent,
    JobEvent,
    JobOperation,
    NextChanged,
    PendingChanged,
)
from rig.jobs.engine.model import Execution, Job, State
from rig.jobs.engine.status import JobStatus


def notifications(before: State, after: State) -> Iterator[Change]:
    """`notify` before `notify-next`, thing by thing."""
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


def events(before: State, after: State) -> Iterator[Event]:
    """What has begun with jobs, what has ended on things, and then what is done with jobs (§1.9).

    A canceled job is done with when the executions that have to end with it have ended: the slice
    may not have them, so that this is the event of a later `Settle`.
    """
    begun, done = [], []
    for job_id in sorted(before.jobs.keys() | after.jobs.keys()):
        was, job = before.jobs.get(job_id), after.jobs.get(job_id)
        if was is job:
            continue
        if job is None:
            assert was is not None
            begun.append(JobEvent(was, JobOperation.DELETION_IN_PROGRESS))
            done.append(JobEvent(was, JobOperation.DELETED))
            continue
        if job.status is JobStatus.COMPLETED and not _has(was, JobStatus.COMPLETED):
            done.append(JobEvent(job, JobOperation.COMPLETED))
        if job.status is JobStatus.CANCELED:
            begins = not _has(was, JobStatus.CANCELED)
            if begins:
                begun.append(JobEvent(job, JobOperation.CANCELLATION_IN_PROGRESS))
            if not job.unsettled and (begins or (was is not None and was.unsettled)):
                done.append(JobEvent(job, JobOperation.CANCELED))
    yield from begun
    yield from _ended_executions(before, after)
    yield from done


def _ended_executions(before: State, after: State) -> Iterator[ExecutionEvent]:
    changed = [
        key
        for key in before.executions.keys() | after.executions.keys()
        if before.executions.get(key) is not after.executions.get(key)
    ]
    for key in sorted(changed):
        was, execution = before.executions.get(key), after.executions.get(key)
        if execution is None:
            assert was is not None
            yield ExecutionEvent(was, deleted=True)
        elif execution.status.terminal and (was is None or was.status.pending):
            yield ExecutionEvent(execution)


def _has(job: Job | None, status: JobStatus) -> bool:
    return job is not None and job.status is status


def _pending_lists(state: State, things: AbstractSet[str]) -> dict[str, tuple[Execution, ...]]:
    """The pending list of each thing, in one pass: a job may have a thousand targets."""
    found: dict[str, list[Execution]] = {thing: [] for thing in things}
    for execution in state.executions.values():
        if execution.thing in found and execution.status.pending:
            found[execution.thing].append(execution)
    return {thing: tuple(sorted(list_, key=lambda e: e.order)) for thing, list_ in found.items()}
