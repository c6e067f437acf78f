/* The boot loader: decides which slot runs, says so, guards trials, and starts the image. */
#include "chip/clock.h"
#include "chip/flash.h"
#include "chip/nrf51.h"
#include "shared/boot_choice.h"
#include "shared/boot_record.h"
#include "shared/device_page.h"
#include "shared/handover.h"
#include "shared/memory_map.h"
#include "shared/rtt.h"

_Noreturn void boot_main(void);

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
    if (boot_is_image_in(from))
        text_version(&text, boot_image_in(from)->version);
    else
        text_add(&text, "unknown");
    text_add(&text, " to=");
    text_version(&text, boot_image_in(to)->version);
    say(&text);
}

static void say_boot(enum slot slot, bool trial)
{
    char line[112];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "boot: version=");
    text_version(&text, boot_image_in(slot)->version);
    text_add(&text, " slot=");
    text_char(&text, slot_letter(slot));
    text_add(&text, " marker=");
    text_bytes(&text, boot_image_in(slot)->marker, sizeof boot_image_in(slot)->marker);
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
    const struct image_entry *entry = (const struct image_entry *)(boot_image_in(slot) + 1);
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
    struct boot_plan plan;
    uint32_t faults = device_page_faults(flash_at(DEVICE_PAGE_ADDRESS), FLASH_PAGE_SIZE);
    boot_record_begin(faults);
    switch (boot_choose(faults, &plan)) {
    case BOOT_AGAIN:
        chip_reset();
    case BOOT_NOTHING:
        stay();
    case BOOT_IMAGE:
        break;
    }
    if (plan.rolled_back)
        say_rollback(other_slot(plan.slot), plan.slot);
    say_boot(plan.slot, plan.trial);
    start_image(plan.slot, plan.trial);
}
