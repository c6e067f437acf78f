"""Any sequence of commands comes to the same by slices of the database as on the whole world.

The engine sees what a command needs and no more; were a slice to leave something out, or were
something not saved, the two would part. What holds at every moment is checked beside.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rig.jobs.carry_out import carry_out
from rig.jobs.engine import Execution, ExecutionStatus, Job, JobStatus, Policy, State, transition
from rig.jobs.engine.commands import (
    AddThings,
    CancelExecution,
    CancelJob,
    Command,
    CreateJob,
    DeleteExecution,
    DeleteJob,
    RemoveThings,
    StartNext,
    Tick,
    Update,
    UpdateJob,
)
from rig.jobs.engine.policy import (
    AbortCriterion,
    EndBehavior,
    ExponentialRate,
    FailureType,
    RetryCriterion,
    Rollout,
    Schedule,
)
from rig.jobs.engine.status import DEVICE_SETTABLE
from rig.jobs.store import Store, Transaction

NOW = 1_700_000_000.0
THINGS = ("a", "b", "c")
JOBS = ("j1", "j2")

things = st.sampled_from(THINGS)
job_ids = st.sampled_from(JOBS)
some_things = st.lists(things, max_size=3, unique=True).map(tuple)
rollouts = st.builds(
    Rollout,
    st.integers(1, 3),
    st.none()
    | st.just(ExponentialRate(1, 2.0, notified=2))
    | st.just(ExponentialRate(1, 3.0, None, 1)),
)
schedules = st.builds(
    Schedule,
    st.none() | st.just(NOW + 90),
    st.none() | st.just(NOW + 200),
    st.sampled_from(EndBehavior),
)
policies = st.builds(
    Policy,
    st.none() | rollouts,
    st.lists(
        st.builds(
            AbortCriterion,
            st.sampled_from(FailureType),
            st.sampled_from([1.0, 50.0, 100.0]),
            st.integers(1, 3),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(
        st.builds(
            RetryCriterion,
            st.sampled_from([FailureType.FAILED, FailureType.TIMED_OUT, FailureType.ALL]),
            st.integers(0, 2),
        ),
        max_size=2,
    ).map(tuple),
    st.none() | st.just(1),
    st.none() | st.none() | schedules,
)
creations = st.builds(
    lambda job_id, policy, continuous, names: CreateJob(
        Job(job_id, "{}", 0.0, 0.0, policy=policy, continuous=continuous), names
    ),
    job_ids,
    policies,
    st.booleans(),
    st.permutations(THINGS).map(tuple),
)
updates = st.builds(
    Update,
    things,
    job_ids,
    st.sampled_from(sorted(DEVICE_SETTABLE, key=str)),
    step_minutes=st.sampled_from([None, 1, -1]),
)
by_devices = updates | st.builds(StartNext, things, step_minutes=st.none() | st.just(1))
by_users = st.one_of(
    creations,
    st.builds(AddThings, job_ids, some_things),
    st.builds(RemoveThings, job_ids, some_things),
    st.builds(CancelJob, job_ids, st.booleans()),
    st.builds(DeleteJob, job_ids, st.booleans()),
    st.builds(CancelExecution, things, job_ids, st.booleans()),
    st.builds(DeleteExecution, things, job_ids, st.integers(1, 2), st.booleans()),
    st.builds(UpdateJob, job_ids, policies),
)
waits = st.sampled_from([0, 1, 31, 60])
steps = st.builds(
    lambda first, rest: [(0, command) for command in first] + rest,
    st.lists(creations, min_size=2, max_size=3),
    st.lists(
        st.tuples(waits, st.one_of(updates, updates, by_devices, by_users, st.just(Tick()))),
        min_size=15,
        max_size=30,
    ),
)
"""Jobs first, then mostly what devices do: else most commands would meet nothing."""


def on_the_whole(state: State, command: Command, now: float) -> State:
    """The world after the command; a tick first looks at deadlines, then at each job's rollout."""
    if not isinstance(command, Tick):
        return transition(state, command, now).state
    state = _tick(state, (), now)
    due = [
        job.job_id for job in state.jobs.values() if job.due_at is not None and job.due_at <= now
    ]
    for job_id in sorted(due):
        state = _tick(state, (job_id,), now)
    return state


def _tick(state: State, rollouts_of: tuple[str, ...], now: float) -> State:
    """A tick that lets only these jobs go on with their rollouts."""
    held = {job_id: names for job_id, names in state.waiting.items() if job_id not in rollouts_of}
    loose = {job_id: names for job_id, names in state.waiting.items() if job_id in rollouts_of}
    after = transition(replace(state, waiting=loose), Tick(), now).state
    still = {job_id: names if after.jobs[job_id].waiting else () for job_id, names in held.items()}
    return replace(after, waiting={**still, **after.waiting})


def by_slices(store: Store, command: Command, now: float) -> None:
    """The same as the service does it."""
    with store.transaction() as transaction:
        if not isinstance(command, Tick):
            carry_out(transaction, slice_for(transaction, command), command, now)
            return
        carry_out(transaction, transaction.load_overdue(now), command, now)
    with store.transaction() as transaction:
        due = transaction.due_jobs(now)
    for job_id in due:
        with store.transaction() as transaction:
            carry_out(transaction, transaction.load_due_job(job_id), command, now)


def slice_for(transaction: Transaction, command: Command) -> State:
    if isinstance(command, Update | CancelExecution | DeleteExecution):
        return transaction.load_thing(command.thing, command.job_id)
    if isinstance(command, StartNext):
        return transaction.load_thing(command.thing)
    if isinstance(command, CreateJob):
        return transaction.load_job(command.job.job_id, command.things)
    if isinstance(command, AddThings | RemoveThings):
        return transaction.load_job_things(command.job_id, command.things)
    assert isinstance(command, CancelJob | DeleteJob | UpdateJob)
    return transaction.load_job(command.job_id)


def stored(store: Store) -> State:
    """Everything that is in the database."""
    with store.transaction() as transaction:
        jobs = {job.job_id: job for job in transaction.jobs()}
        executions = {
            execution.key: execution
            for job_id in jobs
            for execution in transaction.executions_of_job(job_id)
        }
        return State(jobs, executions, {job_id: transaction.waiting(job_id) for job_id in jobs})


def comparable(state: State) -> tuple[object, ...]:
    """Without the sequences themselves: they order what was queued at the same moment."""
    pending = {thing: [e.key for e in state.pending(thing)] for thing in THINGS}
    executions = {key: replace(e, sequence=0) for key, e in state.executions.items()}
    jobs = {job_id: replace(job, counts=dict(job.counts)) for job_id, job in state.jobs.items()}
    return jobs, executions, pending, {k: names for k, names in state.waiting.items() if names}


def check_what_always_holds(before: State, after: State) -> None:
    latest: dict[tuple[str, str], Execution] = {}
    for execution in after.executions.values():
        pair = (execution.thing, execution.job_id)
        assert execution.job_id in after.jobs
        if pair not in latest or latest[pair].number < execution.number:
            latest[pair] = execution
    for execution in after.executions.values():
        old = before.executions.get(execution.key)
        if execution.status.pending:
            assert execution is latest[execution.thing, execution.job_id], "an old one is pending"
        if old is not None and old.status.terminal:
            assert old == execution, "what has ended has changed"
        if old is not None and old != execution:
            assert execution.version >= old.version
    for job in after.jobs.values():
        counted = Counter(e.status for e in latest.values() if e.job_id == job.job_id)
        assert dict(job.counts) == dict(counted)
        assert job.waiting == len(after.waiting.get(job.job_id, ()))
        if job.status is JobStatus.COMPLETED:
            assert (job.waiting, job.open_executions) == (0, 0)
        if job.status is JobStatus.CANCELED:
            assert counted[ExecutionStatus.QUEUED] == 0
            assert job.waiting == 0


@settings(max_examples=120, deadline=None)
@given(steps)
def test_slices_leave_nothing_out(sequence: list[tuple[int, Command]]) -> None:
    now = NOW
    world = State()
    with Store("sqlite://") as store:
        for seconds, command in sequence:
            now += seconds
            if isinstance(command, CreateJob):
                job = replace(command.job, created_at=now, last_updated_at=now)
                command = replace(command, job=job)
            before = world
            world = on_the_whole(world, command, now)
            by_slices(store, command, now)
            found = stored(store)
            assert comparable(found) == comparable(world), command
            check_what_always_holds(before, found)
