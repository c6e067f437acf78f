#include "ota/stream.h"

#include "ota/cbor.h"
#include "shared/memory.h"

#define CLIENT_TOKEN "rdy"
#define MAX_TOKEN 64u
#define CBOR_NULL 0xF6u

enum pair { PAIR_FILE = 1, PAIR_INDEX = 2, PAIR_SIZE = 4, PAIR_PAYLOAD = 8, PAIR_TOKEN = 16 };
#define NEEDED (PAIR_FILE | PAIR_INDEX | PAIR_SIZE | PAIR_PAYLOAD)

static size_t put_key(uint8_t *to, char key)
{
    to[0] = CBOR_TEXT << 5 | 1;
    to[1] = (uint8_t)key;
    return 2;
}

static size_t put_integer(uint8_t *to, char key, uint32_t value)
{
    size_t used = put_key(to, key);
    return used + cbor_put_head(to + used, CBOR_UNSIGNED, value);
}

static size_t put_string(uint8_t *to, char key, enum cbor_major major, struct slice value)
{
    size_t used = put_key(to, key);
    used += cbor_put_head(to + used, major, (uint32_t)value.length);
    memory_copy(to + used, value.at, value.length);
    return used + value.length;
}

size_t stream_request_write(uint8_t *to, const struct stream_request *request)
{
    size_t used = cbor_put_head(to, CBOR_MAP, 6);
    used += put_string(to + used, 'c', CBOR_TEXT, slice_of(CLIENT_TOKEN));
    used += put_integer(to + used, 'f', request->file_id);
    used += put_integer(to + used, 'l', request->block_size);
    used += put_integer(to + used, 'o', 0);
    used += put_string(to + used, 'b', CBOR_BYTES, request->bitmap);
    used += put_integer(to + used, 'n', request->count);
    return used;
}

static enum pair pair_of(struct slice key)
{
    if (key.length != 1)
        return 0;
    switch (key.at[0]) {
    case 'f':
        return PAIR_FILE;
    case 'i':
        return PAIR_INDEX;
    case 'l':
        return PAIR_SIZE;
    case 'p':
        return PAIR_PAYLOAD;
    case 'c':
        return PAIR_TOKEN;
    default:
        return 0;
    }
}

static bool read_value(struct cbor *cbor, enum pair pair, struct data_block *block)
{
    struct slice token;
    switch (pair) {
    case PAIR_FILE:
        return cbor_integer(cbor, &block->file_id);
    case PAIR_INDEX:
        return cbor_integer(cbor, &block->index);
    case PAIR_SIZE:
        return cbor_integer(cbor, &block->size);
    case PAIR_PAYLOAD:
        return cbor_string(cbor, CBOR_BYTES, &block->payload);
    case PAIR_TOKEN:
        if (cbor->left > 0 && *cbor->at == CBOR_NULL)
            return cbor_skip(cbor);
        return cbor_string(cbor, CBOR_TEXT, &token) && token.length <= MAX_TOKEN;
    default:
        return cbor_skip(cbor);
    }
}

static bool read_pair(struct cbor *cbor, unsigned *found, struct data_block *block)
{
    struct cbor_head head;
    struct cbor ahead = *cbor;
    enum pair pair = 0;
    struct slice key;
    if (!cbor_head(&ahead, &head))
        return false;
    if (head.major != CBOR_TEXT) {
        if (!cbor_skip(cbor))
            return false;
    } else {
        if (!cbor_string(cbor, CBOR_TEXT, &key))
            return false;
        pair = pair_of(key);
    }
    if (pair != 0 && (*found & pair) != 0)
        return false; /* which of the two would count? */
    *found |= pair;
    return read_value(cbor, pair, block);
}

bool data_block_read(struct slice message, struct data_block *block)
{
    struct cbor cbor = {(uint8_t *)(uintptr_t)message.at, message.length};
    struct cbor_head map;
    unsigned found = 0;
    if (!cbor_head(&cbor, &map) || map.major != CBOR_MAP)
        return false;
    if (map.indefinite) {
        while (!cbor_break(&cbor))
            if (!read_pair(&cbor, &found, block))
                return false;
    } else {
        for (uint64_t i = 0; i < map.value; i++)
            if (!read_pair(&cbor, &found, block))
                return false;
    }
    return (found & NEEDED) == NEEDED;
}
