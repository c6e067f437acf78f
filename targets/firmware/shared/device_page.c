#include "shared/device_page.h"

#include "shared/memory.h"

#define PAGE_HEADER 8u
#define RECORD_HEADER 4u
#define DECLARES_SIZE 25u

static uint32_t little16(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8;
}

static uint32_t little32(const uint8_t *at)
{
    return little16(at) | little16(at + 2) << 16;
}

bool device_page_find(const uint8_t *page, size_t size, enum device_tag tag, unsigned nth,
                      struct slice *value)
{
    if (size < PAGE_HEADER || !memory_equal(page, "OTDP", 4) || little16(page + 4) != 1)
        return false;
    size_t end = PAGE_HEADER + little16(page + 6);
    if (end > size)
        return false;
    for (size_t at = PAGE_HEADER; at + RECORD_HEADER <= end;) {
        size_t length = little16(page + at + 2);
        if (page[at] == TAG_END || length > end - at - RECORD_HEADER)
            return false;
        if (page[at] == tag && nth-- == 0) {
            *value = (struct slice){(const char *)page + at + RECORD_HEADER, length};
            return true;
        }
        at += RECORD_HEADER + length;
    }
    return false;
}

struct declares device_page_declares(const uint8_t *page, size_t size)
{
    struct declares declares = {10000, 16000, 40000, 32, 1, 1024, 64, DATA_MQTT, DATA_MQTT, false};
    struct slice found;
    if (!device_page_find(page, size, TAG_DECLARES, 0, &found) || found.length < DECLARES_SIZE)
        return declares;
    const uint8_t *at = (const uint8_t *)found.at;
    declares.request_timer_ms = little32(at);
    declares.self_test_timer_ms = little32(at + 4);
    declares.trial_time_ms = little32(at + 8);
    declares.momentum = (uint16_t)little16(at + 12);
    declares.window = (uint16_t)little16(at + 14);
    declares.block_size = little32(at + 16);
    declares.status_frequency = (uint16_t)little16(at + 20);
    declares.data_protocols = at[22];
    declares.primary = at[23];
    declares.allow_downgrade = at[24] != 0;
    return declares;
}

uint32_t device_page_faults(const uint8_t *page, size_t size)
{
    struct slice found;
    if (!device_page_find(page, size, TAG_FAULTS, 0, &found) || found.length < 4)
        return 0;
    return little32((const uint8_t *)found.at);
}
