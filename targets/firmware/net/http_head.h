/* The head of an HTTP/1.1 answer, taken byte by byte; and the parts of a URL. No I/O. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

#define HTTP_LINE 96u /* bytes of a header line that are looked at; the rest of it is skipped */

struct http_head {
    uint16_t status;
    bool has_length;
    bool has_range;
    bool closes;
    bool broken; /* not HTTP, or coded in a way that was not asked for */
    uint32_t length;
    uint32_t range_first;
    uint8_t line_length;
    bool status_seen;
    char line[HTTP_LINE];
};

void http_head_begin(struct http_head *head);
/* True when the head is complete. */
bool http_head_take(struct http_head *head, char c);

struct http_url {
    struct slice origin; /* "https://host:port" */
    struct slice host;   /* "host:port" */
    struct slice target; /* path and query, unaltered; may be empty */
};

/* False if it is no http or https URL, or holds what cannot be sent. */
bool http_url_read(struct slice text, struct http_url *url);

#endif
