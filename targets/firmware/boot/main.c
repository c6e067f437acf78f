/* The boot loader: decides which slot runs, says so, guards trials, and starts the image. */
#include "chip/clock.h"
#include "chip/flash.h"
#include "chip/nrf51.h"
#include "shared/boot_plan.h"
#include "shared/boot_record.h"
#include "shared/crc.h"
#include "shared/device_page.h"
#include "shared/handover.h"
#include "shared/image_header.h"
#include "shared/memory_map.h"
#include "shared/rtt.h"
#include "shared/slots.h"

_Noreturn void boot_main(void);

static const struct image_header *image_in(enum slot slot)
{
    return flash_at(slot_address(slot));
}

static bool is_bootable(enum slot slot)
{
    return image_flaw(image_in(slot), SLOT_SIZE, 0) == IMAGE_FITS;
}

static bool is_intact(struct boot_state state)
{
    enum slot slot = other_slot((enum slot)state.active);
    if (state.phase != TRIAL_ARMED)
        return true;
    return is_bootable(slot) && state.image_size == image_in(slot)->image_size &&
           crc32(image_in(slot), state.image_size) == state.image_crc;
}

static void say(struct text *text)
{
    /* Boot markers must not get lost: give a reader that is behind a moment to catch up. */
    for (uint32_t start = clock_us(); !rtt_line(text_slice(text));)
        if (clock_us() - start > 100000)
            return;
}

static void say_rollback(enum slot from, enum slot to)
{
    char line[64];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "boot: rollback from=");
    if (is_bootable(from))
        text_version(&text, image_in(from)->version);
    else
        text_add(&text, "unknown");
    text_add(&text, " to=");
    text_version(&text, image_in(to)->version);
    say(&text);
}

static void say_boot(enum slot slot, bool trial)
{
    char line[112];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "boot: version=");
    text_version(&text, image_in(slot)->version);
    text_add(&text, " slot=");
    text_char(&text, slot_letter(slot));
    text_add(&text, " marker=");
    text_bytes(&text, image_in(slot)->marker, sizeof image_in(slot)->marker);
    text_add(&text, trial ? " state=pending_commit" : " state=valid");
    say(&text);
}

static void guard_trial(void)
{
    const uint8_t *page = flash_at(DEVICE_PAGE_ADDRESS);
    uint32_t ms = device_page_declares(page, FLASH_PAGE_SIZE).trial_time_ms;
    clock_guard_start(GUARD_TRIAL, ms);
    NVIC_IPR(TIMER_IRQ / 4) &= ~(0xFFu << 8 * (TIMER_IRQ % 4)); /* the highest priority */
    /* On silicon the watchdog also ends a trial that has switched interrupts off. */
    WDT_CONFIG = 1; /* go on while the core sleeps */
    WDT_CRV = (uint32_t)((uint64_t)(ms + 1000) * 32768 / 1000);
    WDT_RREN = 1;
    WDT_START = 1;
}

static _Noreturn void start_image(enum slot slot, bool trial)
{
    const struct image_entry *entry = (const struct image_entry *)(image_in(slot) + 1);
    HANDOVER->image_address = slot_address(slot);
    HANDOVER->interrupt = 0;
    HANDOVER->slot = (uint8_t)slot;
    HANDOVER->trial = trial;
    if (trial)
        guard_trial();
    NVIC_ISER = 1u << TIMER_IRQ;
    uint32_t stack = entry->initial_stack;
    uint32_t reset = (slot_address(slot) + entry->reset_offset) | 1;
    __asm volatile("mov sp, %0\n"
                   "bx %1\n"
                   :
                   : "r"(stack), "r"(reset)
                   : "memory");
    __builtin_unreachable();
}

static _Noreturn void stay(void)
{
    char line[48];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "ota: the active slot holds no image");
    say(&text);
    for (;;)
        __asm volatile("wfi");
}

_Noreturn void boot_main(void)
{
    clock_begin();
    HANDOVER->interrupt = 0;
    rtt_begin();
    struct boot_state state = boot_record_load();
    uint32_t faults = device_page_faults(flash_at(DEVICE_PAGE_ADDRESS), FLASH_PAGE_SIZE);
    struct boot_plan plan = plan_boot(state, is_intact(state), faults);
    if (plan.store && !boot_record_save(plan.state))
        chip_reset(); /* nothing may run that the record does not name */
    /* The other slot may hold what was never verified: it is no way out. */
    if (!is_bootable(plan.slot))
        stay();
    if (plan.rolled_back)
        say_rollback(other_slot(plan.slot), plan.slot);
    say_boot(plan.slot, plan.trial);
    start_image(plan.slot, plan.trial);
}
