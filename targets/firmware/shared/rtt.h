/* SEGGER RTT: console lines through memory that a debug probe reads while the core runs. */
#ifndef RTT_H
#define RTT_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/text.h"

/* Called by the boot loader alone. Lines that the host has not read yet survive a reset. */
void rtt_begin(void);
/* Writes a line and its end, or nothing when the buffer lacks room: nobody may be reading. */
bool rtt_line(struct slice line);
/* One byte from the host; -1 when there is none. */
int rtt_read(void);

#endif
