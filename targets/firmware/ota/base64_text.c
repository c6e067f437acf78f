#include "ota/base64_text.h"

static int symbol_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* What follows the symbols: at most two paddings, then blanks, then nothing. */
static bool ends_well(struct slice text, size_t at)
{
    unsigned paddings = 0;
    bool blank = false;
    for (; at < text.length; at++) {
        char c = text.at[at];
        if (c == '\r' || c == '\n')
            continue;
        if (c == '=' && !blank && ++paddings <= 2)
            continue;
        if (c != ' ')
            return false;
        blank = true;
    }
    return true;
}

bool base64_text(struct slice text, uint8_t *to, size_t room, size_t *length)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t symbols = 0;
    size_t at = 0;
    *length = 0;
    for (; at < text.length; at++) {
        char c = text.at[at];
        if (c == '\r' || c == '\n')
            continue;
        int value = symbol_value(c);
        if (value < 0)
            break;
        symbols++;
        bits = bits << 6 | (uint32_t)value;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (*length < room)
                to[*length] = (uint8_t)(bits >> held);
            (*length)++;
        }
    }
    bool left_over_zero = (bits & ((1u << held) - 1)) == 0;
    return symbols % 4 != 1 && left_over_zero && ends_well(text, at);
}
