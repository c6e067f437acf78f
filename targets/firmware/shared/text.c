#include "shared/text.h"

#include "shared/memory.h"

struct slice slice_of(const char *terminated)
{
    size_t length = 0;
    while (terminated[length] != '\0')
        length++;
    return (struct slice){terminated, length};
}

bool slice_is(struct slice a, struct slice b)
{
    return a.length == b.length && memory_equal(a.at, b.at, a.length);
}

bool slice_take(struct slice *whole, struct slice prefix)
{
    if (whole->length < prefix.length || !memory_equal(whole->at, prefix.at, prefix.length))
        return false;
    whole->at += prefix.length;
    whole->length -= prefix.length;
    return true;
}

struct text text_in(char *buffer, size_t room)
{
    return (struct text){.at = buffer, .length = 0, .room = room, .cut = false};
}

struct slice text_slice(const struct text *text)
{
    return (struct slice){text->at, text->length};
}

void text_char(struct text *text, char c)
{
    if (text->length < text->room)
        text->at[text->length++] = c;
    else
        text->cut = true;
}

void text_add(struct text *text, const char *terminated)
{
    while (*terminated != '\0')
        text_char(text, *terminated++);
}

void text_slice_add(struct text *text, struct slice piece)
{
    for (size_t i = 0; i < piece.length; i++)
        text_char(text, piece.at[i]);
}

void text_decimal(struct text *text, uint32_t number)
{
    char digits[10];
    unsigned count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0)
        text_char(text, digits[--count]);
}

void text_hex(struct text *text, uint32_t number, unsigned digits)
{
    while (digits-- > 0) {
        unsigned nibble = number >> (4 * digits) & 0xF;
        text_char(text, (char)(nibble < 10 ? '0' + nibble : 'a' + nibble - 10));
    }
}

void text_bytes(struct text *text, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_hex(text, bytes[i], 2);
}

void text_version(struct text *text, uint32_t packed)
{
    text_decimal(text, packed >> 24);
    text_char(text, '.');
    text_decimal(text, packed >> 16 & 0xFF);
    text_char(text, '.');
    text_decimal(text, packed & 0xFFFF);
}
