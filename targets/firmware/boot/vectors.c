/* The only vector table of the chip. Interrupts go to the running image, except those of the timer
 * that guards it. */
#include "chip/clock.h"
#include "chip/nrf51.h"
#include "shared/handover.h"
#include "shared/rtt.h"

extern uint32_t stack_top[];
_Noreturn void boot_main(void);

_Noreturn void boot_reset(void);
void boot_hard_fault(void);
void boot_interrupt(void);
_Noreturn void boot_fault_at(const uint32_t *frame);

/* An image that broke down is restarted; a crash in its trial thereby ends the trial. */
_Noreturn void boot_fault_at(const uint32_t *frame)
{
    char line[48];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "ota: hard fault at 0x");
    text_hex(&text, frame[6], 8);
    (void)rtt_line(text_slice(&text));
    /* Not at once: an image that always breaks down would flood its console. */
    for (uint32_t start = clock_us(); clock_us() - start < 50000;) {
    }
    chip_reset();
}

__attribute__((naked)) void boot_hard_fault(void)
{
    __asm volatile("mov r0, sp\n"
                   "bl boot_fault_at\n");
}

void boot_interrupt(void)
{
    uint32_t number;
    __asm volatile("mrs %0, ipsr" : "=r"(number));
    number = (number & 0x3F) - 16;
    if (number == TIMER_IRQ) {
        uint32_t enabled = TIMER_INTENSET;
        for (uint32_t guard = GUARD_SELF_TEST; guard <= GUARD_TRIAL; guard++)
            if ((enabled & TIMER_INT(guard)) != 0 && TIMER_COMPARED(guard) != 0)
                chip_reset();
        TIMER_COMPARED(1) = 0;
    } else if (HANDOVER->interrupt != 0) {
        HANDOVER->interrupt(number);
    }
}

_Noreturn void boot_reset(void)
{
    /* The boot loader keeps all its data on the stack: there is nothing to initialise. */
    boot_main();
}

__attribute__((section(".vectors"), used)) static const void *const vectors[16 + 32] = {
    [0] = stack_top,
    [1] = (const void *)boot_reset,
    [2 ... 15] = (const void *)boot_hard_fault,
    [16 ... 47] = (const void *)boot_interrupt,
};
