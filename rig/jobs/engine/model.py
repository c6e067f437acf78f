"""What the engine knows: jobs, executions, and the slice of both that a command works on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from rig.jobs.engine.policy import NO_POLICY, Policy
from rig.jobs.engine.status import ExecutionStatus, JobStatus
from rig.jobs.engine.target import Target

ExecutionKey = tuple[str, str, int]
"""Thing name, job id, execution number."""

SECONDS_PER_MINUTE = 60
_FIRST_NUMBER = 1


@dataclass(frozen=True)
class Execution:
    """One attempt of a job on one thing. Times are epoch seconds, deadlines too.

    `sequence` tells executions apart that were queued on a thing at the same time. The retries
    are those that led to this attempt, by what had gone wrong; `left_group` is true while the
    thing is out of a continuous job's groups and only finishes what it had begun (§2.1).
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
    retries: Mapping[ExecutionStatus, int] = field(default_factory=dict)
    left_group: bool = False

    @property
    def key(self) -> ExecutionKey:
        return (self.thing, self.job_id, self.number)

    @property
    def retry_attempt(self) -> int:
        """0 for the first attempt, then how often it has been retried."""
        return sum(self.retries.values())

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
class RolloutProgress:
    """How far a rollout is: one minute at a time, each with the rate it began with (§3.1)."""

    notified: int = 0
    minute_started_at: float | None = None
    rate: int = 0


@dataclass(frozen=True)
class Job:
    """What things are to do. `document` is JSON text, delivered as it is but for placeholders.

    `counts` has the number of things by the status of their latest execution (§3.4); `waiting` is
    how many things the rollout has yet to come to. `streams` are the ids of the streams that the
    document names. `labels` are members that the service only keeps and shows.
    """

    job_id: str
    document: str
    created_at: float
    last_updated_at: float
    targets: tuple[Target, ...] = ()
    streams: tuple[str, ...] = ()
    status: JobStatus = JobStatus.IN_PROGRESS
    continuous: bool = False
    completed_at: float | None = None
    force_canceled: bool = False
    reason_code: str | None = None
    comment: str | None = None
    policy: Policy = NO_POLICY
    presign_seconds: int = 3600
    counts: Mapping[ExecutionStatus, int] = field(default_factory=dict)
    waiting: int = 0
    rollout: RolloutProgress = RolloutProgress()
    ended: bool = False
    """The end of its schedule has passed: nothing more is rolled out."""
    description: str | None = None
    labels: Mapping[str, object] = field(default_factory=dict)

    @property
    def open_executions(self) -> int:
        """How many executions are still pending."""
        return sum(count for status, count in self.counts.items() if status.pending)

    @property
    def unsettled(self) -> bool:
        """It is canceled, but executions that have to end with it have not yet."""
        if self.status is not JobStatus.CANCELED:
            return False
        queued = self.counts.get(ExecutionStatus.QUEUED, 0)
        return queued > 0 or (self.force_canceled and self.open_executions > 0)

    @property
    def due_at(self) -> float | None:
        """When a tick has something to do for the job itself, None if never."""
        schedule = self.policy.schedule
        if self.status is JobStatus.SCHEDULED:
            return None if schedule is None else schedule.start
        if self.status is not JobStatus.IN_PROGRESS:
            return None
        moments = [self.next_release_at]
        if schedule is not None and not self.ended:
            moments.append(schedule.end)
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def next_release_at(self) -> float | None:
        """When the rollout goes on, None if it is over or the job is not IN_PROGRESS."""
        if self.waiting == 0 or self.status is not JobStatus.IN_PROGRESS:
            return None
        began = self.rollout.minute_started_at
        schedule = self.policy.schedule
        if schedule is None:
            return self.created_at if began is None else began + SECONDS_PER_MINUTE
        if began is not None:
            return schedule.next_open(began + SECONDS_PER_MINUTE)
        return schedule.next_open(max(self.created_at, schedule.start or 0.0))

    @property
    def next_rate(self) -> int:
        """How many executions the next minute of the rollout may queue."""
        succeeded = self.counts.get(ExecutionStatus.SUCCEEDED, 0)
        return self.policy.pace.rate(self.rollout.notified, succeeded)

    def in_progress_deadline(self, now: float) -> float | None:
        """The deadline of an execution that becomes IN_PROGRESS now."""
        minutes = self.policy.in_progress_timeout_minutes
        return None if minutes is None else now + minutes * SECONDS_PER_MINUTE


@dataclass(frozen=True)
class State:
    """A slice of the world that is complete for a command.

    It has every pending execution of each thing the command can touch, every execution the
    command names, and the jobs of all of these. Counts of jobs are kept up with each change, so a
    job's other executions need not be loaded. `waiting` has for each job the next things of its
    rollout in their order, at least as many as one minute takes.
    """

    jobs: Mapping[str, Job] = field(default_factory=dict)
    executions: Mapping[ExecutionKey, Execution] = field(default_factory=dict)
    waiting: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
        return tuple(sorted(found, key=lambda e: (e.queued_at, e.thing, e.number)))

    def with_executions(self, changed: Iterable[Execution]) -> State:
        """With these executions new or in place of the ones of the same key; counts follow."""
        executions = dict(self.executions)
        touched = set()
        for execution in changed:
            executions[execution.key] = execution
            touched.add((execution.thing, execution.job_id))
        return replace(self, executions=executions)._recounted(self, touched)

    def without_executions(self, keys: Iterable[ExecutionKey]) -> State:
        """Without these executions; they drop out of their jobs' counts too (§2.1)."""
        executions = dict(self.executions)
        touched = set()
        for thing, job_id, number in keys:
            del executions[thing, job_id, number]
            touched.add((thing, job_id))
        return replace(self, executions=executions)._recounted(self, touched)

    def with_job(self, job: Job) -> State:
        return replace(self, jobs={**self.jobs, job.job_id: job})

    def without_job(self, job_id: str) -> State:
        """Without the job and all its executions."""
        return State(
            {k: j for k, j in self.jobs.items() if k != job_id},
            {k: e for k, e in self.executions.items() if e.job_id != job_id},
            {k: things for k, things in self.waiting.items() if k != job_id},
        )

    def with_waiting(self, job_id: str, things: tuple[str, ...], count: int) -> State:
        """With these things next in the job's rollout, of `count` that are left in all."""
        job = replace(self.jobs[job_id], waiting=count)
        return replace(self.with_job(job), waiting={**self.waiting, job_id: things})

    def _recounted(self, before: State, touched: set[tuple[str, str]]) -> State:
        """Counts brought up to the latest executions of these things and jobs."""
        old, new = _latest(before, touched), _latest(self, touched)
        counts: dict[str, dict[ExecutionStatus, int]] = {}
        for pair in touched:
            was, now = old.get(pair), new.get(pair)
            if was is now:
                continue
            of_job = counts.setdefault(pair[1], dict(self.jobs[pair[1]].counts))
            if was is not None:
                of_job[was] -= 1
            if now is not None:
                of_job[now] = of_job.get(now, 0) + 1
        jobs = dict(self.jobs)
        for job_id, found in counts.items():
            present = {status: count for status, count in found.items() if count}
            jobs[job_id] = replace(jobs[job_id], counts=present)
        return replace(self, jobs=jobs)


def _latest(state: State, touched: set[tuple[str, str]]) -> dict[tuple[str, str], ExecutionStatus]:
    latest: dict[tuple[str, str], Execution] = {}
    for execution in state.executions.values():
        pair = (execution.thing, execution.job_id)
        if pair in touched and (pair not in latest or latest[pair].number < execution.number):
            latest[pair] = execution
    return {pair: execution.status for pair, execution in latest.items()}
