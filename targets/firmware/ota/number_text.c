#include "ota/number_text.h"

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 16;
}

bool number_text(struct slice text, uint32_t *number)
{
    *number = 0;
    if (text.length == 0)
        return true;
    size_t at = 0;
    while (at < text.length && is_blank(text.at[at]))
        at++;
    bool negative = at < text.length && text.at[at] == '-';
    if (at < text.length && (text.at[at] == '-' || text.at[at] == '+'))
        at++;
    unsigned base = 10;
    if (at < text.length && text.at[at] == '0') {
        base = 8; /* the 0 itself is a digit, too */
        if (at + 1 < text.length && (text.at[at + 1] | 0x20) == 'x') {
            base = 16;
            at += 2;
        }
    }
    if (at == text.length)
        return false;
    uint32_t value = 0;
    for (; at < text.length; at++) {
        unsigned digit = digit_value(text.at[at]);
        if (digit >= base || value > (0xFFFFFFFFu - digit) / base)
            return false;
        value = value * base + digit;
    }
    *number = negative ? 0 - value : value;
    return true;
}
