/* Download of a file by ranges over HTTP/1.1: one request at a time, connection kept alive. */
#ifndef HTTP_H
#define HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

#define HTTP_MAX_BODY 1024u

struct http_handlers {
    /* The answer to the request for block `index`; any size but the one asked for is wrong. */
    void (*body)(uint32_t index, struct slice body);
    /* The server refuses the URL: a fresh one is needed. */
    void (*refused)(void);
};

void http_set_handlers(struct http_handlers handlers);
/* Keeps a copy for `http_begin`; the URL may be empty. */
void http_set_url(struct slice url);
/* False if what was set is no URL that can be fetched. */
bool http_begin(void);
/* Asks for `size` bytes from `first`; an earlier request without an answer is given up. */
bool http_request(uint32_t index, uint32_t first, uint32_t size);
void http_end(void);
void http_poll(void);

#endif
