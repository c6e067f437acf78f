"""How a job goes over a fleet: pace, abort, retries, schedule, groups (job service §2, §3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rig.jobs.engine import Code, ExecutionStatus, Job, JobStatus, Policy, Target
from rig.jobs.engine.commands import (
    AddThings,
    CreateJob,
    DeleteExecution,
    RemoveThings,
    StartNext,
    Tick,
    Update,
    UpdateJob,
)
from rig.jobs.engine.maintenance import MaintenanceWindow
from rig.jobs.engine.policy import (
    AbortCriterion,
    EndBehavior,
    ExponentialRate,
    FailureType,
    RetryCriterion,
    Rollout,
    Schedule,
)
from tests.rig.jobs.test_engine import NOW, World, code

QUEUED, IN_PROGRESS = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS
SUCCEEDED, FAILED = ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED
REJECTED, TIMED_OUT = ExecutionStatus.REJECTED, ExecutionStatus.TIMED_OUT
CANCELED, REMOVED = ExecutionStatus.CANCELED, ExecutionStatus.REMOVED


class Fleet(World):
    """A world with one job, `job1`, on things that are named by numbers."""

    def roll_out(self, policy: Policy, count: int, *, continuous: bool = False) -> Job:
        job = Job("job1", "{}", self.now, self.now, policy=policy, continuous=continuous)
        self.do(CreateJob(job, tuple(f"t{number:05}" for number in range(count))))
        return self.job

    @property
    def job(self) -> Job:
        return self.state.jobs["job1"]

    def count(self, status: ExecutionStatus) -> int:
        return self.job.counts.get(status, 0)

    def tick(self, seconds: float = 60) -> None:
        self.now += seconds
        self.do(Tick())

    def end(self, status: ExecutionStatus, first: int, count: int = 1) -> None:
        for number in range(first, first + count):
            self.do(Update(f"t{number:05}", "job1", status))

    def statuses(self, thing: str) -> list[ExecutionStatus]:
        """Of every attempt of a thing, the first one first."""
        return [e.status for e in self.state.of_job("job1") if e.thing == thing]


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


# -- pace ------------------------------------------------------------------------------------------


def test_a_constant_pace_queues_so_many_a_minute(fleet: Fleet) -> None:
    fleet.roll_out(Policy(Rollout(3)), 8)
    assert fleet.count(QUEUED) == 3
    fleet.tick(59.9)
    assert fleet.count(QUEUED) == 3
    fleet.tick(0.1)
    assert fleet.count(QUEUED) == 6
    assert fleet.job.waiting == 2
    fleet.tick()
    assert (fleet.count(QUEUED), fleet.job.waiting) == (8, 0)


def test_a_late_tick_does_not_catch_up(fleet: Fleet) -> None:
    """No 60 seconds see more than the rate, however late a tick comes (§3.1)."""
    fleet.roll_out(Policy(Rollout(2)), 10)
    fleet.tick(600)
    assert fleet.count(QUEUED) == 4
    fleet.tick(59)
    assert fleet.count(QUEUED) == 4


def test_an_exponential_pace_is_the_table_of_the_contract(fleet: Fleet) -> None:
    """Base 50, factor 2, every 1000 notified: 50, 100, 200, 400 a minute (§3.1)."""
    growth = ExponentialRate(50, 2.0, notified=1000)
    fleet.roll_out(Policy(Rollout(1000, growth)), 5000)
    rates = {0: 50, 1000: 100, 2000: 200, 3000: 400}
    while (notified := fleet.job.rollout.notified) < 4000:
        mark = max(mark for mark in rates if notified >= mark)
        fleet.tick()
        assert fleet.job.rollout.notified - notified == rates[mark], notified


def test_an_exponential_pace_may_follow_what_succeeds(fleet: Fleet) -> None:
    growth = ExponentialRate(2, 1.5, succeeded=2)
    fleet.roll_out(Policy(Rollout(4, growth)), 20)
    fleet.tick()
    assert fleet.count(QUEUED) == 4
    fleet.end(SUCCEEDED, 0, 2)
    fleet.tick()
    # 2 * 1.5 rounded down.
    assert fleet.job.rollout.notified == 7
    fleet.end(SUCCEEDED, 2, 2)
    fleet.tick()
    # 2 * 1.5² = 4.5, at most the maximum.
    assert fleet.job.rollout.notified == 11


def test_a_job_is_not_done_before_it_has_come_to_every_thing(fleet: Fleet) -> None:
    fleet.roll_out(Policy(Rollout(1)), 2)
    fleet.end(SUCCEEDED, 0)
    assert fleet.job_status("job1") is JobStatus.IN_PROGRESS
    fleet.tick()
    fleet.end(SUCCEEDED, 1)
    assert fleet.job_status("job1") is JobStatus.COMPLETED
    assert fleet.job.completed_at == fleet.now


def test_a_job_for_nothing_is_done_at_once(fleet: Fleet) -> None:
    assert fleet.roll_out(Policy(), 0).status is JobStatus.COMPLETED


def test_a_new_pace_holds_from_the_next_minute(fleet: Fleet) -> None:
    fleet.roll_out(Policy(Rollout(1)), 9)
    fleet.do(UpdateJob("job1", Policy(Rollout(5)), description="faster"))
    assert (fleet.count(QUEUED), fleet.job.description) == (1, "faster")
    fleet.tick()
    assert fleet.count(QUEUED) == 6
    assert code(fleet.do(UpdateJob("nope", Policy()))) is Code.RESOURCE_NOT_FOUND


# -- abort -----------------------------------------------------------------------------------------

ABORT = (
    AbortCriterion(FailureType.FAILED, 20, 100),
    AbortCriterion(FailureType.TIMED_OUT, 50, 200),
)


def test_the_first_abort_rule_strikes_at_its_minimum(fleet: Fleet) -> None:
    """The worked example of §3.2: 20 of 100 failed."""
    fleet.roll_out(Policy(abort=ABORT), 300)
    fleet.end(FAILED, 0, 20)
    fleet.end(SUCCEEDED, 20, 79)
    assert fleet.job_status("job1") is JobStatus.IN_PROGRESS
    fleet.end(SUCCEEDED, 99)
    assert fleet.job_status("job1") is JobStatus.CANCELED
    assert fleet.job.reason_code == "ABORT_CRITERIA_MET"
    assert fleet.job.comment == "FAILED reached 20 % with 100 executions completed"
    assert not fleet.job.force_canceled
    assert (fleet.count(CANCELED), fleet.count(QUEUED)) == (200, 0)


def test_below_its_threshold_the_second_rule_has_its_turn(fleet: Fleet) -> None:
    fleet.roll_out(Policy(abort=ABORT, in_progress_timeout_minutes=1), 300)
    for number in range(100):
        fleet.do(StartNext(f"t{number:05}"))
    fleet.end(SUCCEEDED, 100, 99)
    fleet.tick()
    assert (fleet.count(TIMED_OUT), fleet.job.status) == (100, JobStatus.IN_PROGRESS)
    fleet.end(FAILED, 199)
    assert fleet.job_status("job1") is JobStatus.CANCELED
    assert (fleet.job.comment or "").startswith("TIMED_OUT reached 50 %")


def test_an_abort_leaves_what_is_in_progress_and_stops_the_rollout(fleet: Fleet) -> None:
    rule = AbortCriterion(FailureType.ALL, 100, 1)
    fleet.roll_out(Policy(Rollout(3), (rule,)), 9)
    fleet.do(StartNext("t00001"))
    fleet.end(REJECTED, 0)
    assert fleet.job_status("job1") is JobStatus.CANCELED
    assert fleet.statuses("t00001") == [IN_PROGRESS]
    assert fleet.statuses("t00002") == [CANCELED]
    fleet.tick(600)
    assert (fleet.job.waiting, fleet.statuses("t00005")) == (0, [])
    fleet.end(SUCCEEDED, 1)
    assert fleet.statuses("t00001") == [SUCCEEDED]
    assert fleet.job_status("job1") is JobStatus.CANCELED


def test_a_deleted_execution_drops_out_of_the_percentage(fleet: Fleet) -> None:
    fleet.roll_out(Policy(abort=(AbortCriterion(FailureType.FAILED, 50, 2),)), 4)
    fleet.end(FAILED, 0)
    fleet.do(DeleteExecution("t00000", "job1", 1))
    fleet.end(SUCCEEDED, 1, 2)
    assert fleet.job_status("job1") is JobStatus.IN_PROGRESS
    fleet.end(FAILED, 3)
    # One of three, not two of four.
    assert fleet.job_status("job1") is JobStatus.COMPLETED


# -- retries ---------------------------------------------------------------------------------------


def test_a_failure_is_queued_again_as_the_next_number(fleet: Fleet) -> None:
    fleet.roll_out(Policy(retries=(RetryCriterion(FailureType.FAILED, 2),)), 1)
    for attempt in (0, 1, 2):
        execution = fleet.execution("job1", "t00000")
        assert (execution.number, execution.retry_attempt) == (attempt + 1, attempt)
        assert (execution.status, execution.version) == (QUEUED, 1)
        fleet.end(FAILED, 0)
    assert fleet.statuses("t00000") == [FAILED] * 3
    assert fleet.job_status("job1") is JobStatus.COMPLETED
    assert fleet.job.counts == {FAILED: 1}


def test_what_is_not_in_the_rule_is_not_retried(fleet: Fleet) -> None:
    fleet.roll_out(Policy(retries=(RetryCriterion(FailureType.TIMED_OUT, 5),)), 3)
    fleet.end(FAILED, 0)
    fleet.end(REJECTED, 1)
    fleet.end(SUCCEEDED, 2)
    assert fleet.job.counts == {FAILED: 1, REJECTED: 1, SUCCEEDED: 1}


def test_retries_are_ten_at_most_and_end_with_success(fleet: Fleet) -> None:
    rules = (RetryCriterion(FailureType.ALL, 10), RetryCriterion(FailureType.FAILED, 10))
    fleet.roll_out(Policy(retries=rules), 2)
    for _ in range(11):
        fleet.end(FAILED, 0)
    assert fleet.statuses("t00000") == [FAILED] * 11
    fleet.end(FAILED, 1)
    fleet.end(SUCCEEDED, 1)
    assert fleet.statuses("t00001") == [FAILED, SUCCEEDED]


def test_a_failure_counts_for_the_abort_rule_when_no_retry_is_left(fleet: Fleet) -> None:
    rule = AbortCriterion(FailureType.FAILED, 50, 1)
    fleet.roll_out(Policy(abort=(rule,), retries=(RetryCriterion(FailureType.FAILED, 1),)), 2)
    fleet.end(FAILED, 0)
    assert fleet.job_status("job1") is JobStatus.IN_PROGRESS
    fleet.end(FAILED, 0)
    assert fleet.job_status("job1") is JobStatus.CANCELED


# -- schedule --------------------------------------------------------------------------------------


def test_a_scheduled_job_begins_at_its_start(fleet: Fleet) -> None:
    fleet.roll_out(Policy(schedule=Schedule(start=NOW + 100)), 2)
    assert (fleet.job.status, fleet.job.due_at) == (JobStatus.SCHEDULED, NOW + 100)
    fleet.tick(99)
    assert (fleet.job.status, fleet.count(QUEUED)) == (JobStatus.SCHEDULED, 0)
    fleet.tick(1)
    assert (fleet.job.status, fleet.count(QUEUED)) == (JobStatus.IN_PROGRESS, 2)


ENDS = {
    EndBehavior.STOP_ROLLOUT: (JobStatus.IN_PROGRESS, IN_PROGRESS, QUEUED),
    EndBehavior.CANCEL: (JobStatus.CANCELED, IN_PROGRESS, CANCELED),
    EndBehavior.FORCE_CANCEL: (JobStatus.CANCELED, CANCELED, CANCELED),
}


@pytest.mark.parametrize("behavior", EndBehavior)
def test_the_end_of_a_schedule(fleet: Fleet, behavior: EndBehavior) -> None:
    schedule = Schedule(end=NOW + 90, end_behavior=behavior)
    fleet.roll_out(Policy(Rollout(2), schedule=schedule), 9)
    fleet.do(StartNext("t00000"))
    fleet.tick(90)
    job, started, queued = ENDS[behavior]
    assert fleet.job.status is job
    assert (fleet.statuses("t00000"), fleet.statuses("t00001")) == ([started], [queued])
    assert (fleet.job.waiting, fleet.job.due_at) == (0, None)


def test_a_stopped_rollout_is_done_when_its_executions_are(fleet: Fleet) -> None:
    fleet.roll_out(Policy(Rollout(1), schedule=Schedule(end=NOW + 90)), 9)
    fleet.tick(90)
    fleet.end(SUCCEEDED, 0)
    assert fleet.job_status("job1") is JobStatus.COMPLETED


def test_nothing_is_rolled_out_outside_its_windows(fleet: Fleet) -> None:
    # NOW is 22:13:20 on a Tuesday.
    window = MaintenanceWindow("cron(0 23 ? * TUE *)", 10)
    fleet.roll_out(Policy(Rollout(1), schedule=Schedule(windows=(window,))), 20)
    assert fleet.count(QUEUED) == 0
    opens = NOW + 46 * 60 + 40
    assert fleet.job.due_at == opens
    fleet.tick(opens - NOW)
    assert fleet.count(QUEUED) == 1
    for _ in range(12):
        fleet.tick()
    assert fleet.count(QUEUED) == 10
    assert fleet.job.due_at == opens + 7 * 86_400


def test_a_tick_that_comes_after_the_window_waits_for_the_next(fleet: Fleet) -> None:
    window = MaintenanceWindow("cron(0 23 ? * TUE *)", 10)
    fleet.roll_out(Policy(schedule=Schedule(windows=(window,))), 1)
    fleet.tick(60 * 60)
    assert fleet.count(QUEUED) == 0
    fleet.tick(7 * 86_400 - 10 * 60)
    assert fleet.count(QUEUED) == 1


# -- groups ----------------------------------------------------------------------------------------


def test_who_joins_a_continuous_job_is_queued_at_once(fleet: Fleet) -> None:
    fleet.roll_out(Policy(Rollout(1)), 3, continuous=True)
    target = Target.thing("new")
    fleet.do(AddThings("job1", ("new", "t00002"), (target,)))
    assert fleet.statuses("new") == [QUEUED]
    # It is waiting for its turn already.
    assert fleet.statuses("t00002") == []
    assert fleet.job.targets == (target,)


def test_a_continuous_job_is_never_done(fleet: Fleet) -> None:
    fleet.roll_out(Policy(), 1, continuous=True)
    fleet.end(SUCCEEDED, 0)
    assert fleet.job_status("job1") is JobStatus.IN_PROGRESS


def test_who_leaves_is_removed_and_may_come_again(fleet: Fleet) -> None:
    fleet.roll_out(Policy(), 1, continuous=True)
    fleet.do(RemoveThings("job1", ("t00000",)))
    assert fleet.statuses("t00000") == [REMOVED]
    fleet.do(AddThings("job1", ("t00000",)))
    assert fleet.statuses("t00000") == [REMOVED, QUEUED]
    assert fleet.execution("job1", "t00000").retry_attempt == 0


def test_who_leaves_in_the_middle_finishes_but_is_not_retried(fleet: Fleet) -> None:
    retries = (RetryCriterion(FailureType.FAILED, 3),)
    fleet.roll_out(Policy(retries=retries), 2, continuous=True)
    for thing in ("t00000", "t00001"):
        fleet.do(StartNext(thing))
    fleet.do(RemoveThings("job1", ("t00000", "t00001")))
    fleet.do(AddThings("job1", ("t00001",)))
    fleet.end(FAILED, 0, 2)
    assert fleet.statuses("t00000") == [FAILED]
    assert fleet.statuses("t00001") == [FAILED, QUEUED]


def test_who_leaves_before_its_turn_is_not_come_to(fleet: Fleet) -> None:
    fleet.roll_out(Policy(Rollout(1)), 2, continuous=True)
    fleet.do(RemoveThings("job1", ("t00001",)))
    fleet.tick()
    assert (fleet.statuses("t00001"), fleet.job.waiting) == ([], 0)


def test_a_snapshot_takes_no_more_targets(fleet: Fleet) -> None:
    fleet.roll_out(Policy(), 1)
    assert code(fleet.do(AddThings("job1", ("new",)))) is Code.INVALID_REQUEST
    assert code(fleet.do(AddThings("nope", ("new",)))) is Code.RESOURCE_NOT_FOUND
    assert code(fleet.do(RemoveThings("nope", ("new",)))) is Code.RESOURCE_NOT_FOUND


def test_a_scheduled_job_takes_more_things_in_their_turn(fleet: Fleet) -> None:
    fleet.roll_out(Policy(schedule=Schedule(start=NOW + 60)), 1, continuous=True)
    fleet.do(AddThings("job1", ("new", "new", "t00000")))
    assert (fleet.job.waiting, fleet.statuses("new")) == (2, [])
    fleet.tick()
    assert fleet.count(QUEUED) == 2


def test_a_canceled_job_is_changed_no_more(fleet: Fleet) -> None:
    fleet.roll_out(Policy(), 1)
    fleet.end(SUCCEEDED, 0)
    assert code(fleet.do(UpdateJob("job1", Policy()))) is Code.INVALID_REQUEST
    assert replace(fleet.job, policy=Policy()) == fleet.job
