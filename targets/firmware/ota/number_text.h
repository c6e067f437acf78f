/* Numbers in job documents: what C's strtoul with base 0 makes of a text, in 32 bits. */
#ifndef NUMBER_TEXT_H
#define NUMBER_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

/* False if anything is left over or the number does not fit. The empty text is 0; -1 wraps. */
bool number_text(struct slice text, uint32_t *number);

#endif
