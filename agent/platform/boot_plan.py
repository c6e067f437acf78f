"""Which slot runs next: the boot loader's decision as a pure function of the stored record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from agent.platform.boot_state import BootState, Trial, TrialPhase
from agent.platform.slots import Slot


@dataclass(frozen=True)
class BootPlan:
    """What to do before an image is started.

    ``store`` is the record to save first (None: unchanged), ``rolled_back`` the slot given up.
    """

    slot: Slot
    trial: bool
    store: BootState | None = None
    rolled_back: Slot | None = None


Planner = Callable[[BootState, bool], BootPlan]
"""Decides by the stored record and whether the trial's image is intact."""


def plan_boot(state: BootState, trial_image_intact: bool = True) -> BootPlan:
    """The next boot.

    An armed trial is marked as started *before* it runs, so that it runs exactly once: a trial
    found started (or rejected, or no longer the image that was verified) is over.
    """
    trial = state.trial
    if trial is None:
        return BootPlan(state.active, trial=False)
    if trial.phase is TrialPhase.ARMED and trial_image_intact:
        started = Trial(trial.slot, TrialPhase.RUNNING, trial.sha256)
        return BootPlan(trial.slot, trial=True, store=replace(state, trial=started))
    return BootPlan(
        state.active, trial=False, store=replace(state, trial=None), rolled_back=trial.slot
    )


def plan_without_rollback(state: BootState, trial_image_intact: bool = True) -> BootPlan:
    """The decision of a boot loader that never rolls back (a deliberate fault)."""
    plan = plan_boot(state, trial_image_intact)
    if plan.rolled_back is None:
        return plan
    kept = BootState(active=plan.rolled_back)
    return BootPlan(kept.active, trial=False, store=kept)


def plan_commit_first(state: BootState, trial_image_intact: bool = True) -> BootPlan:
    """The decision of a boot loader that confirms a new image before its trial (a deliberate
    fault): the image still sees itself on trial, but there is no way back."""
    plan = plan_boot(state, trial_image_intact)
    if plan.store is None:
        return plan
    if plan.trial:
        return replace(plan, store=replace(plan.store, active=plan.slot))
    return replace(plan, rolled_back=None)
