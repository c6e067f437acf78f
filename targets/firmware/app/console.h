/* Console lines of the application, and the commands that come the other way. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>

#include "shared/text.h"

/* Lines of two parts; the second may be "". */
void console_say(const char *text, const char *more);
void console_answer(struct slice command, const char *result);
/* Takes what the host has written; true when a line is complete. It holds until the next call. */
bool console_read(struct slice *line);

#endif
