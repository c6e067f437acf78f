/* UART0: the wire to the modem. Received bytes wait in a ring that the interrupt fills. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stdint.h>

void uart_begin(void);
void uart_interrupt(void);
/* A received byte, -1 if there is none. */
int uart_read(void);
bool uart_has_data(void);
/* False if the wire does not take the byte in time. */
bool uart_write(uint8_t byte);

#endif
