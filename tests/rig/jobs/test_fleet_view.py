"""What an operator is shown of a job: states, failures by reason, pace, abort rules."""

from __future__ import annotations

import pytest

from rig.jobs.engine import ExecutionStatus, Policy, Target
from rig.jobs.engine.policy import (
    AbortCriterion,
    ExponentialRate,
    FailureType,
    RetryCriterion,
    Rollout,
)
from rig.jobs.fleet_view import MAX_TEXT, Failure, JobDetail
from rig.jobs.job_spec import JobSpec
from rig.jobs.refusal import RefusalError
from tests.rig.jobs.world import World

SIGNATURE = "0x000000e3: 0x00000000"


def roll_out(world: World, count: int, policy: Policy, job_id: str = "job1") -> None:
    """A job on new things `t0`, `t1` …"""
    names = [f"t{number}" for number in range(count)]
    for name in names:
        world.service.registry.create_thing(name)
    targets = tuple(map(Target.thing, names))
    world.service.create_specified_job(JobSpec(job_id, targets, "{}", policy))


def report(world: World, thing: str, status: str, reason: str | None = None) -> None:
    details = {} if reason is None else {"statusDetails": {"reason": reason}}
    world.accepted("job1/update", {"status": status, **details}, thing)


def detail(world: World, status: ExecutionStatus | None = None) -> JobDetail:
    return world.service.fleet.job("job1", world.clock.now(), status)


def test_things_are_counted_by_state_and_failures_by_reason(world: World) -> None:
    roll_out(world, 8, Policy(Rollout(6)))
    report(world, "t0", "SUCCEEDED", "accepted v2")
    for thing in ("t1", "t2"):
        report(world, thing, "FAILED", SIGNATURE)
    report(world, "t3", "FAILED")
    report(world, "t4", "REJECTED", SIGNATURE)
    report(world, "t5", "IN_PROGRESS")
    shown = detail(world)
    assert {name: count for name, count in shown.job.counts.items() if count} == {
        "SUCCEEDED": 1,
        "FAILED": 3,
        "REJECTED": 1,
        "IN_PROGRESS": 1,
    }
    assert (shown.job.things, shown.job.pace.waiting) == (8, 2)
    assert shown.failures == (
        Failure("FAILED", SIGNATURE, 2),
        Failure("FAILED", None, 1),
        Failure("REJECTED", SIGNATURE, 1),
    )


def test_a_failure_that_was_retried_is_none_any_more(world: World) -> None:
    roll_out(world, 1, Policy(retries=(RetryCriterion(FailureType.FAILED, 1),)))
    report(world, "t0", "FAILED", "first")
    assert detail(world).failures == ()
    assert [(each.status, each.attempt) for each in detail(world).things] == [("QUEUED", 2)]
    report(world, "t0", "FAILED", "second")
    assert detail(world).failures == (Failure("FAILED", "second", 1),)


def test_the_pace_and_what_the_last_minute_brought(world: World) -> None:
    growth = ExponentialRate(2, 2.0, notified=4)
    roll_out(world, 20, Policy(Rollout(5, growth)))
    world.clock.advance(10)
    report(world, "t0", "SUCCEEDED")
    pace = detail(world).job.pace
    assert (pace.rate, pace.next_rate, pace.maximum) == (2, 2, 5)
    assert (pace.notified, pace.waiting) == (2, 18)
    assert pace.next_at == world.clock.now() + 50
    assert (detail(world).queued_last_minute, detail(world).ended_last_minute) == (2, 1)
    for _ in range(2):
        world.clock.advance(60)
        world.service.tick()
    pace = detail(world).job.pace
    assert (pace.rate, pace.next_rate, pace.notified) == (4, 5, 8)
    assert (detail(world).queued_last_minute, detail(world).ended_last_minute) == (4, 0)


def test_how_near_an_abort_is_and_that_it_has_come(world: World) -> None:
    rule = AbortCriterion(FailureType.FAILED, 50, 3)
    roll_out(world, 5, Policy(abort=(rule,)))
    report(world, "t0", "FAILED", "a")
    report(world, "t1", "SUCCEEDED")
    (shown,) = detail(world).job.abort
    assert (shown.failure, shown.threshold, shown.minimum) == ("FAILED", 50, 3)
    assert (shown.executed, shown.failed, shown.percentage) == (2, 1, 50)
    assert not detail(world).job.aborted
    report(world, "t2", "FAILED", "a")
    job = detail(world).job
    assert (job.status, job.aborted) == ("CANCELED", True)
    assert "FAILED reached 50 %" in (job.comment or "")
    assert job.counts["CANCELED"] == 2


def test_the_things_that_changed_last_come_first(world: World) -> None:
    roll_out(world, 3, Policy())
    for thing, status in (("t1", "IN_PROGRESS"), ("t2", "SUCCEEDED")):
        world.clock.advance(1)
        report(world, thing, status)
    assert [each.thing for each in detail(world).things] == ["t2", "t1", "t0"]
    assert [each.thing for each in detail(world, ExecutionStatus.QUEUED).things] == ["t0"]


def test_long_texts_are_cut(world: World) -> None:
    roll_out(world, 1, Policy())
    report(world, "t0", "FAILED", "x" * 1000)
    ((failure,), (thing,)) = detail(world).failures, detail(world).things
    assert failure.reason == "x" * (MAX_TEXT - 1) + "…"
    assert len(thing.details) == MAX_TEXT


def test_the_newest_jobs_come_first(world: World) -> None:
    roll_out(world, 1, Policy(), "old")
    world.clock.advance(1)
    world.service.create_job("new", ["t0"], {})
    fleet = world.service.fleet.fleet(world.clock.now())
    assert [job.job_id for job in fleet.jobs] == ["new", "old"]
    assert (fleet.job_count, fleet.thing_count) == (2, 2)


def test_no_such_job(world: World) -> None:
    with pytest.raises(RefusalError, match="no job job1"):
        detail(world)
