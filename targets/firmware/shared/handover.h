/* What the boot loader tells the image, at a fixed place in RAM, and where the image tells the boot
 * loader who takes its interrupts (a Cortex-M0 has only the one vector table at address 0). */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdint.h>

#include "shared/memory_map.h"

struct handover {
    uint32_t image_address;
    void (*interrupt)(uint32_t number); /* the image's; NULL before it runs */
    uint8_t slot;                       /* enum slot */
    uint8_t trial;                      /* 1: the image runs on trial and must commit */
    uint16_t tried; /* HANDOVER_TRIED: remembered here alone, by a deliberate fault */
};

#define HANDOVER_TRIED 0x5452u

#define HANDOVER ((volatile struct handover *)HANDOVER_ADDRESS)

#endif
