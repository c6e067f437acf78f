#include "ota/status.h"

#define IN_PROGRESS "{\"status\":\"IN_PROGRESS\",\"statusDetails\":{"
#define FAILED "{\"status\":\"FAILED\",\"statusDetails\":{\"reason\":\""
#define SUCCEEDED "{\"status\":\"SUCCEEDED\",\"statusDetails\":{\"reason\":\""
#define END "\"}}"

void status_receiving(struct text *to, uint32_t stored, uint32_t blocks)
{
    text_add(to, IN_PROGRESS "\"receive\":\"");
    text_decimal(to, stored);
    text_char(to, '/');
    text_decimal(to, blocks);
    text_add(to, END);
}

void status_self_test(struct text *to, const char *stage, uint32_t version)
{
    text_add(to, IN_PROGRESS "\"self_test\":\"");
    text_add(to, stage);
    text_add(to, "\",\"updatedBy\":\"0x");
    text_hex(to, version, 8);
    text_add(to, END);
}

void status_accepted(struct text *to, uint32_t version, uint32_t updated_by)
{
    text_add(to, SUCCEEDED "accepted  v");
    text_version(to, version);
    text_add(to, "\",\"updatedBy\":\"  v");
    text_version(to, updated_by);
    text_add(to, END);
}

void status_failed(struct text *to, const char *word, uint32_t code)
{
    text_add(to, FAILED);
    text_add(to, word);
    text_add(to, ": 0x");
    text_hex(to, code, 8);
    text_add(to, END);
}

void status_failed_with_values(struct text *to, uint32_t first, uint32_t second)
{
    text_add(to, FAILED "0x");
    text_hex(to, first, 8);
    text_add(to, ": 0x");
    text_hex(to, second, 8);
    text_add(to, END);
}
