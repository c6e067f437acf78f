"""Sees to it that news are told though the process that made them is killed (at least once).

Each change of a pending list is noted in the transaction that makes it, and crossed out when the
broker has acknowledged its notification. What stays there was not told by a process that is no
more: another one tells it, as things stand by then. From the same notes processes learn what
others have changed, so that nothing they remember is older than one call of `catch_up`.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from rig.jobs.engine import Change, Decision, NextChanged, State
from rig.jobs.engine.answers import PendingChanged
from rig.jobs.store import EventMessage, Mark, OutboxRow, Store, Transaction

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


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An event under the number of its note."""

    message: EventMessage
    number: int


News = Entry | EventEntry


class EventWriter(Protocol):
    """Gives the events of decisions as they are published, none of a kind that is switched off."""

    def messages(
        self, transaction: Transaction, decisions: Sequence[Decision], now: float
    ) -> Sequence[EventMessage]: ...


@dataclass(frozen=True)
class CaughtUp:
    """What has changed since the last time, and what has to be told again."""

    things: frozenset[str]
    streams: bool
    identities: bool
    again: tuple[News, ...]


class Outbox:
    """The notes of one process. `put` and `catch_up` need the caller's lock, `told` none."""

    def __init__(self, store: Store, events: EventWriter) -> None:
        self._events = events
        # Without others, what is left is of a process that was killed.
        self._patience_s = PATIENCE_S if store.shared else 0.0
        self._lock = threading.Lock()
        self._in_flight: set[int] = set()
        self._told: set[int] = set()
        with store.transaction() as transaction:
            self._seen = transaction.last_put_out()

    def put(
        self, transaction: Transaction, decisions: Sequence[Decision], now: float
    ) -> tuple[News, ...]:
        """Note the news of the decisions. They are this process's to tell, after the commit.

        Notifications come before events: devices wait for theirs.
        """
        changes = [
            (change, decision.state) for decision in decisions for change in decision.notifications
        ]
        marks = [(_mark_of(change), change.thing) for change, _ in changes]
        numbers = transaction.put_out(marks, now)
        messages = self._events.messages(transaction, decisions, now)
        event_numbers = transaction.put_out_events(messages, now) if messages else ()
        with self._lock:
            self._in_flight.update(numbers, event_numbers)
        return (
            *(
                Entry(change, state, number)
                for (change, state), number in zip(changes, numbers, strict=True)
            ),
            *map(EventEntry, messages, event_numbers),
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
    ) -> tuple[News, ...]:
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
        return tuple(_entry(transaction, row) for row in latest)


def _mark_of(change: Change) -> Mark:
    return Mark.NEXT if isinstance(change, NextChanged) else Mark.PENDING


def _latest(rows: Collection[OutboxRow]) -> list[OutboxRow]:
    """The newest of each thing and kind, `notify` before `notify-next` as at any other time.

    Events do not overtake each other: each of them is told, in their order.
    """
    latest = {(row.thing or "", row.mark): row for row in rows if row.mark is not Mark.EVENT}
    events = [row for row in rows if row.mark is Mark.EVENT]
    ordered = sorted(latest.values(), key=lambda row: (row.thing or "", row.mark is Mark.NEXT))
    return ordered + events


def _entry(transaction: Transaction, row: OutboxRow) -> News:
    if row.mark is Mark.EVENT:
        return EventEntry(transaction.event_message(row.number), row.number)
    thing = row.thing or ""
    state = transaction.load_thing(thing)
    pending = state.pending(thing)
    if row.mark is Mark.PENDING:
        return Entry(PendingChanged(thing, pending), state, row.number)
    return Entry(NextChanged(thing, pending[0] if pending else None), state, row.number)
