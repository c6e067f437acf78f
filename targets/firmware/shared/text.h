/* Building short texts in a fixed buffer; what does not fit is cut and remembered. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A piece of text or bytes that somebody else owns; not terminated. */
struct slice {
    const char *at;
    size_t length;
};

struct text {
    char *at;
    size_t length;
    size_t room;
    bool cut;
};

struct slice slice_of(const char *terminated);
bool slice_is(struct slice a, struct slice b);
/* Takes `prefix` off the front of `*whole`; false leaves it as it was. */
bool slice_take(struct slice *whole, struct slice prefix);

struct text text_in(char *buffer, size_t room);
struct slice text_slice(const struct text *text);
void text_char(struct text *text, char c);
void text_add(struct text *text, const char *terminated);
void text_slice_add(struct text *text, struct slice piece);
void text_decimal(struct text *text, uint32_t number);
void text_hex(struct text *text, uint32_t number, unsigned digits);
void text_bytes(struct text *text, const uint8_t *bytes, size_t count);
/* A packed version as "1.0.2". */
void text_version(struct text *text, uint32_t packed);

#endif
