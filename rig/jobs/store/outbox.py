"""What has changed and has to be told: to devices, and to other processes on the same database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import Connection, delete, func, insert, select, update

from rig.jobs.store import schema
from rig.jobs.store.slices import chunks_of_numbers


class Mark(Enum):
    """Kinds of what has changed."""

    PENDING = "pending"
    """A thing's pending list: its `notify`."""
    NEXT = "next"
    """What is first in it: its `notify-next`."""
    STREAMS = "streams"
    """A stream, or who may read it. For processes only."""
    IDENTITIES = "identities"
    """A thing or certificate counts no more as it did. For processes only."""
    EVENT = "event"
    """What became of a job, with the text of its event, for who watches the fleet."""

    @property
    def published(self) -> bool:
        """Whether the broker has to be told, not only other processes."""
        return self in {Mark.PENDING, Mark.NEXT, Mark.EVENT}


@dataclass(frozen=True)
class OutboxRow:
    """One change; numbers grow in the order of the transactions."""

    number: int
    mark: Mark
    thing: str | None


@dataclass(frozen=True)
class EventMessage:
    """An event as it is published."""

    topic: str
    payload: str


_table = schema.outbox
_messages = schema.event_messages
_INSERT = insert(_table).returning(_table.c.number, sort_by_parameter_order=True)
_LAST = select(func.coalesce(func.max(_table.c.number), 0))
_ROWS = select(_table.c.number, _table.c.mark, _table.c.thing).order_by(_table.c.number)


class OutboxQueries:
    """The part of a transaction that notes what has changed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_out(self, changes: Sequence[tuple[Mark, str | None]], now: float) -> tuple[int, ...]:
        """Note the changes; the number of each. Who is to be told of it has not been yet."""
        if not changes:
            return ()
        rows = [
            {"mark": mark.value, "thing": thing, "told": not mark.published, "noted_at": now}
            for mark, thing in changes
        ]
        return tuple(self._connection.scalars(_INSERT, rows))

    def put_out_events(self, messages: Sequence[EventMessage], now: float) -> tuple[int, ...]:
        """Note the events with their texts; the number of each."""
        numbers = self.put_out([(Mark.EVENT, None)] * len(messages), now)
        if messages:
            rows = [
                {"number": number, "topic": message.topic, "payload": message.payload}
                for number, message in zip(numbers, messages, strict=True)
            ]
            self._connection.execute(insert(_messages), rows)
        return numbers

    def event_message(self, number: int) -> EventMessage:
        """The text of an event that has not been told yet."""
        query = select(_messages.c.topic, _messages.c.payload).where(_messages.c.number == number)
        row = self._connection.execute(query).one()
        return EventMessage(row.topic, row.payload)

    def last_put_out(self) -> int:
        """The number of the newest change, 0 without any."""
        return self._connection.scalar(_LAST) or 0

    def put_out_after(self, number: int) -> tuple[OutboxRow, ...]:
        found = self._connection.execute(_ROWS.where(_table.c.number > number))
        return tuple(OutboxRow(row.number, Mark(row.mark), row.thing) for row in found)

    def untold(self, noted_before: float, limit: int) -> tuple[OutboxRow, ...]:
        """The first so many that the broker is not known to have, noted until then."""
        query = _ROWS.where(_table.c.told.is_(False), _table.c.noted_at <= noted_before)
        found = self._connection.execute(query.limit(limit))
        return tuple(OutboxRow(row.number, Mark(row.mark), row.thing) for row in found)

    def note_again(self, numbers: Collection[int], now: float) -> None:
        """As if they had been noted now."""
        for some in chunks_of_numbers(numbers):
            changed = update(_table).where(_table.c.number.in_(some))
            self._connection.execute(changed.values(noted_at=now))

    def mark_told(self, numbers: Collection[int]) -> None:
        """The broker has these; nobody will ask for their texts again."""
        for some in chunks_of_numbers(numbers):
            changed = update(_table).where(_table.c.number.in_(some))
            self._connection.execute(changed.values(told=True))
            self._connection.execute(delete(_messages).where(_messages.c.number.in_(some)))

    def drop_told(self, noted_before: float) -> None:
        """Without what everybody has been told of."""
        old = _table.c.told.is_(True) & (_table.c.noted_at <= noted_before)
        self._connection.execute(delete(_table).where(old))
