/* Job status reports: the exact bytes of each. */
#ifndef STATUS_H
#define STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

#define MAX_STATUS 128u

void status_receiving(struct text *to, uint32_t stored, uint32_t blocks);
/* `stage`: "ready" or "active"; `version`: the running one, packed. */
void status_self_test(struct text *to, const char *stage, uint32_t version);
void status_accepted(struct text *to, uint32_t version, uint32_t updated_by);
/* `word`: "rejected" or "aborted". */
void status_failed(struct text *to, const char *word, uint32_t code);
void status_failed_with_values(struct text *to, uint32_t first, uint32_t second);

#endif
