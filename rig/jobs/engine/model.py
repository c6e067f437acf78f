"""What the engine knows: jobs, executions, and the slice of both that a command works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rig.jobs.engine.status import ExecutionStatus, JobStatus

ExecutionKey = tuple[str, str, int]
"""Thing name, job id, execution number."""

_SECONDS_PER_MINUTE = 60
_FIRST_NUMBER = 1


@dataclass(frozen=True)
class Execution:
    """One attempt of a job on one thing. Times are epoch seconds, deadlines too.

    `sequence` tells executions apart that were queued at the same time: it grows with each one.
    """

    thing: str
    job_id: str
    sequence: int
    queued_at: float
    last_updated_at: float
    number: int = _FIRST_NUMBER
    status: ExecutionStatus = ExecutionStatus.QUEUED
    status_details: Mapping[str, str] = field(default_factory=dict)
    version: int = 1
    started_at: float | None = None
    in_progress_deadline: float | None = None
    step_deadline: float | None = None
    force_canceled: bool = False

    @property
    def key(self) -> ExecutionKey:
        return (self.thing, self.job_id, self.number)

    @property
    def deadline(self) -> float | None:
        """When it times out: the earlier of both timers, none unless it is IN_PROGRESS (§3.3)."""
        if self.status is not ExecutionStatus.IN_PROGRESS:
            return None
        running = [d for d in (self.in_progress_deadline, self.step_deadline) if d is not None]
        return min(running, default=None)

    @property
    def order(self) -> tuple[bool, float, int]:
        """Place in the pending list: IN_PROGRESS before QUEUED, then by time (§1.7)."""
        queued = self.status is ExecutionStatus.QUEUED
        since = self.queued_at if queued or self.started_at is None else self.started_at
        return (queued, since, self.sequence)


@dataclass(frozen=True)
class Job:
    """What things are to do. `document` is JSON text, delivered as it is but for placeholders.

    `counts` has the number of things by the status of their latest execution (§3.4); `streams`
    are the ids of the streams that the document names.
    """

    job_id: str
    document: str
    created_at: float
    last_updated_at: float
    targets: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    status: JobStatus = JobStatus.IN_PROGRESS
    continuous: bool = False
    completed_at: float | None = None
    force_canceled: bool = False
    reason_code: str | None = None
    comment: str | None = None
    in_progress_timeout_minutes: int | None = None
    presign_seconds: int = 3600
    counts: Mapping[ExecutionStatus, int] = field(default_factory=dict)

    @property
    def open_executions(self) -> int:
        """How many executions are still pending."""
        return sum(count for status, count in self.counts.items() if status.pending)

    def in_progress_deadline(self, now: float) -> float | None:
        """The deadline of an execution that becomes IN_PROGRESS now."""
        if self.in_progress_timeout_minutes is None:
            return None
        return now + self.in_progress_timeout_minutes * _SECONDS_PER_MINUTE


@dataclass(frozen=True)
class State:
    """A slice of the world that is complete for a command.

    It has every pending execution of each thing the command can touch, every execution the
    command names, and the jobs of all of these. Counts of jobs are kept up with each change, so a
    job's other executions need not be loaded.
    """

    jobs: Mapping[str, Job] = field(default_factory=dict)
    executions: Mapping[ExecutionKey, Execution] = field(default_factory=dict)

    def pending(self, thing: str) -> tuple[Execution, ...]:
        """The thing's pending executions in their order (§1.7)."""
        found = (e for e in self.executions.values() if e.thing == thing and e.status.pending)
        return tuple(sorted(found, key=lambda execution: execution.order))

    def next_pending(self, thing: str) -> Execution | None:
        """What `$next` means to this thing."""
        return next(iter(self.pending(thing)), None)

    def find(self, thing: str, job_id: str, number: int | None = None) -> Execution | None:
        """The execution with this number, or the latest one."""
        if number is not None:
            return self.executions.get((thing, job_id, number))
        found = [e for e in self.executions.values() if (e.thing, e.job_id) == (thing, job_id)]
        return max(found, key=lambda execution: execution.number, default=None)

    def of_job(self, job_id: str) -> tuple[Execution, ...]:
        """The loaded executions of a job in the order of their making."""
        found = (e for e in self.executions.values() if e.job_id == job_id)
        return tuple(sorted(found, key=lambda execution: execution.sequence))

    def with_executions(self, changed: Iterable[Execution]) -> State:
        """With these executions new or in place of the ones of the same key; counts follow."""
        executions = dict(self.executions)
        jobs = dict(self.jobs)
        for execution in changed:
            before = executions.get(execution.key)
            executions[execution.key] = execution
            jobs[execution.job_id] = _recount(
                jobs[execution.job_id],
                None if before is None else before.status,
                execution.status,
            )
        return State(jobs, executions)

    def without_executions(self, keys: Iterable[ExecutionKey]) -> State:
        """Without these executions; they drop out of their jobs' counts too (§2.1)."""
        executions = dict(self.executions)
        jobs = dict(self.jobs)
        for key in keys:
            gone = executions.pop(key)
            jobs[gone.job_id] = _recount(jobs[gone.job_id], gone.status, None)
        return State(jobs, executions)

    def with_job(self, job: Job) -> State:
        return State({**self.jobs, job.job_id: job}, self.executions)

    def without_job(self, job_id: str) -> State:
        """Without the job and all its executions."""
        executions = {k: e for k, e in self.executions.items() if e.job_id != job_id}
        return State({k: j for k, j in self.jobs.items() if k != job_id}, executions)


def _recount(job: Job, before: ExecutionStatus | None, after: ExecutionStatus | None) -> Job:
    if before is after:
        return job
    counts = dict(job.counts)
    if before is not None:
        counts[before] -= 1
    if after is not None:
        counts[after] = counts.get(after, 0) + 1
    return replace(job, counts={status: count for status, count in counts.items() if count})
