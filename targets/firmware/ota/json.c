#include "ota/json.h"

#include <stdint.h>

#include "shared/memory.h"

#define BROKEN ((size_t)-1)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char peek(struct slice text, size_t at)
{
    return at < text.length ? text.at[at] : '\0'; /* NUL stands nowhere in JSON */
}

static size_t after_space(struct slice text, size_t at)
{
    while (at < text.length && (text.at[at] == ' ' || text.at[at] == '\t' ||
                                text.at[at] == '\n' || text.at[at] == '\r'))
        at++;
    return at;
}

static size_t end_of_escape(struct slice text, size_t at)
{
    char c = peek(text, at++);
    if (c == 'u') {
        for (int i = 0; i < 4; i++)
            if (!is_hex(peek(text, at++)))
                return BROKEN;
        return at;
    }
    bool known = c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' ||
                 c == 'r' || c == 't';
    return known ? at : BROKEN;
}

static size_t end_of_string(struct slice text, size_t at)
{
    if (peek(text, at) != '"')
        return BROKEN;
    at++;
    while (at < text.length) {
        char c = text.at[at++];
        if (c == '"')
            return at;
        if ((uint8_t)c < 0x20)
            return BROKEN;
        if (c == '\\') {
            at = end_of_escape(text, at);
            if (at == BROKEN)
                return BROKEN;
        }
    }
    return BROKEN;
}

static size_t end_of_digits(struct slice text, size_t at)
{
    while (is_digit(peek(text, at)))
        at++;
    return at;
}

/* A number ends where it cannot go on: in "1.x" that is behind the 1. */
static size_t end_of_number(struct slice text, size_t at)
{
    if (peek(text, at) == '-')
        at++;
    if (!is_digit(peek(text, at)))
        return BROKEN;
    at = peek(text, at) == '0' ? at + 1 : end_of_digits(text, at);
    if (peek(text, at) == '.' && is_digit(peek(text, at + 1)))
        at = end_of_digits(text, at + 1);
    if (peek(text, at) == 'e' || peek(text, at) == 'E') {
        char sign = peek(text, at + 1);
        size_t digits = at + (sign == '+' || sign == '-' ? 2 : 1);
        if (is_digit(peek(text, digits)))
            at = end_of_digits(text, digits);
    }
    return at;
}

static size_t end_of_word(struct slice text, size_t at)
{
    struct slice rest = {text.at + at, text.length - at};
    if (slice_take(&rest, slice_of("true")) || slice_take(&rest, slice_of("false")) ||
        slice_take(&rest, slice_of("null")))
        return text.length - rest.length;
    return BROKEN;
}

static size_t end_of_leaf(struct slice text, size_t at)
{
    char c = peek(text, at);
    if (c == '"')
        return end_of_string(text, at);
    if (c == '-' || is_digit(c))
        return end_of_number(text, at);
    return at < text.length ? end_of_word(text, at) : BROKEN;
}

/* From a key to where its value begins. */
static size_t start_of_member(struct slice text, size_t at)
{
    at = end_of_string(text, at);
    if (at == BROKEN)
        return BROKEN;
    at = after_space(text, at);
    return peek(text, at) == ':' ? after_space(text, at + 1) : BROKEN;
}

/* Skips a value. Which of the open collections are objects is one bit each, so that nesting costs
 * no stack. `room`: how deep it may go. */
static size_t end_of_value(struct slice text, size_t at, unsigned room)
{
    uint32_t objects = 0;
    unsigned depth = 0;
    for (;;) {
        char c = peek(text, at);
        bool opened = c == '{' || c == '[';
        if (opened) {
            if (depth == room)
                return BROKEN;
            objects = objects << 1 | (c == '{');
            depth++;
            at = after_space(text, at + 1);
        } else {
            at = end_of_leaf(text, at);
            if (at == BROKEN)
                return BROKEN;
        }
        for (;;) {
            if (depth == 0)
                return at;
            bool in_object = (objects & 1) != 0;
            char closing = in_object ? '}' : ']';
            if (!opened)
                at = after_space(text, at);
            c = peek(text, at);
            if (c == closing) {
                objects >>= 1;
                depth--;
                at++;
                opened = false;
                continue;
            }
            if (!opened) {
                if (c != ',')
                    return BROKEN;
                at = after_space(text, at + 1);
            }
            if (in_object)
                at = start_of_member(text, at);
            if (at == BROKEN)
                return BROKEN;
            break;
        }
    }
}

bool json_is_valid(struct slice text)
{
    size_t end = end_of_value(text, after_space(text, 0), JSON_MAX_DEPTH);
    return end != BROKEN && after_space(text, end) == text.length;
}

static bool find_member(struct slice text, size_t start, struct slice key, struct slice *value)
{
    size_t at = after_space(text, start);
    if (peek(text, at) != '{')
        return false;
    at = after_space(text, at + 1);
    for (;;) {
        size_t first = start_of_member(text, at);
        if (first == BROKEN)
            return false;
        size_t end = end_of_value(text, first, JSON_MAX_DEPTH - 1);
        if (end == BROKEN)
            return false;
        struct slice name = {text.at + at + 1, end_of_string(text, at) - at - 2};
        if (slice_is(name, key)) {
            *value = (struct slice){text.at + first, end - first};
            return true;
        }
        at = after_space(text, end);
        if (peek(text, at) != ',')
            return false;
        at = after_space(text, at + 1);
    }
}

bool json_find(struct slice text, size_t start, struct slice path, struct slice *value)
{
    for (;;) {
        size_t length = 0;
        while (length < path.length && path.at[length] != '.')
            length++;
        if (!find_member(text, start, (struct slice){path.at, length}, value))
            return false;
        if (length == path.length)
            return true;
        path.at += length + 1;
        path.length -= length + 1;
        start = (size_t)(value->at - text.at);
    }
}

struct slice json_raw(struct slice value)
{
    if (value.length >= 2 && value.at[0] == '"')
        return (struct slice){value.at + 1, value.length - 2};
    return value;
}

/* Bytes of the UTF-8 character that begins here; 0 if it is none. */
static size_t character_size(const uint8_t *at, size_t left)
{
    if (at[0] < 0x80)
        return 1;
    size_t size = at[0] >= 0xF0 ? 4 : at[0] >= 0xE0 ? 3 : 2;
    if (at[0] < 0xC2 || at[0] > 0xF4 || size > left)
        return 0;
    for (size_t i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0; /* overlong, a surrogate, or beyond Unicode */
    return size;
}

size_t json_readable(struct slice text)
{
    size_t at = 0;
    while (at < text.length) {
        size_t size = character_size((const uint8_t *)text.at + at, text.length - at);
        if (size == 0)
            return at;
        at += size;
    }
    return at;
}
