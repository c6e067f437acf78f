#include "chip/flash.h"

#include "chip/nrf51.h"
#include "shared/memory.h"

static void wait_ready(void)
{
    while (NVMC_READY == 0) {
    }
}

const void *flash_at(uint32_t address)
{
    return (const void *)address;
}

void flash_erase_page(uint32_t address)
{
    NVMC_CONFIG = NVMC_CONFIG_ERASE;
    wait_ready();
    NVMC_ERASEPAGE = address;
    wait_ready();
    NVMC_CONFIG = NVMC_CONFIG_READ;
}

void flash_write(uint32_t address, const void *bytes, size_t count)
{
    const uint8_t *from = bytes;
    NVMC_CONFIG = NVMC_CONFIG_WRITE;
    wait_ready();
    while (count > 0) {
        size_t piece = count < 4 ? count : 4;
        uint32_t word = 0xFFFFFFFFu;
        memory_copy(&word, from, piece);
        if (word != 0xFFFFFFFFu) {
            REGISTER(address) = word;
            wait_ready();
        }
        address += 4;
        from += piece;
        count -= piece;
    }
    NVMC_CONFIG = NVMC_CONFIG_READ;
}
