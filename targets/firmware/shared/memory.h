/* Copying, filling and comparing memory, without a C library. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void memory_copy(void *to, const void *from, size_t count);
void memory_move(void *to, const void *from, size_t count);
void memory_fill(void *to, uint8_t value, size_t count);
bool memory_equal(const void *a, const void *b, size_t count);

#endif
