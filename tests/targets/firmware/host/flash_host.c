/* The flash of a host build: an array, and a power cut at a chosen operation. */
#include "chip/flash.h"

#include <stdbool.h>
#include <string.h>

#define FLASH_SIZE 0x40000u
#define NEVER (-1)

uint8_t host_flash[FLASH_SIZE];
/* Operations (word writes, page erases) until the power goes. The one at which it goes is torn: done
 * in part, as `host_torn` says. Those after it do nothing. */
int host_operations_left = NEVER;
uint32_t host_torn;

static bool powered(void)
{
    if (host_operations_left == NEVER)
        return true;
    if (host_operations_left == 0)
        return false;
    host_operations_left--;
    return true;
}

static bool is_torn(void)
{
    return host_operations_left == 0;
}

const void *flash_at(uint32_t address)
{
    return host_flash + address;
}

void flash_erase_page(uint32_t address)
{
    if (!powered())
        return;
    /* A torn erase sets some bits and leaves others. */
    for (uint32_t i = 0; i < 0x400; i++)
        host_flash[address + i] |= (uint8_t)(is_torn() ? host_torn >> i % 24 : 0xFF);
}

void flash_write(uint32_t address, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    for (size_t at = 0; at < count; at += 4) {
        uint32_t word = 0xFFFFFFFFu;
        uint32_t old;
        memcpy(&word, from + at, count - at < 4 ? count - at : 4);
        if (!powered())
            return;
        memcpy(&old, host_flash + address + at, 4);
        old &= is_torn() ? word | host_torn : word;
        memcpy(host_flash + address + at, &old, 4);
    }
}
