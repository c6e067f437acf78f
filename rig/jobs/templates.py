"""Job templates: jobs without targets, kept for later (job service §7.2).

The members are kept as the client gave them, checked against the model and once read as a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.clock import Clock
from rig.jobs.engine import Code
from rig.jobs.refusal import RefusalError
from rig.jobs.store import KeptRecord, Kind, Store


class Templates:
    """The templates of one store; any thread."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def create(self, template_id: str, members: Mapping[str, Any]) -> None:
        """Keep the template; raises `RefusalError` if its id is taken."""
        with self._store.transaction() as transaction:
            if transaction.kept(Kind.TEMPLATE, template_id) is not None:
                raise RefusalError(
                    Code.RESOURCE_ALREADY_EXISTS, f"job template {template_id} exists already"
                )
            transaction.keep(Kind.TEMPLATE, template_id, dict(members), self._clock.now())

    def template(self, template_id: str) -> KeptRecord:
        """Raises `RefusalError` if there is none."""
        with self._store.transaction() as transaction:
            found = transaction.kept(Kind.TEMPLATE, template_id)
        if found is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no job template {template_id}")
        return found

    def templates(self) -> tuple[KeptRecord, ...]:
        """All templates by their ids."""
        with self._store.transaction() as transaction:
            return transaction.all_kept(Kind.TEMPLATE)

    def delete(self, template_id: str) -> None:
        """Raises `RefusalError` if there is none."""
        self.template(template_id)
        with self._store.transaction() as transaction:
            transaction.drop(Kind.TEMPLATE, template_id)
