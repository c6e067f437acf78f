"""Sees to it that news are told though the process that made them is killed (at least once).

Each change of a pending list is noted in the transaction that makes it, and crossed out when the
broker has acknowledged its notification. What stays there was not told by a process that is no
more: another one tells it, as things stand by then. From the same notes processes learn what
others have changed, so that nothing they remember is older than one call of `catch_up`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from rig.jobs.engine import Change, Decision, NextChanged, State
from rig.jobs.engine.answers import PendingChanged
from rig.jobs.store import Mark, OutboxRow, Store, Transaction

PATIENCE_S = 5.0
"""How long another process may take to tell its news, before it is taken for dead."""
KEPT_S = 60.0
"""How long what was told can be read; more than a process takes between two looks."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """News of a thing, in a state that has the jobs it names, under the number of its note."""

    change: Change
    state: State
    number: int


@dataclass(frozen=True)
class CaughtUp:
    """What has changed since the last time, and what has to be told again."""

    things: frozenset[str]
    streams: bool
    identities: bool
    again: tuple[Entry, ...]


class Outbox:
    """The notes of one process. `put` and `catch_up` need the caller's lock, `told` none."""

    def __init__(self, store: Store) -> None:
        # Without others, what is left is of a process that was killed.
        self._patience_s = PATIENCE_S if store.shared else 0.0
        self._lock = threading.Lock()
        self._in_flight: set[int] = set()
        self._told: set[int] = set()
        with store.transaction() as transaction:
            self._seen = transaction.last_put_out()

    def put(
        self, transaction: Transaction, decisions: Sequence[Decision], now: float
    ) -> tuple[Entry, ...]:
        """Note the news of the decisions. They are this process's to tell, after the commit."""
        changes = [
            (change, decision.state) for decision in decisions for change in decision.notifications
        ]
        marks = [(_mark_of(change), change.thing) for change, _ in changes]
        numbers = transaction.put_out(marks, now)
        with self._lock:
            self._in_flight.update(numbers)
        return tuple(
            Entry(change, state, number)
            for (change, state), number in zip(changes, numbers, strict=True)
        )

    def told(self, number: int) -> None:
        """The broker has it; any thread."""
        with self._lock:
            self._told.add(number)

    def catch_up(self, transaction: Transaction, now: float) -> CaughtUp:
        """Cross out what was told, read what others noted, take over what nobody tells."""
        with self._lock:
            told, self._told = self._told, set()
            self._in_flight -= told
            in_flight = set(self._in_flight)
        transaction.mark_told(told)
        new = transaction.put_out_after(self._seen)
        self._seen = max((row.number for row in new), default=self._seen)
        again = self._take_over(transaction, in_flight, now)
        transaction.drop_told(now - KEPT_S)
        marks = {row.mark for row in new}
        return CaughtUp(
            frozenset(row.thing for row in new if row.thing is not None),
            Mark.STREAMS in marks,
            Mark.IDENTITIES in marks,
            again,
        )

    def _take_over(
        self, transaction: Transaction, in_flight: Collection[int], now: float
    ) -> tuple[Entry, ...]:
        limit = _AT_ONCE + len(in_flight)
        left = [
            row
            for row in transaction.untold(now - self._patience_s, limit)
            if row.number not in in_flight
        ]
        if not left:
            return ()
        latest = _latest(left)
        numbers = {row.number for row in latest}
        # What the newest of a thing tells, the older ones need not.
        transaction.mark_told({row.number for row in left} - numbers)
        transaction.note_again(numbers, now)
        with self._lock:
            self._in_flight |= numbers
        return tuple(_entry(transaction, row, row.thing) for row in latest if row.thing is not None)


def _mark_of(change: Change) -> Mark:
    return Mark.NEXT if isinstance(change, NextChanged) else Mark.PENDING


def _latest(rows: Iterable[OutboxRow]) -> list[OutboxRow]:
    """The newest of each thing and kind, `notify` before `notify-next` as at any other time."""
    latest = {(row.thing or "", row.mark): row for row in rows}
    return sorted(latest.values(), key=lambda row: (row.thing or "", row.mark is Mark.NEXT))


def _entry(transaction: Transaction, row: OutboxRow, thing: str) -> Entry:
    state = transaction.load_thing(thing)
    pending = state.pending(thing)
    if row.mark is Mark.PENDING:
        return Entry(PendingChanged(thing, pending), state, row.number)
    return Entry(NextChanged(thing, pending[0] if pending else None), state, row.number)
