/* The platform layer: the other slot, its signature, the boot record, the reset. */
#ifndef PLATFORM_H
#define PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "ota/codes.h"
#include "ota/job_document.h"
#include "shared/slots.h"
#include "shared/text.h"

/* A call that the application makes fail once, to see what the agent does about it. */
enum platform_call { CALL_NONE, CALL_CREATE_FILE, CALL_COMMIT, CALL_RESET };
void platform_fail_next(enum platform_call call);

void platform_begin(enum slot running, bool on_trial);
uint32_t platform_version(void);
uint32_t platform_faults(void);

/* These return a platform status, 0 for success. */
uint32_t platform_create_file(uint32_t size);
/* Checks the signature of the `size` bytes and that firmware is an image for this device. */
uint32_t platform_close_file(uint32_t size, bool firmware, const uint8_t *signature,
                             uint32_t signature_length);
uint32_t platform_activate(void);
uint32_t platform_set_image_state(enum image_state state);

bool platform_write_block(uint32_t offset, struct slice block);
void platform_abort(void);
enum pal_image_state platform_image_state(void);

/* Asks for a reset: the application does it as soon as all reports have arrived. */
void platform_reset(void);
bool platform_wants_reset(void);

#endif
