/* Time from TIMER0, counting microseconds since the boot loader began, and what ends with a reset
 * if it does not end before. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

void clock_begin(void); /* by the boot loader */
uint32_t clock_us(void);
/* Milliseconds since the start; to be called at least once an hour. */
uint64_t clock_ms(void);

enum clock_guard {
    GUARD_SELF_TEST = 2,
    GUARD_TRIAL = 3,
};
/* Resets the chip in `ms` unless stopped before; works also when the program hangs. */
void clock_guard_start(enum clock_guard guard, uint32_t ms);
void clock_guard_stop(enum clock_guard guard);

/* Sleeps until an interrupt, at most `us`; `busy` is looked at with interrupts off. */
void clock_sleep(uint32_t us, uint32_t (*busy)(void));

_Noreturn void chip_reset(void);

#endif
