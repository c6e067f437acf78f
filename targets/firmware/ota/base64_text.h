/* Base64 in job documents: padding optional, line ends ignored, blanks at the very end allowed. */
#ifndef BASE64_TEXT_H
#define BASE64_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

/* Decodes; `*length` is what the text holds, of which the first `room` bytes are stored. False if
 * it is not base64. */
bool base64_text(struct slice text, uint8_t *to, size_t room, size_t *length);

#endif
