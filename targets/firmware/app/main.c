#include "chip/clock.h"
#include "chip/uart.h"
#include "shared/rtt.h"

_Noreturn void app_main(void);
static uint32_t nothing(void) { return 0; }
_Noreturn void app_main(void)
{
    (void)rtt_line(slice_of("ota: hello"));
    uart_begin();
    for (;;) clock_sleep(10000, nothing);
}
