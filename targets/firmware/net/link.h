/* The wire to the modem: up to four sockets ("channels") in SLIP frames over the UART.
 *
 * Frame: channel, type, payload, CRC-16 (little-endian) of all before. The modem sends no more
 * data on a channel than it was granted, so nothing is ever lost for want of room. */
#ifndef LINK_H
#define LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/text.h"

enum channel { CHANNEL_MQTT = 0, CHANNEL_HTTP = 1, CHANNELS = 2 };

enum socket_kind { SOCKET_MQTT = 1, SOCKET_HTTP = 2 };

enum channel_state {
    CHANNEL_CLOSED = 0,
    CHANNEL_OPENING = 1,
    CHANNEL_OPEN = 2,
    CHANNEL_ENDING = 3, /* closed by the other side; received bytes can still be read */
};

void link_begin(void);
/* Moves what the UART has received into the channels. */
void link_poll(void);
/* Whether received bytes wait, on the wire or in a channel. */
bool link_has_data(void);

/* `where`: the host and port of an HTTP server, with scheme; empty for the gateway. */
void channel_open(enum channel channel, enum socket_kind kind, struct slice where);
void channel_close(enum channel channel);
enum channel_state channel_state(enum channel channel);
/* Takes up to `room` received bytes; 0 if there are none now. */
size_t channel_read(enum channel channel, uint8_t *to, size_t room);
/* Sends the pieces one behind the other. Waits a moment for the modem to take them; false if it
 * does not, and the channel is then closed because half a message may be under way. */
bool channel_send(enum channel channel, const struct slice *pieces, size_t count);

#endif
