/* CBOR (RFC 8949) as stream messages use it: reading with bounds, writing in the shortest form. */
#ifndef CBOR_H
#define CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/text.h"

#define CBOR_MAX_DEPTH 8u

enum cbor_major {
    CBOR_UNSIGNED = 0,
    CBOR_NEGATIVE = 1,
    CBOR_BYTES = 2,
    CBOR_TEXT = 3,
    CBOR_ARRAY = 4,
    CBOR_MAP = 5,
    CBOR_TAG = 6,
    CBOR_SIMPLE = 7,
};

/* A place in the bytes. They are changed in place when a string comes in chunks. */
struct cbor {
    uint8_t *at;
    size_t left;
};

struct cbor_head {
    uint8_t major;
    bool indefinite;
    uint64_t value;
};

/* All return false for bytes that are not what is asked for; the place is then undefined. */
bool cbor_head(struct cbor *cbor, struct cbor_head *head);
/* Integers beyond 63 bits become the nearest that fits. */
bool cbor_integer(struct cbor *cbor, int64_t *value);
/* `major`: CBOR_BYTES or CBOR_TEXT. The chunks of an indefinite string are put together. */
bool cbor_string(struct cbor *cbor, enum cbor_major major, struct slice *value);
bool cbor_skip(struct cbor *cbor);
/* Takes the mark that ends an indefinite collection, if it is there. */
bool cbor_break(struct cbor *cbor);

/* Writes the head of an item; room for 5 bytes. Returns how many were used. */
size_t cbor_put_head(uint8_t *to, enum cbor_major major, uint32_t value);

#endif
