#include "chip/clock.h"

#include "chip/nrf51.h"

#define READ 0u
#define WAKE 1u

void clock_begin(void)
{
    TIMER_STOP = 1;
    TIMER_INTENCLR = 0xFFFFFFFFu;
    TIMER_BITMODE = TIMER_BITMODE_32;
    TIMER_PRESCALER = TIMER_PRESCALER_1MHZ;
    TIMER_CLEAR = 1;
    TIMER_START = 1;
}

uint32_t clock_us(void)
{
    TIMER_CAPTURE(READ) = 1;
    return TIMER_CC(READ);
}

uint64_t clock_ms(void)
{
    static uint64_t elapsed_us;
    static uint32_t last_us;
    uint32_t now_us = clock_us();
    elapsed_us += now_us - last_us;
    last_us = now_us;
    return elapsed_us / 1000;
}

void clock_guard_start(enum clock_guard guard, uint32_t ms)
{
    TIMER_INTENCLR = TIMER_INT(guard);
    TIMER_CC(guard) = clock_us() + ms * 1000;
    TIMER_COMPARED(guard) = 0;
    TIMER_INTENSET = TIMER_INT(guard);
}

void clock_guard_stop(enum clock_guard guard)
{
    TIMER_INTENCLR = TIMER_INT(guard);
}

void clock_sleep(uint32_t us, uint32_t (*busy)(void))
{
    TIMER_COMPARED(WAKE) = 0;
    TIMER_CC(WAKE) = clock_us() + us;
    TIMER_INTENSET = TIMER_INT(WAKE);
    /* With interrupts off a pending one still ends the sleep, and none is missed in between. */
    __asm volatile("cpsid i" ::: "memory");
    if (busy() == 0)
        __asm volatile("wfi" ::: "memory");
    __asm volatile("cpsie i" ::: "memory");
    TIMER_INTENCLR = TIMER_INT(WAKE);
}

_Noreturn void chip_reset(void)
{
    __asm volatile("dsb" ::: "memory");
    SCB_AIRCR = SCB_AIRCR_RESET;
    for (;;) {
    }
}
