"""Job templates: jobs without targets, kept for later (job service §7.2).

The members are kept as the client gave them, checked against the model and once read as a job.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rig.jobs.engine import Code
from rig.jobs.keeper import Keeper
from rig.jobs.refusal import RefusalError
from rig.jobs.store import KeptRecord, Kind


class Templates:
    """The templates of one store; any thread."""

    def __init__(self, kept: Keeper) -> None:
        self._kept = kept

    def create(self, template_id: str, members: Mapping[str, Any]) -> None:
        """Keep the template; raises `RefusalError` if its id is taken."""
        if not self._kept.add(Kind.TEMPLATE, template_id, members):
            raise RefusalError(
                Code.RESOURCE_ALREADY_EXISTS, f"job template {template_id} exists already"
            )

    def template(self, template_id: str) -> KeptRecord:
        """Raises `RefusalError` if there is none."""
        found = self._kept.find(Kind.TEMPLATE, template_id)
        if found is None:
            raise RefusalError(Code.RESOURCE_NOT_FOUND, f"there is no job template {template_id}")
        return found

    def templates(self) -> tuple[KeptRecord, ...]:
        """All templates by their ids."""
        return self._kept.all(Kind.TEMPLATE)

    def delete(self, template_id: str) -> None:
        """Raises `RefusalError` if there is none."""
        self.template(template_id)
        self._kept.drop(Kind.TEMPLATE, template_id)
