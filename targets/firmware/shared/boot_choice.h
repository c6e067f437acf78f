/* What the boot loader does before it starts anything: read, check, decide, store. */
#ifndef BOOT_CHOICE_H
#define BOOT_CHOICE_H

#include "shared/boot_plan.h"
#include "shared/image_header.h"

enum boot_choice {
    BOOT_IMAGE,   /* start `plan->slot` */
    BOOT_NOTHING, /* the slot holds no image: nothing else may run */
    BOOT_AGAIN,   /* the decision could not be stored */
};

enum boot_choice boot_choose(uint32_t faults, struct boot_plan *plan);

const struct image_header *boot_image_in(enum slot slot);
bool boot_is_image_in(enum slot slot);

#endif
