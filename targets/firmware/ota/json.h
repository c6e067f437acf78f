/* Reading JSON in place: looking for keys, as the OTA library does, not building a tree. Text that
 * is broken behind what is looked for does no harm. Values are taken as written, with escapes. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/text.h"

#define JSON_MAX_DEPTH 32u

/* Whether the text is one JSON value, not nested too deep, and nothing else. */
bool json_is_valid(struct slice text);

/* The value of the member `path` (keys with dots between) of the object that begins at `start` of
 * the text, as a part of the text, quotes included. Of equal keys the first counts. */
bool json_find(struct slice text, size_t start, struct slice path, struct slice *value);

/* A value as written; of a string, what stands between its quotes. */
struct slice json_raw(struct slice value);

/* The part of the text that is UTF-8: behind it nothing is looked at. */
size_t json_readable(struct slice text);

#endif
