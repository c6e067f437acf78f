#include "shared/boot_plan.h"

#include "shared/faults.h"

/* An armed trial is marked as started before it runs, so that it runs exactly once: a trial found
 * started, or rejected, or not what was verified, is over. */
struct boot_plan plan_boot(struct boot_state state, bool intact, uint32_t faults)
{
    struct boot_plan plan = {.slot = (enum slot)state.active, .state = state};
    if (state.phase == TRIAL_NONE)
        return plan;
    plan.store = true;
    if (state.phase == TRIAL_ARMED && intact) {
        plan.slot = other_slot(plan.slot);
        plan.trial = true;
        plan.state.phase = TRIAL_STARTED;
        if (faults & FAULT_COMMIT_BEFORE_SELF_TEST)
            plan.state = (struct boot_state){.active = (uint8_t)plan.slot};
        return plan;
    }
    plan.rolled_back = true;
    plan.state = (struct boot_state){.active = state.active};
    if (faults & FAULT_NO_ROLLBACK) {
        plan.slot = other_slot(plan.slot);
        plan.rolled_back = false;
        plan.state.active = (uint8_t)plan.slot;
    }
    return plan;
}
