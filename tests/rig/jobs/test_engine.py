"""The transition function, command by command (job service §1 and §2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from rig.jobs.engine import (
    Code,
    Decision,
    Described,
    Execution,
    ExecutionStatus,
    Job,
    JobStatus,
    NextChanged,
    PendingChanged,
    PendingList,
    Policy,
    Refused,
    State,
    Updated,
    transition,
)
from rig.jobs.engine.commands import (
    CancelExecution,
    CancelJob,
    Command,
    CreateJob,
    DeleteExecution,
    DeleteJob,
    Describe,
    GetPending,
    StartNext,
    Tick,
    Update,
)
from rig.jobs.engine.status import Actor, may_change

NOW = 1_700_000_000.0
THING = "thing1"
QUEUED, IN_PROGRESS = ExecutionStatus.QUEUED, ExecutionStatus.IN_PROGRESS
SUCCEEDED, FAILED = ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED
DEVICE_STATUSES = (IN_PROGRESS, SUCCEEDED, FAILED, ExecutionStatus.REJECTED)


class World:
    """A state that commands are applied to one after the other."""

    def __init__(self) -> None:
        self.state = State()
        self.now = NOW

    def do(self, command: Command) -> Decision:
        decision = transition(self.state, command, self.now)
        self.state = decision.state
        return decision

    def create(self, job_id: str, *things: str, timeout: int | None = None) -> Decision:
        policy = Policy(in_progress_timeout_minutes=timeout)
        job = Job(job_id, "{}", self.now, self.now, policy=policy)
        return self.do(CreateJob(job, things or (THING,)))

    def update(self, job_id: str, status: ExecutionStatus, **fields: object) -> Decision:
        return self.do(replace(Update(THING, job_id, status), **fields))  # type: ignore[arg-type]

    def job_status(self, job_id: str) -> JobStatus:
        return self.state.jobs[job_id].status

    def execution(self, job_id: str, thing: str = THING) -> Execution:
        found = self.state.find(thing, job_id)
        assert found is not None
        return found


@pytest.fixture
def world() -> World:
    return World()


def code(decision: Decision) -> Code | None:
    return decision.answer.code if isinstance(decision.answer, Refused) else None


def notices(decision: Decision) -> tuple[str | None, str | None]:
    """What `notify` lists and what `notify-next` names, as the worked sequence writes them."""
    listed = named = None
    for change in decision.notifications:
        if isinstance(change, PendingChanged):
            statuses = {
                status: ",".join(
                    e.job_id.removeprefix("job") for e in change.pending if e.status is status
                )
                for status in (IN_PROGRESS, QUEUED)
            }
            listed = " ".join(f"{s.value}[{ids}]" for s, ids in statuses.items() if ids)
        elif isinstance(change, NextChanged):
            named = change.execution.job_id if change.execution else "bare"
    return listed, named


def test_the_worked_sequence_of_notifications(world: World) -> None:
    """Job service §1.7, row by row; only deleting a job that is queued needs force here."""
    steps: list[tuple[Callable[[], Decision], tuple[str | None, str | None]]] = [
        (lambda: world.create("job1"), ("QUEUED[1]", "job1")),
        (lambda: world.create("job2"), ("QUEUED[1,2]", None)),
        (lambda: world.update("job1", IN_PROGRESS), (None, None)),
        (lambda: world.create("job3"), ("IN_PROGRESS[1] QUEUED[2,3]", None)),
        (lambda: world.update("job1", SUCCEEDED), ("QUEUED[2,3]", "job2")),
        (lambda: world.update("job3", IN_PROGRESS), (None, "job3")),
        (lambda: world.do(DeleteJob("job2", force=True)), ("IN_PROGRESS[3]", None)),
        (lambda: world.update("job3", SUCCEEDED), ("", "bare")),
    ]
    for number, (step, expected) in enumerate(steps, start=1):
        world.now += 1
        assert notices(step()) == expected, f"row {number}"


def test_ties_in_time_go_by_insertion(world: World) -> None:
    for number in range(1, 6):
        world.create(f"job{number}")
    assert [e.job_id for e in world.state.pending(THING)] == [f"job{n}" for n in range(1, 6)]


def test_notify_comes_before_notify_next(world: World) -> None:
    kinds = [type(change) for change in world.create("job1").notifications]
    assert kinds == [PendingChanged, NextChanged]


def test_each_thing_hears_of_its_own_list_only(world: World) -> None:
    decision = world.create("job1", "a", "b")
    assert [change.thing for change in decision.notifications] == ["a", "a", "b", "b"]
    done = transition(decision.state, Update("a", "job1", SUCCEEDED), NOW)
    assert {change.thing for change in done.notifications} == {"a"}


ALLOWED_TO_DEVICE = {
    (before, after) for before in (QUEUED, IN_PROGRESS) for after in DEVICE_STATUSES
}


@pytest.mark.parametrize(("before", "after"), list(product(ExecutionStatus, DEVICE_STATUSES)))
def test_device_updates_follow_the_table(
    world: World, before: ExecutionStatus, after: ExecutionStatus
) -> None:
    world.create("job1")
    world.state = world.state.with_executions([replace(world.execution("job1"), status=before)])
    decision = world.update("job1", after)
    if (before, after) in ALLOWED_TO_DEVICE:
        assert world.execution("job1").status is after
        assert world.execution("job1").version == 2
    else:
        assert code(decision) is Code.INVALID_STATE_TRANSITION
        assert isinstance(decision.answer, Refused)
        assert decision.answer.execution == world.execution("job1")
        assert world.execution("job1").status is before
        assert decision.notifications == ()


def test_no_actor_changes_what_is_terminal() -> None:
    for before, after, actor in product(ExecutionStatus, ExecutionStatus, Actor):
        if before.terminal:
            assert not may_change(before, after, actor)


def test_the_version_grows_with_every_accepted_update(world: World) -> None:
    world.create("job1")
    assert world.execution("job1").version == 1
    for version in (2, 3, 4):
        world.update("job1", IN_PROGRESS)
        assert world.execution("job1").version == version
    world.update("job1", SUCCEEDED)
    assert world.execution("job1").version == 5


def test_status_details_are_kept_or_replaced_as_a_whole(world: World) -> None:
    world.create("job1")
    world.update("job1", IN_PROGRESS, status_details={"receive": "1/32", "x": "y"})
    world.update("job1", IN_PROGRESS)
    assert world.execution("job1").status_details == {"receive": "1/32", "x": "y"}
    world.update("job1", IN_PROGRESS, status_details={"self_test": "ready"})
    assert world.execution("job1").status_details == {"self_test": "ready"}


def test_update_answers_only_what_was_asked_for(world: World) -> None:
    world.create("job1")
    assert world.update("job1", IN_PROGRESS).answer == Updated(None, None)
    answer = world.update("job1", IN_PROGRESS, include_state=True, include_document=True).answer
    assert isinstance(answer, Updated)
    assert answer.execution == world.execution("job1")
    assert answer.job is world.state.jobs["job1"]


def test_the_lookup_comes_before_the_version_and_that_before_the_transition(
    world: World,
) -> None:
    assert code(world.update("job1", IN_PROGRESS, expected_version=7)) is Code.RESOURCE_NOT_FOUND
    world.create("job1")
    missing = world.update("job1", IN_PROGRESS, number=2, expected_version=7)
    assert code(missing) is Code.RESOURCE_NOT_FOUND
    world.update("job1", SUCCEEDED)
    stale = world.update("job1", IN_PROGRESS, expected_version=1)
    assert code(stale) is Code.VERSION_MISMATCH
    assert code(world.update("job1", IN_PROGRESS, expected_version=2)) is (
        Code.INVALID_STATE_TRANSITION
    )


def test_a_stale_version_is_told_as_aws_tells_it(world: World) -> None:
    world.create("job1")
    answer = world.update("job1", IN_PROGRESS, expected_version=99).answer
    assert answer == Refused(
        Code.VERSION_MISMATCH,
        "Expected version 99 but found version 1",
        world.execution("job1"),
    )


def test_start_next_takes_the_first_and_hands_it_out_again(world: World) -> None:
    assert world.do(StartNext(THING)).answer == Described(None, None, names_thing=True)
    world.create("job1", timeout=20)
    first = world.do(StartNext(THING, {"a": "b"}, step_minutes=5)).answer
    assert isinstance(first, Described)
    assert first.execution is not None
    assert first.execution.status is IN_PROGRESS
    assert first.execution.version == 2
    assert first.execution.started_at == NOW
    assert first.execution.deadline == NOW + 300
    world.now += 60
    again = world.do(StartNext(THING, {"c": "d"}))
    assert isinstance(again.answer, Described)
    assert again.answer.execution == first.execution
    assert again.notifications == ()
    world.do(StartNext(THING, {"c": "d"}, step_minutes=10))
    assert world.execution("job1").version == 2
    assert world.execution("job1").status_details == {"a": "b"}
    assert world.execution("job1").deadline == NOW + 60 + 600


def test_describe(world: World) -> None:
    assert world.do(Describe(THING)).answer == Described(None, None)
    assert code(world.do(Describe(THING, "job1"))) is Code.RESOURCE_NOT_FOUND
    world.create("job1")
    for command in (Describe(THING), Describe(THING, "job1"), Describe(THING, "job1", 1)):
        answer = world.do(command).answer
        assert answer == Described(world.execution("job1"), world.state.jobs["job1"])
    assert world.do(Describe(THING, include_document=False)).answer == Described(
        world.execution("job1"), None
    )
    assert code(world.do(Describe(THING, "job1", 2))) is Code.RESOURCE_NOT_FOUND
    assert code(world.do(Describe("other", "job1"))) is Code.RESOURCE_NOT_FOUND
    world.update("job1", SUCCEEDED)
    assert code(world.do(Describe(THING, "job1"))) is Code.TERMINAL_STATE_REACHED
    assert world.do(Describe(THING)).answer == Described(None, None)


def test_reading_changes_nothing(world: World) -> None:
    world.create("job1")
    for command in (GetPending(THING), Describe(THING), Describe(THING, "nope")):
        decision = transition(world.state, command, NOW + 5)
        assert decision.state is world.state
        assert decision.notifications == ()
    answer = world.do(GetPending(THING)).answer
    assert answer == PendingList((world.execution("job1"),))


def test_the_timer_example_of_the_spec(world: World) -> None:
    """§3.3: 20 minutes from 12:00; steps of 7, 5 and 9 minutes at 12:05, 12:10 and 12:13."""
    world.create("job1", timeout=20)
    noon = world.now
    world.update("job1", IN_PROGRESS)
    assert world.execution("job1").deadline == noon + 20 * 60
    for at, step, ends in ((5, 7, 12), (10, 5, 15), (13, 9, 20)):
        world.now = noon + at * 60
        world.update("job1", IN_PROGRESS, step_minutes=step)
        assert world.execution("job1").deadline == noon + ends * 60
    world.update("job1", IN_PROGRESS, step_minutes=1)
    world.update("job1", IN_PROGRESS, step_minutes=-1)
    assert world.execution("job1").deadline == noon + 20 * 60


def test_a_tick_times_out_what_is_late_and_tells(world: World) -> None:
    world.create("job1", timeout=1)
    world.create("job2", timeout=1)
    world.update("job1", IN_PROGRESS)
    world.now += 59
    assert world.do(Tick()).notifications == ()
    world.now += 1
    assert notices(world.do(Tick())) == ("QUEUED[2]", "job2")
    late = world.execution("job1")
    assert (late.status, late.version) == (ExecutionStatus.TIMED_OUT, 3)
    assert world.execution("job2").status is QUEUED
    assert world.job_status("job1") is JobStatus.COMPLETED
    assert code(world.update("job1", SUCCEEDED)) is Code.INVALID_STATE_TRANSITION


def test_cancel_spares_what_is_in_progress(world: World) -> None:
    world.create("job1", "a", "b")
    world.do(StartNext("a"))
    decision = world.do(CancelJob("job1", reason_code="WHY", comment="because"))
    assert world.execution("job1", "a").status is IN_PROGRESS
    assert world.execution("job1", "b").status is ExecutionStatus.CANCELED
    assert {change.thing for change in decision.notifications} == {"b"}
    job = world.state.jobs["job1"]
    assert (job.status, job.reason_code, job.comment) == (JobStatus.CANCELED, "WHY", "because")
    done = world.do(Update("a", "job1", SUCCEEDED))
    assert code(done) is None
    assert world.job_status("job1") is JobStatus.CANCELED


def test_a_forced_cancel_ends_everything(world: World) -> None:
    world.create("job1")
    world.update("job1", IN_PROGRESS, status_details={"receive": "1/5"})
    assert notices(world.do(CancelJob("job1", force=True))) == ("", "bare")
    canceled = world.execution("job1")
    assert canceled.status is ExecutionStatus.CANCELED
    assert canceled.force_canceled
    assert canceled.version == 3
    assert world.state.jobs["job1"].force_canceled
    assert code(world.update("job1", IN_PROGRESS)) is Code.INVALID_STATE_TRANSITION
    assert code(world.do(CancelJob("job1"))) is Code.INVALID_REQUEST


def test_cancel_of_one_execution(world: World) -> None:
    world.create("job1", "a", "b")
    world.do(StartNext("a"))
    assert code(world.do(CancelExecution("a", "job1"))) is Code.INVALID_STATE_TRANSITION
    stale = world.do(CancelExecution("a", "job1", force=True, expected_version=1))
    assert code(stale) is Code.VERSION_MISMATCH
    world.do(CancelExecution("a", "job1", True, 2, {"why": "x"}))
    assert world.execution("job1", "a").status is ExecutionStatus.CANCELED
    assert world.execution("job1", "a").status_details == {"why": "x"}
    assert world.job_status("job1") is JobStatus.IN_PROGRESS
    world.do(CancelExecution("b", "job1"))
    assert world.job_status("job1") is JobStatus.COMPLETED
    assert code(world.do(CancelExecution("b", "job1"))) is Code.INVALID_STATE_TRANSITION
    assert code(world.do(CancelExecution("c", "job1"))) is Code.RESOURCE_NOT_FOUND


def test_deleting(world: World) -> None:
    world.create("job1", "a", "b")
    world.do(StartNext("a"))
    assert code(world.do(DeleteExecution("a", "job1", 1))) is Code.INVALID_STATE_TRANSITION
    assert code(world.do(DeleteExecution("a", "job1", 2))) is Code.RESOURCE_NOT_FOUND
    assert code(world.do(DeleteJob("job1"))) is Code.INVALID_STATE_TRANSITION
    world.do(DeleteExecution("b", "job1", 1))
    assert world.state.find("b", "job1") is None
    assert world.state.jobs["job1"].counts == {IN_PROGRESS: 1}
    decision = world.do(DeleteJob("job1", force=True))
    assert world.state == State()
    assert notices(decision) == ("", "bare")
    assert code(world.do(DeleteJob("job1"))) is Code.RESOURCE_NOT_FOUND


def test_a_job_id_is_taken_while_the_job_exists(world: World) -> None:
    world.create("job1")
    assert code(world.create("job1")) is Code.RESOURCE_ALREADY_EXISTS
    world.update("job1", SUCCEEDED)
    world.do(DeleteJob("job1"))
    assert code(world.create("job1")) is None


def test_counts_follow_every_change(world: World) -> None:
    world.create("job1", "a", "b", "c", "a")
    assert world.state.jobs["job1"].counts == {QUEUED: 3}
    world.do(StartNext("a"))
    world.do(Update("b", "job1", FAILED))
    assert world.state.jobs["job1"].counts == {QUEUED: 1, IN_PROGRESS: 1, FAILED: 1}
    assert world.job_status("job1") is JobStatus.IN_PROGRESS
    world.do(Update("a", "job1", SUCCEEDED))
    world.do(Update("c", "job1", SUCCEEDED))
    assert world.state.jobs["job1"].counts == {SUCCEEDED: 2, FAILED: 1}
    assert world.job_status("job1") is JobStatus.COMPLETED


def test_an_unknown_command_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="knows no command str"):
        transition(State(), "create", NOW)  # type: ignore[arg-type]
