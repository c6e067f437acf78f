/* Which image runs and which is on trial, kept in two flash pages as a log of records.
 *
 * Every change is one more record; the valid one with the highest number counts. A page is erased
 * only when the newest record is in the other one. So a cut of the power at any write or erase
 * leaves either the state before the change or the one after it. */
#ifndef BOOT_RECORD_H
#define BOOT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum trial_phase {
    TRIAL_NONE = 0,
    TRIAL_ARMED = 1,    /* verified; to be started at the next boot */
    TRIAL_STARTED = 2,  /* its one attempt was begun */
    TRIAL_REJECTED = 3, /* refused itself; to be left at the next boot */
};

struct boot_state {
    uint8_t active; /* enum slot: the confirmed image */
    uint8_t phase;  /* enum trial_phase of the other slot's image */
    uint8_t zeros[2];
    uint32_t image_size; /* of the image on trial */
    uint32_t image_crc;
};

/* Before all others: which deliberate faults there are. */
void boot_record_begin(uint32_t faults);
/* The state as stored; erased pages are a factory device: slot A, confirmed, no trial. */
struct boot_state boot_record_load(void);
/* False if it does not read back; the state is then the one before. */
bool boot_record_save(struct boot_state state);

#endif
