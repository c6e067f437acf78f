#include "shared/boot_choice.h"

#include "chip/flash.h"
#include "shared/crc.h"
#include "shared/memory_map.h"

const struct image_header *boot_image_in(enum slot slot)
{
    return flash_at(slot_address(slot));
}

bool boot_is_image_in(enum slot slot)
{
    return image_flaw(boot_image_in(slot), SLOT_SIZE, 0) == IMAGE_FITS;
}

static bool is_intact(struct boot_state state)
{
    enum slot slot = other_slot((enum slot)state.active);
    if (state.phase != TRIAL_ARMED)
        return true;
    return boot_is_image_in(slot) && state.image_size == boot_image_in(slot)->image_size &&
           crc32(boot_image_in(slot), state.image_size) == state.image_crc;
}

enum boot_choice boot_choose(uint32_t faults, struct boot_plan *plan)
{
    struct boot_state state = boot_record_load();
    *plan = plan_boot(state, is_intact(state), faults);
    if (plan->store && !boot_record_save(plan->state))
        return BOOT_AGAIN; /* nothing may run that the record does not name */
    /* The other slot may hold what was never verified: it is no way out. */
    return boot_is_image_in(plan->slot) ? BOOT_IMAGE : BOOT_NOTHING;
}
