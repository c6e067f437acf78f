#include "chip/uart.h"

#include "chip/clock.h"
#include "chip/nrf51.h"

#define RING_SIZE 256u /* its indices are bytes and wrap by themselves */
#define WRITE_LIMIT_US 1000000u
#define STUCK_LIMIT_US 1000u
#define PIN_TX 24u /* as the micro:bit is wired to its USB interface */
#define PIN_RX 25u

static volatile uint8_t ring[RING_SIZE];
static volatile uint8_t ring_write;
static volatile uint8_t ring_read;

void uart_begin(void)
{
    UART_PSELTXD = PIN_TX;
    UART_PSELRXD = PIN_RX;
    UART_BAUDRATE = UART_BAUD_115200;
    UART_ENABLE = UART_ENABLED;
    UART_STARTRX = 1;
    UART_STARTTX = 1;
    UART_INTENSET = UART_INT_RXDRDY;
    NVIC_IPR(UART_IRQ / 4) |= 0xC0u << 8 * (UART_IRQ % 4); /* below the timer that guards all */
    NVIC_ISER = 1u << UART_IRQ;
}

static bool is_full(void)
{
    return (uint8_t)(ring_write + 1) == ring_read;
}

void uart_interrupt(void)
{
    while (UART_RXDRDY != 0) {
        if (is_full()) {
            UART_INTENCLR = UART_INT_RXDRDY; /* until there is room: the bytes stay in the FIFO */
            return;
        }
        UART_RXDRDY = 0;
        ring[ring_write] = (uint8_t)UART_RXD;
        ring_write = (uint8_t)(ring_write + 1);
    }
}

int uart_read(void)
{
    if (ring_read == ring_write)
        return -1;
    uint8_t byte = ring[ring_read];
    ring_read = (uint8_t)(ring_read + 1);
    UART_INTENSET = UART_INT_RXDRDY;
    return byte;
}

bool uart_has_data(void)
{
    return ring_read != ring_write;
}

bool uart_write(uint8_t byte)
{
    /* A wire that took nothing for so long is not waited for again with every byte. */
    static bool stuck;
    uint32_t limit_us = stuck ? STUCK_LIMIT_US : WRITE_LIMIT_US;
    UART_TXDRDY = 0;
    UART_TXD = byte;
    stuck = false;
    for (uint32_t start = clock_us(); UART_TXDRDY == 0 && !stuck;)
        stuck = clock_us() - start > limit_us;
    return !stuck;
}
