"""Every stored record has one next boot."""

from __future__ import annotations

import pytest

from agent.platform.boot_plan import BootPlan, plan_boot, plan_commit_first, plan_without_rollback
from agent.platform.boot_state import BootState, Trial, TrialPhase
from agent.platform.slots import Slot

DIGEST = "00" * 32
ARMED = BootState(Slot.A, Trial(Slot.B, TrialPhase.ARMED, DIGEST))
RUNNING = BootState(Slot.A, Trial(Slot.B, TrialPhase.RUNNING, DIGEST))
REJECTED = BootState(Slot.A, Trial(Slot.B, TrialPhase.REJECTED, DIGEST))
OLD = BootPlan(Slot.A, trial=False, store=BootState(Slot.A), rolled_back=Slot.B)

CASES = {
    "factory": (BootState(), True, BootPlan(Slot.A, trial=False)),
    "confirmed B": (BootState(Slot.B), True, BootPlan(Slot.B, trial=False)),
    "armed is started once": (ARMED, True, BootPlan(Slot.B, trial=True, store=RUNNING)),
    "armed but changed since": (ARMED, False, OLD),
    "started and not committed": (RUNNING, True, OLD),
    "refused by itself": (REJECTED, True, OLD),
}


@pytest.mark.parametrize(("state", "intact", "expected"), CASES.values(), ids=CASES.keys())
def test_next_boot(state: BootState, intact: bool, expected: BootPlan) -> None:
    assert plan_boot(state, intact) == expected


def test_a_plan_settles_after_one_rollback() -> None:
    plan = plan_boot(RUNNING)
    assert plan.store is not None
    assert plan_boot(plan.store) == BootPlan(Slot.A, trial=False)


def test_faulty_plan_keeps_the_trial_image() -> None:
    plan = plan_without_rollback(RUNNING)
    assert (plan.slot, plan.rolled_back, plan.store) == (Slot.B, None, BootState(Slot.B))


@pytest.mark.parametrize("phase", [TrialPhase.RUNNING, TrialPhase.REJECTED])
def test_faulty_plan_commits_before_the_trial(phase: TrialPhase) -> None:
    started = plan_commit_first(ARMED)
    assert started.trial
    assert started.store == BootState(Slot.B, Trial(Slot.B, TrialPhase.RUNNING, DIGEST))
    ended = BootState(Slot.B, Trial(Slot.B, phase, DIGEST))
    assert plan_commit_first(ended).slot is Slot.B
    assert plan_commit_first(ended).rolled_back is None
