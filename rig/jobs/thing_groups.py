"""Groups of things, and what joining or leaving one does to jobs (job service §2.1, §7.2).

A continuous job follows the membership of the groups it is aimed at: who comes under its targets
is given it, who is under them no more has it taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from rig.clock import Clock
from rig.errors import UsageError
from rig.jobs.carry_out import carry_out_or_raise
from rig.jobs.engine import Code, Decision, Target, TargetKind
from rig.jobs.engine.commands import AddThings, RemoveThings
from rig.jobs.refusal import RefusalError
from rig.jobs.registry import Registry
from rig.jobs.store import GroupRecord, Store, Transaction

Work = Callable[[Transaction, float], tuple[Decision, ...]]
CarryOut = Callable[[Work], tuple[Decision, ...]]
"""Runs work in one transaction and publishes the news of its decisions."""


@dataclass(frozen=True)
class GroupSpec:
    """A group as it is asked for."""

    name: str
    parent: str | None = None
    description: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class ThingGroups:
    """The groups of one store. Raises `UsageError` for bad input, any thread."""

    def __init__(
        self, store: Store, clock: Clock, random_id: Callable[[], str], carry_out: CarryOut
    ) -> None:
        self._store = store
        self._clock = clock
        self._random_id = random_id
        self._carry_out = carry_out

    def create(self, spec: GroupSpec) -> GroupRecord:
        """The new group; the same one again if it is there already, just as described."""
        with self._store.transaction() as transaction:
            if spec.parent is not None:
                known_group(transaction, spec.parent)
            found = transaction.group(spec.name)
            if found is None:
                found = GroupRecord(
                    spec.name,
                    self._random_id(),
                    self._clock.now(),
                    spec.parent,
                    spec.description,
                    dict(spec.attributes),
                )
                transaction.add_group(found)
            elif spec != GroupSpec(found.name, found.parent, found.description, found.attributes):
                raise RefusalError(
                    Code.RESOURCE_ALREADY_EXISTS,
                    f"thing group {spec.name} exists already with other properties",
                )
            return found

    def update(
        self,
        name: str,
        description: str | None,
        attributes: Mapping[str, str] | None,
        *,
        merge: bool,
        expected_version: int | None = None,
    ) -> GroupRecord:
        """Change description and attributes (all of them, or with `merge` these)."""
        with self._store.transaction() as transaction:
            group = known_group(transaction, name)
            _check_version(group, expected_version)
            kept: Mapping[str, str] = group.attributes
            if attributes is not None:
                kept = {**group.attributes, **attributes} if merge else dict(attributes)
            changed = replace(
                group,
                description=group.description if description is None else description,
                attributes=kept,
                version=group.version + 1,
            )
            transaction.put_group(changed)
            return changed

    def delete(self, name: str, expected_version: int | None = None) -> None:
        """Without the group, which has to have no groups in it; its things leave it."""

        def work(transaction: Transaction, now: float) -> tuple[Decision, ...]:
            group = known_group(transaction, name)
            _check_version(group, expected_version)
            if transaction.groups_below(name) != (name,):
                raise UsageError(f"thing group {name} has groups in it: delete these first")
            decisions: tuple[Decision, ...] = ()
            for thing in transaction.members(name, recursive=False):
                decisions += _leave(transaction, name, thing, now)
            transaction.delete_group(name)
            return decisions

        self._carry_out(work)

    def group(self, name: str) -> GroupRecord:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            return known_group(transaction, name)

    def groups(self, below: str | None = None, *, recursive: bool = True) -> list[GroupRecord]:
        """All groups by name, or those in the group `below`, at any depth if `recursive`."""
        with self._store.transaction() as transaction:
            found = transaction.groups()
            if below is None:
                return [group for group in found if recursive or group.parent is None]
            known_group(transaction, below)
            inside = set(transaction.groups_below(below)) - {below}
        return [g for g in found if g.name in inside and (recursive or g.parent == below)]

    def path(self, name: str) -> list[str]:
        """The groups above this one, the root first."""
        with self._store.transaction() as transaction:
            above: list[str] = []
            parent = known_group(transaction, name).parent
            while parent is not None:
                above.append(parent)
                parent = known_group(transaction, parent).parent
        return above[::-1]

    def things(self, name: str, *, recursive: bool) -> tuple[str, ...]:
        """The things of the group by name."""
        with self._store.transaction() as transaction:
            known_group(transaction, name)
            return transaction.members(name, recursive=recursive)

    def groups_of_thing(self, thing: str) -> tuple[str, ...]:
        with self._store.transaction() as transaction:
            Registry.known_thing(transaction, thing)
            return transaction.groups_of_thing(thing)

    def change(self, thing: str, *, join: Iterable[str] = (), leave: Iterable[str] = ()) -> None:
        """The thing joins and leaves groups, in one step."""

        def work(transaction: Transaction, now: float) -> tuple[Decision, ...]:
            Registry.known_thing(transaction, thing)
            before = _jobs_of(transaction, thing)
            for name in join:
                known_group(transaction, name)
                transaction.join_group(name, thing)
            for name in leave:
                known_group(transaction, name)
                transaction.leave_group(name, thing)
            return _follow(transaction, thing, before, now)

        self._carry_out(work)


def known_group(transaction: Transaction, name: str) -> GroupRecord:
    """The group; raises `RefusalError` if there is none."""
    found = transaction.group(name)
    if found is None:
        raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no thing group {name}")
    return found


def exists(transaction: Transaction, target: Target) -> bool:
    """Whether there is such a thing or group; a job's target may have been deleted meanwhile."""
    find = transaction.group if target.kind is TargetKind.GROUP else transaction.thing
    return find(target.name) is not None


def things_under(transaction: Transaction, targets: Iterable[Target]) -> tuple[str, ...]:
    """The things that targets come to, each once; raises `RefusalError` for an unknown one."""
    things: dict[str, None] = {}
    for target in targets:
        if target.kind is TargetKind.GROUP:
            known_group(transaction, target.name)
            things |= dict.fromkeys(transaction.members(target.name, recursive=True))
        else:
            things[Registry.known_thing(transaction, target.name).name] = None
    return tuple(things)


def _leave(transaction: Transaction, group: str, thing: str, now: float) -> tuple[Decision, ...]:
    before = _jobs_of(transaction, thing)
    transaction.leave_group(group, thing)
    return _follow(transaction, thing, before, now)


def _jobs_of(transaction: Transaction, thing: str) -> frozenset[str]:
    """The continuous jobs under whose targets the thing is."""
    above = transaction.groups_above(transaction.groups_of_thing(thing))
    wanted = {Target.thing(thing), *(Target.group(name) for name in above)}
    return frozenset(
        job.job_id for job in transaction.following_jobs() if wanted & set(job.targets)
    )


def _follow(
    transaction: Transaction, thing: str, before: frozenset[str], now: float
) -> tuple[Decision, ...]:
    """Give the thing the jobs it has come under, take back those it is under no more."""
    after = _jobs_of(transaction, thing)
    decisions: tuple[Decision, ...] = ()
    for job_id in sorted(after ^ before):
        state = transaction.load_job_things(job_id, (thing,))
        if job_id in before:
            command: AddThings | RemoveThings = RemoveThings(job_id, (thing,))
        elif state.jobs[job_id].ended:
            # The end of its schedule has passed: it only waits for what it has begun.
            continue
        else:
            command = AddThings(job_id, (thing,))
        decisions += carry_out_or_raise(transaction, state, command, now)
    return decisions


def _check_version(group: GroupRecord, expected: int | None) -> None:
    if expected is not None and expected != group.version:
        raise RefusalError(
            Code.VERSION_MISMATCH,
            f"thing group {group.name} has version {group.version}, not {expected}",
        )
