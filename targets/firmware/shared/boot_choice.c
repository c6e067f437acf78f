#include "shared/boot_choice.h"

#include "chip/flash.h"
#include "shared/crc.h"
#include "shared/faults.h"
#include "shared/handover.h"
#include "shared/memory_map.h"

const struct image_header *boot_image_in(enum slot slot)
{
    return flash_at(slot_address(slot));
}

bool boot_is_image_in(enum slot slot)
{
    return image_flaw(boot_image_in(slot), SLOT_SIZE, 0) == IMAGE_FITS;
}

static bool is_intact(struct boot_state state, uint32_t faults)
{
    enum slot slot = other_slot((enum slot)state.active);
    if (state.phase != TRIAL_ARMED || (faults & FAULT_ARMS_BEFORE_IMAGE))
        return true;
    return boot_is_image_in(slot) && state.image_size == boot_image_in(slot)->image_size &&
           crc32(boot_image_in(slot), state.image_size) == state.image_crc;
}

/* The deliberate fault: that a trial was begun is kept where a power cut takes it. */
static void remember_in_ram(struct boot_plan *plan, struct boot_state state)
{
    if (HANDOVER->tried == HANDOVER_TRIED) {
        HANDOVER->tried = 0;
        *plan = (struct boot_plan){.slot = (enum slot)state.active,
                                   .rolled_back = true,
                                   .store = true,
                                   .state = {.active = state.active}};
        return;
    }
    HANDOVER->tried = HANDOVER_TRIED;
    plan->store = false;
}

enum boot_choice boot_choose(uint32_t faults, struct boot_plan *plan)
{
    struct boot_state state = boot_record_load();
    *plan = plan_boot(state, is_intact(state, faults), faults);
    if (plan->trial && (faults & FAULT_TRIAL_IN_RAM))
        remember_in_ram(plan, state);
    if (plan->store && !boot_record_save(plan->state))
        return BOOT_AGAIN; /* nothing may run that the record does not name */
    /* The other slot may hold what was never verified: it is no way out. */
    return boot_is_image_in(plan->slot) ? BOOT_IMAGE : BOOT_NOTHING;
}
