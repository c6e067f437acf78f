#include "app/console.h"

#include "chip/clock.h"
#include "shared/rtt.h"

#define MAX_COMMAND 32u
#define ANSWER_LIMIT_US 100000u

void console_say(const char *said, const char *more)
{
    char line[96];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "ota: ");
    text_add(&text, said);
    text_add(&text, more);
    (void)rtt_line(text_slice(&text));
}

void console_answer(struct slice command, const char *result)
{
    char line[128];
    struct text text = text_in(line, sizeof line);
    text_add(&text, "command: ");
    text_slice_add(&text, command);
    text_char(&text, ' ');
    text_add(&text, result);
    /* Somebody waits for this: give a reader that is behind a moment to catch up. */
    for (uint32_t start = clock_us(); !rtt_line(text_slice(&text));)
        if (clock_us() - start > ANSWER_LIMIT_US)
            return;
}

bool console_read(struct slice *line)
{
    static char buffer[MAX_COMMAND];
    static size_t length;
    for (int byte = rtt_read(); byte >= 0; byte = rtt_read()) {
        if (byte == '\r')
            continue;
        if (byte != '\n') {
            if (length < MAX_COMMAND)
                buffer[length++] = (char)byte;
            continue;
        }
        *line = (struct slice){buffer, length};
        length = 0;
        if (line->length > 0)
            return true;
    }
    return false;
}
