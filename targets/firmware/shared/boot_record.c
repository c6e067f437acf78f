#include "shared/boot_record.h"

#include "chip/flash.h"
#include "shared/crc.h"
#include "shared/faults.h"
#include "shared/memory.h"
#include "shared/memory_map.h"
#include "shared/slots.h"

#define RECORD_MAGIC 0x52424F54u /* "TOBR" */
#define PAGES 2u
#define PER_PAGE (FLASH_PAGE_SIZE / sizeof(struct record))

struct record {
    uint32_t magic;
    uint32_t number;
    struct boot_state state;
    uint32_t crc; /* of all before it */
};

struct place {
    uint32_t page;
    uint32_t index;
    bool found;
    struct record newest;
};

static uint32_t address_of(uint32_t page, uint32_t index)
{
    return BOOT_RECORD_ADDRESS + page * FLASH_PAGE_SIZE + index * (uint32_t)sizeof(struct record);
}

static struct record read_record(uint32_t address)
{
    struct record record;
    memory_copy(&record, flash_at(address), sizeof record);
    return record;
}

static uint32_t crc_of(const struct record *record)
{
    return crc32(record, offsetof(struct record, crc));
}

static bool trusts_torn;

void boot_record_begin(uint32_t faults)
{
    trusts_torn = (faults & FAULT_TRUSTS_TORN_RECORD) != 0;
}

static bool is_valid(const struct record *record)
{
    if (trusts_torn)
        return record->magic == RECORD_MAGIC;
    return record->magic == RECORD_MAGIC && record->crc == crc_of(record) &&
           record->state.active <= SLOT_B && record->state.phase <= TRIAL_REJECTED;
}

static struct place find_newest(void)
{
    struct place place = {0};
    for (uint32_t page = 0; page < PAGES; page++)
        for (uint32_t index = 0; index < PER_PAGE; index++) {
            struct record record = read_record(address_of(page, index));
            if (!is_valid(&record) || (place.found && record.number <= place.newest.number))
                continue;
            place = (struct place){page, index, true, record};
        }
    return place;
}

static bool is_erased_from(uint32_t address, uint32_t end)
{
    for (; address < end; address += 4) {
        uint32_t word;
        memory_copy(&word, flash_at(address), sizeof word);
        if (word != 0xFFFFFFFFu)
            return false;
    }
    return true;
}

/* The first place of the page behind which nothing was ever written; a write that was cut short
 * leaves a torn record that must be stepped over. */
static uint32_t first_free(uint32_t page)
{
    uint32_t index = (uint32_t)PER_PAGE;
    while (index > 0 && is_erased_from(address_of(page, index - 1), address_of(page, index)))
        index--;
    return index;
}

struct boot_state boot_record_load(void)
{
    return find_newest().newest.state; /* all zero, which is the factory state, if there is none */
}

bool boot_record_save(struct boot_state state)
{
    struct place place = find_newest();
    uint32_t page = place.page;
    uint32_t index = first_free(page);
    if (index == PER_PAGE || !place.found) {
        page = place.found ? 1 - place.page : 0;
        flash_erase_page(address_of(page, 0));
        index = 0;
    }
    struct record record = {RECORD_MAGIC, place.newest.number + 1, state, 0};
    record.crc = crc_of(&record);
    flash_write(address_of(page, index), &record, sizeof record);
    struct record stored = read_record(address_of(page, index));
    return memory_equal(&stored, &record, sizeof record);
}
