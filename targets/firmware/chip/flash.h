/* Flash: 1 KiB pages, written in words, each bit only from 1 to 0 until its page is erased. */
#ifndef FLASH_H
#define FLASH_H

#include <stddef.h>
#include <stdint.h>

/* Where the flash at `address` can be read. */
const void *flash_at(uint32_t address);
void flash_erase_page(uint32_t address);
/* `address` is a multiple of 4; bytes behind the last whole word are padded with 0xFF. */
void flash_write(uint32_t address, const void *bytes, size_t count);

#endif
