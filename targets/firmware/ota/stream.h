/* Messages of file streams: the request for blocks and a block. */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

struct stream_request {
    uint32_t file_id;
    uint32_t block_size;
    struct slice bitmap;
    uint32_t count;
};

struct data_block {
    int64_t file_id;
    int64_t index;
    int64_t size; /* as announced */
    struct slice payload;
};

#define STREAM_REQUEST_OVERHEAD 48u

/* Writes the six pairs and returns their size; `to` has room for STREAM_REQUEST_OVERHEAD and the
 * bitmap. */
size_t stream_request_write(uint8_t *to, const struct stream_request *request);
/* Reads a data message; false if it is not one. The message may be changed in place. */
bool data_block_read(struct slice message, struct data_block *block);

#endif
