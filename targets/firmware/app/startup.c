/* The first code of an image: its header, its RAM, its interrupts. */
#include "chip/clock.h"
#include "chip/uart.h"
#include "chip/nrf51.h"
#include "shared/handover.h"
#include "shared/image_header.h"

extern uint32_t data_start[], data_end[], bss_start[], bss_end[];
extern const uint32_t data_image[];

_Noreturn void image_reset(void);
void image_interrupt(uint32_t number);
_Noreturn void app_main(void);

/* Version, size, behaviour and marker are patched in per variant. */
__attribute__((section(".image_header"), used)) static const struct image_header header = {
    .magic = IMAGE_MAGIC,
    .format = IMAGE_FORMAT,
    .header_size = IMAGE_HEADER_SIZE,
    .version = 0x01000000,
    .image_size = SLOT_SIZE,
    .behaviour = BEHAVIOUR_PASS,
    .product = IMAGE_PRODUCT,
};

void image_interrupt(uint32_t number)
{
    if (number == UART_IRQ)
        uart_interrupt();
}

_Noreturn void image_reset(void)
{
    const uint32_t *from = data_image;
    for (uint32_t *to = data_start; to < data_end; to++)
        *to = *from++;
    for (volatile uint32_t *to = bss_start; to < bss_end; to++)
        *to = 0;
    HANDOVER->interrupt = image_interrupt;
    app_main();
}
