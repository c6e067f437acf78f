#include "shared/memory.h"

void memory_copy(void *to, const void *from, size_t count)
{
    __builtin_memcpy(to, from, count);
}

void memory_move(void *to, const void *from, size_t count)
{
    __builtin_memmove(to, from, count);
}

void memory_fill(void *to, uint8_t value, size_t count)
{
    __builtin_memset(to, value, count);
}

bool memory_equal(const void *a, const void *b, size_t count)
{
    const uint8_t *left = a;
    const uint8_t *right = b;
    for (size_t i = 0; i < count; i++)
        if (left[i] != right[i])
            return false;
    return true;
}
