/* The two image slots. */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdint.h>

#include "shared/memory_map.h"

enum slot { SLOT_A = 0, SLOT_B = 1 };

static inline enum slot other_slot(enum slot slot)
{
    return slot == SLOT_A ? SLOT_B : SLOT_A;
}

static inline uint32_t slot_address(enum slot slot)
{
    return slot == SLOT_A ? SLOT_A_ADDRESS : SLOT_B_ADDRESS;
}

static inline char slot_letter(enum slot slot)
{
    return slot == SLOT_A ? 'A' : 'B';
}

#endif
