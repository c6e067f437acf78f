/* Which slot runs next: the boot loader's decision as a pure function. */
#ifndef BOOT_PLAN_H
#define BOOT_PLAN_H

#include <stdbool.h>

#include "shared/boot_record.h"
#include "shared/slots.h"

struct boot_plan {
    enum slot slot;
    bool trial;
    bool store; /* save `state` before the image is started */
    bool rolled_back;
    struct boot_state state;
};

/* `intact`: the armed image still is what was verified. `faults`: enum fault bits. */
struct boot_plan plan_boot(struct boot_state state, bool intact, uint32_t faults);

#endif
