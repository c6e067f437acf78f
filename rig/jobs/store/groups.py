"""Groups of things, their members and their parents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, select, update

from rig.jobs.store import schema
from rig.jobs.store.records import GroupRecord


class GroupQueries:
    """The part of a transaction that knows groups."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_group(self, group: GroupRecord) -> None:
        self._connection.execute(insert(schema.groups).values(asdict(group)))

    def put_group(self, group: GroupRecord) -> None:
        """In place of the group of the same name, which has to be there."""
        changed = update(schema.groups).where(schema.groups.c.name == group.name)
        self._connection.execute(changed.values(asdict(group)))

    def delete_group(self, name: str) -> None:
        """Without the group; it must have neither members nor children."""
        self._connection.execute(delete(schema.groups).where(schema.groups.c.name == name))

    def group(self, name: str) -> GroupRecord | None:
        query = select(schema.groups).where(schema.groups.c.name == name)
        row = self._connection.execute(query).mappings().first()
        return None if row is None else GroupRecord(**row)

    def groups(self) -> tuple[GroupRecord, ...]:
        """All groups by name."""
        query = select(schema.groups).order_by(schema.groups.c.name)
        return tuple(GroupRecord(**row) for row in self._connection.execute(query).mappings())

    def join_group(self, name: str, thing: str) -> None:
        """The thing becomes a member; joining twice is joining once."""
        if name not in self.groups_of_thing(thing):
            row = {"group_name": name, "thing": thing}
            self._connection.execute(insert(schema.group_members).values(row))

    def leave_group(self, name: str, thing: str) -> None:
        table = schema.group_members
        self._connection.execute(
            delete(table).where(table.c.group_name == name, table.c.thing == thing)
        )

    def groups_of_thing(self, thing: str) -> tuple[str, ...]:
        """The groups that the thing itself is a member of."""
        table = schema.group_members
        query = select(table.c.group_name).where(table.c.thing == thing)
        return tuple(self._connection.scalars(query.order_by(table.c.group_name)))

    def groups_above(self, names: Iterable[str]) -> frozenset[str]:
        """These groups and everything above them."""
        found: set[str] = set()
        for name in names:
            group = self.group(name)
            while group is not None and group.name not in found:
                found.add(group.name)
                group = None if group.parent is None else self.group(group.parent)
        return frozenset(found)

    def groups_below(self, name: str) -> tuple[str, ...]:
        """The group and all groups in it, at any depth, by level and name."""
        found = [name]
        for parent in found:
            children = select(schema.groups.c.name).where(schema.groups.c.parent == parent)
            found += self._connection.scalars(children.order_by(schema.groups.c.name))
        return tuple(found)

    def members(self, name: str, *, recursive: bool) -> tuple[str, ...]:
        """The things of a group by name, each once."""
        table = schema.group_members
        things: set[str] = set()
        for group in self.groups_below(name) if recursive else (name,):
            query = select(table.c.thing).where(table.c.group_name == group)
            things.update(self._connection.scalars(query))
        return tuple(sorted(things))
