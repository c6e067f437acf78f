"""The fleet engine over the database: slices are complete, and nothing of a rollout is lost."""

from __future__ import annotations

import threading
from pathlib import Path

from rig.jobs.engine import ExecutionStatus, Job, JobStatus, Policy, Target
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
from rig.jobs.job_spec import JobSpec
from rig.jobs.store import ThingRecord
from rig.jobs.thing_groups import GroupSpec
from tests.rig.jobs.world import World, make_world

QUEUED, CANCELED = ExecutionStatus.QUEUED, ExecutionStatus.CANCELED
FAILED = ExecutionStatus.FAILED
DOCUMENT = '{"a":1}'


def roll_out(world: World, policy: Policy, count: int, job_id: str = "job1") -> Job:
    """A job on new things `t0`, `t1` …"""
    names = [f"t{number}" for number in range(count)]
    for name in names:
        world.service.registry.create_thing(name)
    targets = tuple(Target.thing(name) for name in names)
    return world.service.create_specified_job(JobSpec(job_id, targets, DOCUMENT, policy))


def job_of(world: World, job_id: str = "job1") -> Job:
    job = world.service.describe_job(job_id)
    assert job is not None
    return job


def test_a_rollout_goes_on_with_the_ticks(world: World) -> None:
    assert roll_out(world, Policy(Rollout(2)), 5).counts == {QUEUED: 2}
    assert [kind for kind, _ in world.news()] == ["notify", "notify-next"] * 2
    for seconds, queued in ((59, 2), (1, 4), (1, 4), (59, 5), (60, 5)):
        world.clock.advance(seconds)
        world.service.tick()
        assert job_of(world).counts == {QUEUED: queued}
    assert len(world.news()) == 2 * 3
    # In the order of the targets.
    assert world.accepted("$next/get", thing="t4")["execution"]["jobId"] == "job1"


def test_what_is_due_is_done_by_one_of_several_processes(
    world: World, tmp_path: Path, store_url: str
) -> None:
    roll_out(world, Policy(Rollout(10), in_progress_timeout_minutes=1), 60)
    world.accepted("start-next", thing="t0")
    others = [make_world(tmp_path, url=store_url) for _ in range(2)]
    everybody = [world, *others]
    counts = []
    for _ in range(3):
        for each in everybody:
            each.clock.advance(60)
        threads = [threading.Thread(target=each.service.tick) for each in everybody * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        counts.append(job_of(world).counts)
    timed_out = {ExecutionStatus.TIMED_OUT: 1}
    assert counts == [{QUEUED: queued, **timed_out} for queued in (19, 29, 39)]
    # The news of each is told by the one that did it, so by one; those of t0, which had two, twice.
    told = [each.topic for each in (each for one in everybody for each in one.published)]
    assert len(told) == len(set(told)) + 2
    for each in others:
        each.store.close()


def test_a_deadline_in_the_middle_of_a_rollout_costs_no_minute(world: World) -> None:
    roll_out(world, Policy(Rollout(1), in_progress_timeout_minutes=1), 3)
    world.accepted("start-next", thing="t0")
    world.clock.advance(60)
    world.service.tick()
    counts = job_of(world).counts
    assert counts == {ExecutionStatus.TIMED_OUT: 1, QUEUED: 1}
    assert job_of(world).rollout.notified == 2


def test_a_rollout_survives_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/jobs.db"
    window = MaintenanceWindow("cron(0/10 * * * ? *)", 3)
    policy = Policy(
        Rollout(3, ExponentialRate(2, 1.5, notified=2, succeeded=4)),
        (AbortCriterion(FailureType.ALL, 12.5, 7),),
        (RetryCriterion(FailureType.FAILED, 2),),
        in_progress_timeout_minutes=7,
        schedule=Schedule(2e9, 2e9 + 3661.5, EndBehavior.FORCE_CANCEL, (window,)),
    )
    world = make_world(tmp_path, url=url)
    before = roll_out(world, policy, 5)
    assert before.status is JobStatus.SCHEDULED
    world.store.close()
    again = make_world(tmp_path, url=url)
    assert job_of(again) == before
    # 2e9 is 03:33:20, between two windows.
    for time, notified in ((2e9 - 1, 0), (2e9, 0), (2e9 + 400, 2), (2e9 + 460, 5)):
        again.clock.advance(time - again.clock.now())
        again.service.tick()
        assert job_of(again).rollout.notified == notified, time
    again.clock.advance(3600)
    again.service.tick()
    assert job_of(again).reason_code == "END_TIME_REACHED"
    assert job_of(again).counts == {CANCELED: 5}
    again.store.close()


def test_a_device_that_trips_the_abort_rule_ends_it_for_all(world: World) -> None:
    """The slice of a device's update has only its own executions; the others end with it."""
    roll_out(world, Policy(Rollout(3), (AbortCriterion(FailureType.FAILED, 10, 1),)), 9)
    world.accepted("start-next", thing="t1")
    world.news()
    outcome = world.ask("jobs/job1/update", {"status": "FAILED"}, "t0")
    topics = [n.topic.removeprefix("$aws/things/") for n in outcome.notifications]
    assert topics == [
        "t0/jobs/notify",
        "t0/jobs/notify-next",
        "t2/jobs/notify",
        "t2/jobs/notify-next",
    ]
    job = job_of(world)
    assert (job.status, job.reason_code) == (JobStatus.CANCELED, "ABORT_CRITERIA_MET")
    assert job.counts == {FAILED: 1, CANCELED: 1, ExecutionStatus.IN_PROGRESS: 1}
    world.clock.advance(600)
    world.service.tick()
    assert world.service.pending("t3") == ()


def test_deadlines_that_trip_the_abort_rule_end_it_for_all(world: World) -> None:
    rule = AbortCriterion(FailureType.TIMED_OUT, 10, 1)
    roll_out(world, Policy(abort=(rule,), in_progress_timeout_minutes=1), 3)
    world.accepted("start-next", thing="t1")
    world.clock.advance(61)
    world.service.tick()
    assert job_of(world).counts == {ExecutionStatus.TIMED_OUT: 1, CANCELED: 2}


def test_a_retry_is_offered_with_the_next_number(world: World) -> None:
    roll_out(world, Policy(retries=(RetryCriterion(FailureType.FAILED, 1),)), 1)
    world.accepted("start-next", thing="t0")
    outcome = world.ask("jobs/job1/update", {"status": "FAILED"}, "t0")
    assert len(outcome.notifications) == 2
    execution = world.accepted("$next/get", thing="t0")["execution"]
    assert (execution["executionNumber"], execution["status"]) == (2, "QUEUED")
    first = world.service.describe_execution("t0", "job1", 1)
    assert first is not None
    assert first.status is FAILED
    world.accepted("job1/update", {"status": "FAILED"}, "t0")
    assert job_of(world).status is JobStatus.COMPLETED


def test_deleting_a_job_deletes_its_rollout(world: World) -> None:
    roll_out(world, Policy(Rollout(1)), 3)
    world.service.delete_job("job1", force=True)
    assert roll_out(world, Policy(), 2).counts == {QUEUED: 2}
    world.clock.advance(3600)
    world.service.tick()
    assert world.service.pending("t2") == ()


def test_a_group_is_not_too_big_for_a_statement(world: World) -> None:
    world.service.thing_groups.create(GroupSpec("all"))
    with world.store.transaction() as transaction:
        for number in range(1100):
            transaction.add_thing(ThingRecord(f"t{number}", "id", 0.0))
            transaction.join_group("all", f"t{number}")
    spec = JobSpec("job1", (Target.group("all"),), DOCUMENT, Policy(Rollout(600)))
    world.service.create_specified_job(spec)
    assert job_of(world).counts == {QUEUED: 600}
    world.service.cancel_job("job1")
    assert job_of(world).counts == {CANCELED: 600}
