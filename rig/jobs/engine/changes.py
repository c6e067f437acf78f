"""What a change means to others, by comparing before and after (job service §1.6, §1.7)."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from rig.jobs.engine.answers import Change, NextChanged, PendingChanged
from rig.jobs.engine.model import Execution, State


def notifications(before: State, after: State) -> Iterator[Change]:
    """`notify` before `notify-next`, thing by thing."""
    touched = {
        key[0]
        for key in before.executions.keys() | after.executions.keys()
        if before.executions.get(key) is not after.executions.get(key)
    }
    old_lists = _pending_lists(before, touched)
    new_lists = _pending_lists(after, touched)
    for thing in sorted(touched):
        pending = new_lists[thing]
        old = [execution.key for execution in old_lists[thing]]
        new = [execution.key for execution in pending]
        if set(old) != set(new):
            yield PendingChanged(thing, pending)
        if old[:1] != new[:1]:
            yield NextChanged(thing, pending[0] if pending else None)


def _pending_lists(state: State, things: AbstractSet[str]) -> dict[str, tuple[Execution, ...]]:
    """The pending list of each thing, in one pass: a job may have a thousand targets."""
    found: dict[str, list[Execution]] = {thing: [] for thing in things}
    for execution in state.executions.values():
        if execution.thing in found and execution.status.pending:
            found[execution.thing].append(execution)
    return {thing: tuple(sorted(list_, key=lambda e: e.order)) for thing, list_ in found.items()}
