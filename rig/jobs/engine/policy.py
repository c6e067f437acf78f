"""How a job is to be carried out: pace, abort rules, timers, retries, schedule (job service §3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from rig.jobs.engine.maintenance import MaintenanceWindow
from rig.jobs.engine.status import ExecutionStatus

DEFAULT_PER_MINUTE = 1000
MAX_RETRIES = 10
"""Of one thing, whatever the reasons (§2.1)."""

_S = ExecutionStatus


class FailureType(Enum):
    """Which endings a rule is about."""

    FAILED = "FAILED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    ALL = "ALL"

    @property
    def statuses(self) -> frozenset[ExecutionStatus]:
        if self is FailureType.ALL:
            return frozenset({_S.FAILED, _S.REJECTED, _S.TIMED_OUT})
        return frozenset({ExecutionStatus(self.value)})


EXECUTED = frozenset({_S.SUCCEEDED, _S.FAILED, _S.REJECTED, _S.TIMED_OUT})
"""What counts as completed for the abort rules (§3.2)."""

RETRIED = frozenset({_S.FAILED, _S.TIMED_OUT})


@dataclass(frozen=True)
class ExponentialRate:
    """The pace grows by `increment_factor` with every so many things notified or succeeded."""

    base_per_minute: int
    increment_factor: float
    notified: int | None = None
    succeeded: int | None = None

    def step(self, notified: int, succeeded: int) -> int:
        """How often the pace has grown: by whichever criterion is further on (§3)."""
        steps = [
            count // criterion
            for count, criterion in ((notified, self.notified), (succeeded, self.succeeded))
            if criterion is not None
        ]
        return max(steps, default=0)


@dataclass(frozen=True)
class Rollout:
    """How many executions may be queued per minute (§3.1)."""

    maximum_per_minute: int = DEFAULT_PER_MINUTE
    exponential: ExponentialRate | None = None

    def rate(self, notified: int, succeeded: int) -> int:
        """Executions per minute, rounded down, at least 1."""
        if self.exponential is None:
            return self.maximum_per_minute
        growth = self.exponential
        try:
            grown = growth.base_per_minute * growth.increment_factor ** growth.step(
                notified, succeeded
            )
        except OverflowError:
            return self.maximum_per_minute
        return max(1, int(min(grown, self.maximum_per_minute)))


@dataclass(frozen=True)
class AbortCriterion:
    """Cancel the job when so many percent of at least so many things ended like this (§3.2)."""

    failure: FailureType
    threshold_percentage: float
    minimum_executed: int


@dataclass(frozen=True)
class RetryCriterion:
    """Queue an execution again that ended like this, so often (§2.1)."""

    failure: FailureType
    retries: int


class EndBehavior(Enum):
    """What becomes of a job at the end of its schedule."""

    STOP_ROLLOUT = "STOP_ROLLOUT"
    CANCEL = "CANCEL"
    FORCE_CANCEL = "FORCE_CANCEL"


@dataclass(frozen=True)
class Schedule:
    """When a job rolls out. Times are epoch seconds; no start is at once, no end is never."""

    start: float | None = None
    end: float | None = None
    end_behavior: EndBehavior = EndBehavior.STOP_ROLLOUT
    windows: tuple[MaintenanceWindow, ...] = ()

    def next_open(self, time: float) -> float | None:
        """The first moment from `time` on at which things may be notified, None if never."""
        if not self.windows:
            return time
        found = [window.next_open(time) for window in self.windows]
        return min((moment for moment in found if moment is not None), default=None)


@dataclass(frozen=True)
class Policy:
    """Everything in one. None means that the job has no such configuration."""

    rollout: Rollout | None = None
    abort: tuple[AbortCriterion, ...] = ()
    retries: tuple[RetryCriterion, ...] = ()
    in_progress_timeout_minutes: int | None = None
    schedule: Schedule | None = None

    @property
    def pace(self) -> Rollout:
        return self.rollout or _DEFAULT_ROLLOUT

    def may_retry(self, status: ExecutionStatus, used: Mapping[ExecutionStatus, int]) -> bool:
        """Whether what ended with this status is queued again after these retries (§2.1).

        Each rule has its own number of retries, counted over the endings that it is about.
        """
        if status not in RETRIED or sum(used.values()) >= MAX_RETRIES:
            return False
        return any(
            status in rule.failure.statuses
            and sum(used.get(ending, 0) for ending in rule.failure.statuses) < rule.retries
            for rule in self.retries
        )


_DEFAULT_ROLLOUT = Rollout()
NO_POLICY = Policy()
