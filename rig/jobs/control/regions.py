"""The regions that one control plane serves: which one a request is for (job service §7.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rig.jobs.control.arns import region_in
from rig.jobs.control.context import Context
from rig.jobs.control.errors import INVALID_REQUEST, ControlError


@dataclass(frozen=True)
class Regions:
    """The contexts of the regions, the first one first."""

    contexts: tuple[Context, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(context.service.settings.region for context in self.contexts)

    def find(self, name: str) -> Context | None:
        return dict(zip(self.names, self.contexts, strict=True)).get(name)

    def of_scope(self, name: str) -> Context:
        """What a signature's scope means; raises `ControlError`.

        Where there is one region only, it is meant whatever region the client is set to.
        """
        if len(self.contexts) == 1:
            return self.contexts[0]
        found = self.find(name)
        if found is None:
            raise ControlError(
                "SignatureDoesNotMatch",
                f"Credential should be scoped to a valid region, one of {', '.join(self.names)}, "
                f"not {name[:64]!r}.",
            )
        return found


def refuse_foreign_arns(context: Context, members: object) -> None:
    """Raises `ControlError` for an ARN of another region that is served here: the name in it could
    stand for something else in this one."""
    if not context.other_regions:
        return
    if isinstance(members, Mapping):
        for value in members.values():
            refuse_foreign_arns(context, value)
    elif isinstance(members, str):
        region = region_in(members)
        if region in context.other_regions:
            here = context.service.settings.region
            raise ControlError(
                INVALID_REQUEST, f"{members[:200]!r} is of region {region}, this is {here}"
            )
    elif isinstance(members, Sequence) and not isinstance(members, bytes | bytearray):
        for value in members:
            refuse_foreign_arns(context, value)
