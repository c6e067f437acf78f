"""Keeps for the control plane what the service itself does not look at: policies, tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.clock import Clock
from rig.jobs.store import KeptRecord, Kind, Store


class Keeper:
    """JSON objects by kind and name, each call a transaction; any thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def keep(self, kind: Kind, name: str, content: Mapping[str, Any]) -> None:
        """Store it, in place of what has the same kind and name."""
        with self._store.transaction() as transaction:
            transaction.keep(kind, name, dict(content), self._clock.now())

    def add(self, kind: Kind, name: str, content: Mapping[str, Any]) -> bool:
        """Store it unless the name is taken; False if it is."""
        with self._store.transaction() as transaction:
            if transaction.kept(kind, name) is not None:
                return False
            transaction.keep(kind, name, dict(content), self._clock.now())
            return True

    def find(self, kind: Kind, name: str) -> KeptRecord | None:
        with self._store.transaction() as transaction:
            return transaction.kept(kind, name)

    def all(self, kind: Kind) -> tuple[KeptRecord, ...]:
        """Everything of a kind by name."""
        with self._store.transaction() as transaction:
            return transaction.all_kept(kind)

    def drop(self, kind: Kind, name: str) -> None:
        """Nothing happens if it is not there."""
        with self._store.transaction() as transaction:
            transaction.drop(kind, name)
