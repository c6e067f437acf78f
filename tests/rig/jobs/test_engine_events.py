"""Which events a command brings about, by what it changed (job service §1.9)."""

from __future__ import annotations

import pytest

from rig.jobs.engine import (
    Decision,
    ExecutionEvent,
    ExecutionStatus,
    JobEvent,
    Policy,
    Target,
)
from rig.jobs.engine.commands import (
    CancelExecution,
    CancelJob,
    CreateJob,
    DeleteExecution,
    DeleteJob,
    RemoveThings,
    Tick,
    Update,
)
from rig.jobs.engine.policy import FailureType, RetryCriterion
from rig.jobs.job_spec import JobSpec, make_job
from rig.jobs.settings import JobSettings
from tests.rig.jobs.test_engine import NOW, World

SUCCEEDED, FAILED = ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED
IN_PROGRESS, REJECTED = ExecutionStatus.IN_PROGRESS, ExecutionStatus.REJECTED


@pytest.fixture
def world() -> World:
    return World()


def told(*decisions: Decision) -> list[str]:
    """Each event in a word: that of a job, or that of an execution with its thing."""
    words = []
    for decision in decisions:
        for event in decision.events:
            if isinstance(event, JobEvent):
                words.append(event.operation.value)
            else:
                assert isinstance(event, ExecutionEvent)
                execution = event.execution
                what = "deleted" if event.deleted else execution.status.value.lower()
                words.append(f"{execution.thing} {what}")
    return words


@pytest.mark.parametrize("status", [SUCCEEDED, FAILED, REJECTED])
def test_what_a_device_reports_last_ends_its_execution_and_the_job(
    world: World, status: ExecutionStatus
) -> None:
    assert told(world.create("job1", "a", "b")) == []
    assert told(world.do(Update("a", "job1", IN_PROGRESS))) == []
    assert told(world.do(Update("a", "job1", IN_PROGRESS, {"step": "2"}))) == []
    assert told(world.do(Update("a", "job1", status))) == [f"a {status.value.lower()}"]
    assert told(world.do(Update("b", "job1", SUCCEEDED))) == ["b succeeded", "completed"]


def test_a_refused_command_is_no_event(world: World) -> None:
    world.create("job1", "a")
    world.do(Update("a", "job1", SUCCEEDED))
    assert told(world.do(Update("a", "job1", FAILED))) == []
    assert told(world.do(CancelJob("job1"))) == []
    assert told(world.do(DeleteJob("nothing"))) == []


def test_a_job_for_nobody_is_completed_at_once(world: World) -> None:
    job = make_job(JobSpec("job1", (Target.group("empty"),), "{}"), JobSettings(), NOW)
    assert told(world.do(CreateJob(job, ()))) == ["completed"]


@pytest.mark.parametrize("force", [False, True])
def test_canceling_begins_ends_what_has_to_end_and_is_done(world: World, force: bool) -> None:
    world.create("job1", "a", "b", "c")
    world.do(Update("b", "job1", IN_PROGRESS))
    started = ["b canceled"] if force else []
    assert told(world.do(CancelJob("job1", force))) == [
        "cancellation_in_progress",
        "a canceled",
        *started,
        "c canceled",
        "canceled",
    ]


def test_a_device_that_ends_after_a_cancel_does_not_end_the_job_again(world: World) -> None:
    world.create("job1", "a")
    world.do(Update("a", "job1", IN_PROGRESS))
    world.do(CancelJob("job1"))
    assert told(world.do(Update("a", "job1", SUCCEEDED))) == ["a succeeded"]


def test_deleting_begins_takes_the_executions_and_is_done(world: World) -> None:
    world.create("job1", "a", "b")
    assert told(world.do(DeleteJob("job1", force=True))) == [
        "deletion_in_progress",
        "a deleted",
        "b deleted",
        "deleted",
    ]


def test_single_executions_are_canceled_and_deleted(world: World) -> None:
    world.create("job1", "a", "b")
    assert told(world.do(CancelExecution("a", "job1"))) == ["a canceled"]
    assert told(world.do(DeleteExecution("a", "job1", 1))) == ["a deleted"]
    assert told(world.do(DeleteExecution("b", "job1", 1))) == ["b deleted", "completed"]


def test_a_timer_ends_an_attempt_and_a_retry_is_no_event(world: World) -> None:
    policy = Policy(
        in_progress_timeout_minutes=1, retries=(RetryCriterion(FailureType.TIMED_OUT, 1),)
    )
    spec = JobSpec("job1", (Target.thing("a"),), "{}", policy)
    world.do(CreateJob(make_job(spec, JobSettings(), NOW), ("a",)))
    for expected in (["a timed_out"], ["a timed_out", "completed"]):
        world.do(Update("a", "job1", IN_PROGRESS))
        world.now += 60
        assert told(world.do(Tick())) == expected


def test_who_leaves_a_group_is_removed(world: World) -> None:
    spec = JobSpec("job1", (Target.group("g"),), "{}", continuous=True)
    world.do(CreateJob(make_job(spec, JobSettings(), NOW), ("a", "b")))
    assert told(world.do(RemoveThings("job1", ("a",)))) == ["a removed"]
