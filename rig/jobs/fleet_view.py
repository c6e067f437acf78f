"""What an operator is shown of the fleet: how far each job is, how fast, and what goes wrong.

Values that are written as JSON for the page and for `otarig fleet`. Texts of devices and users
are cut to a length that can be shown; they are as hostile as they came.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.jobs.arns import Arns
from rig.jobs.engine import Code, Execution, ExecutionStatus, Job
from rig.jobs.engine.policy import EXECUTED, AbortCriterion
from rig.jobs.engine.settling import ABORTED
from rig.jobs.refusal import RefusalError
from rig.jobs.store import FailureCount, Store

MAX_JOBS = 200
MAX_REASONS = 50
MAX_THINGS = 100
MAX_TEXT = 300
MINUTE_S = 60.0


@dataclass(frozen=True)
class Pace:
    """The rollout (job service §3.1): executions per minute, and what is still to come.

    `rate` is that of the minute that has begun, `next_rate` that of the next one, which begins at
    `next_at` (epoch seconds; None when there is none).
    """

    rate: int
    next_rate: int
    maximum: int
    notified: int
    waiting: int
    next_at: float | None


@dataclass(frozen=True)
class AbortRule:
    """A criterion and where the job stands with it (§3.2). Percentages are of `executed`."""

    failure: str
    threshold: float
    minimum: int
    executed: int
    failed: int

    @property
    def percentage(self) -> float:
        return 100 * self.failed / self.executed if self.executed else 0.0


@dataclass(frozen=True)
class JobView:
    """A job in figures. `counts` has the things by the status of their latest execution."""

    job_id: str
    status: str
    selection: str
    targets: tuple[str, ...]
    target_count: int
    description: str | None
    comment: str | None
    reason_code: str | None
    aborted: bool
    created_at: float
    completed_at: float | None
    things: int
    counts: dict[str, int]
    pace: Pace
    abort: tuple[AbortRule, ...]


@dataclass(frozen=True)
class Failure:
    """On how many things the job ended like this, for the reason that the devices gave."""

    status: str
    reason: str | None
    things: int


@dataclass(frozen=True)
class ThingView:
    """The latest attempt of a job on a thing; `details` are its status details in one line."""

    thing: str
    status: str
    attempt: int
    details: str
    changed_at: float


@dataclass(frozen=True)
class JobDetail:
    """A job with what goes wrong, how fast it goes, and the things that changed last."""

    now: float
    job: JobView
    queued_last_minute: int
    ended_last_minute: int
    failures: tuple[Failure, ...]
    things: tuple[ThingView, ...]


@dataclass(frozen=True)
class FleetView:
    """The jobs of a region, the newest first; `job_count` and `thing_count` are of all there are.

    `regions` are all that the server has.
    """

    now: float
    region: str
    arn_prefix: str
    job_count: int
    thing_count: int
    jobs: tuple[JobView, ...]
    regions: tuple[str, ...] = ()


class FleetViews:
    """Looks over the jobs of one store; any thread."""

    def __init__(self, store: Store, arns: Arns) -> None:
        self._store = store
        self._arns = arns

    def fleet(self, now: float) -> FleetView:
        with self._store.transaction() as transaction:
            jobs = transaction.newest_jobs(MAX_JOBS)
            job_count, thing_count = transaction.job_count(), transaction.thing_count()
        views = tuple(view_of(job) for job in jobs)
        return FleetView(
            now,
            self._arns.settings.region,
            self._arns.prefix,
            job_count,
            thing_count,
            views,
        )

    def job(self, job_id: str, now: float, status: ExecutionStatus | None = None) -> JobDetail:
        """With the things of this status only; raises `RefusalError` if there is no such job."""
        with self._store.transaction() as transaction:
            job = transaction.job(job_id)
            if job is None:
                raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no job {job_id}")
            return JobDetail(
                now,
                view_of(job),
                transaction.queued_since(job_id, now - MINUTE_S),
                transaction.ended_since(job_id, now - MINUTE_S),
                tuple(map(_failure, transaction.failures_of_job(job_id, MAX_REASONS))),
                tuple(map(_thing, transaction.last_changed(job_id, status, MAX_THINGS))),
            )


def view_of(job: Job) -> JobView:
    counts = {status.value: job.counts.get(status, 0) for status in ExecutionStatus}
    names = [target.resource for target in job.targets]
    return JobView(
        job_id=job.job_id,
        status=job.status.value,
        selection="CONTINUOUS" if job.continuous else "SNAPSHOT",
        targets=tuple(names[:MAX_THINGS]),
        target_count=len(names),
        description=_cut(job.description),
        comment=_cut(job.comment),
        reason_code=job.reason_code,
        aborted=job.reason_code == ABORTED,
        created_at=job.created_at,
        completed_at=job.completed_at,
        things=sum(counts.values()) + job.waiting,
        counts=counts,
        pace=_pace(job),
        abort=tuple(_abort_rule(rule, job) for rule in job.policy.abort),
    )


def _pace(job: Job) -> Pace:
    return Pace(
        rate=job.rollout.rate,
        next_rate=job.next_rate,
        maximum=job.policy.pace.maximum_per_minute,
        notified=job.rollout.notified,
        waiting=job.waiting,
        next_at=job.next_release_at,
    )


def _abort_rule(rule: AbortCriterion, job: Job) -> AbortRule:
    return AbortRule(
        rule.failure.value,
        rule.threshold_percentage,
        rule.minimum_executed,
        executed=sum(job.counts.get(status, 0) for status in EXECUTED),
        failed=sum(job.counts.get(status, 0) for status in rule.failure.statuses),
    )


def _failure(count: FailureCount) -> Failure:
    return Failure(count.status.value, _cut(count.reason), count.things)


def _thing(execution: Execution) -> ThingView:
    told = execution.status_details.items()
    details = ", ".join(f"{name}: {value}" for name, value in told)
    return ThingView(
        execution.thing,
        execution.status.value,
        execution.retry_attempt + 1,
        _cut(details) or "",
        execution.last_updated_at,
    )


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 1]}…"
