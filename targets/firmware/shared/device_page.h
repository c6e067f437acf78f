/* The device page: what the driver wrote at provisioning, as tag-length-value records. */
#ifndef DEVICE_PAGE_H
#define DEVICE_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/text.h"

enum device_tag {
    TAG_END = 0,
    TAG_THING = 1,
    TAG_SIGNER_KEY = 2, /* 64 bytes, x then y; may come several times */
    TAG_DECLARES = 3,
    TAG_FAULTS = 4,
};

#define MAX_THING_NAME 128u
#define SIGNER_KEY_SIZE 64u

enum data_protocol { DATA_MQTT = 1, DATA_HTTP = 2 };

struct declares {
    uint32_t request_timer_ms;
    uint32_t self_test_timer_ms;
    uint32_t trial_time_ms;
    uint16_t momentum;
    uint16_t window;
    uint32_t block_size; /* bytes */
    uint16_t status_frequency;
    uint8_t data_protocols; /* enum data_protocol bits */
    uint8_t primary;
    bool allow_downgrade;
};

/* The `nth` (from 0) record with this tag in a page of `size` bytes; false if there is none. */
bool device_page_find(const uint8_t *page, size_t size, enum device_tag tag, unsigned nth,
                      struct slice *value);
/* What the page declares, over the library's defaults. */
struct declares device_page_declares(const uint8_t *page, size_t size);
uint32_t device_page_faults(const uint8_t *page, size_t size);

#endif
