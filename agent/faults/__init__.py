"""Deliberate faults: each turns the reference agent into one that breaks named requirements.

They exist so that a conformance suite can show that it catches such devices. Each family has a
table; :data:`FAULTS` is all of them. ``python -m agent.faults`` prints it as JSON, for programs
that run the agent without being part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agent.faults import (
    blocks,
    control,
    documents,
    http,
    interruption,
    jobs,
    library,
    news,
    requests,
    robustness,
    self_test,
    statuses,
    transfer,
    trust,
)
from agent.faults.seams import Fault, Parts
from agent.platform.boot_plan import Planner, plan_boot

if TYPE_CHECKING:
    from agent.app import Application

__all__ = [
    "FAULTS",
    "Fault",
    "Parts",
    "UnknownFaultError",
    "alteration",
    "boot_plan",
    "check_faults",
]

FAMILIES = (
    control,
    statuses,
    documents,
    jobs,
    requests,
    blocks,
    transfer,
    trust,
    self_test,
    news,
    interruption,
    http,
    robustness,
    library,
)


class UnknownFaultError(Exception):
    """No fault of that name; the message is one line for the user."""


FAULTS: dict[str, Fault] = {
    name: fault for family in FAMILIES for name, fault in family.FAULTS.items()
}


def check_faults(names: Sequence[str]) -> None:
    """Raises :class:`UnknownFaultError` for a name that is not in :data:`FAULTS`."""
    for name in names:
        if name not in FAULTS:
            raise UnknownFaultError(f"unknown fault {name!r}; known: {', '.join(sorted(FAULTS))}")


def alteration(names: Sequence[str]) -> Callable[[Application], None]:
    """Breaks a freshly made agent in the named ways."""

    def alter(app: Application) -> None:
        parts = Parts(app.agent.machine, app.platform, app.mqtt, app.agent, app.connection)
        for name in names:
            apply = FAULTS[name].apply
            if apply is not None:
                apply(parts)

    return alter


def boot_plan(names: Sequence[str]) -> Planner:
    """The boot loader's decision, right or wrong."""
    plans = [FAULTS[name].plan for name in names]
    return next((plan for plan in plans if plan is not None), plan_boot)
