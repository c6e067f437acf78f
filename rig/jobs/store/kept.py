"""What the service only keeps and shows: a name and a JSON object, by kind."""

from __future__ import annotations

from enum import Enum
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from rig.jobs.store import schema
from rig.jobs.store.records import KeptRecord


class Kind(Enum):
    """Kinds of what is kept."""

    TEMPLATE = "job-template"
    POLICY = "policy"
    TAGS = "tags"
    SIGNING_PROFILE = "signing-profile"
    SIGNING_JOB = "signing-job"
    EVENTS = "event-configuration"


class KeptQueries:
    """The part of a transaction that keeps things for others."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, kind: Kind, name: str, content: dict[str, Any], now: float) -> None:
        """Store it, in place of what has the same kind and name."""
        known = self.kept(kind, name)
        self.drop(kind, name)
        row = {
            "kind": kind.value,
            "name": name,
            "content": content,
            "created_at": now if known is None else known.created_at,
        }
        self._connection.execute(insert(schema.kept).values(row))

    def kept(self, kind: Kind, name: str) -> KeptRecord | None:
        table = schema.kept
        query = select(table).where(table.c.kind == kind.value, table.c.name == name)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else KeptRecord(row["name"], row["content"], row["created_at"])

    def all_kept(self, kind: Kind) -> tuple[KeptRecord, ...]:
        """Everything of a kind by name."""
        table = schema.kept
        query = select(table).where(table.c.kind == kind.value).order_by(table.c.name)
        return tuple(
            KeptRecord(row["name"], row["content"], row["created_at"])
            for row in self._connection.execute(query).mappings()
        )

    def drop(self, kind: Kind, name: str) -> None:
        table = schema.kept
        self._connection.execute(
            delete(table).where(table.c.kind == kind.value, table.c.name == name)
        )
