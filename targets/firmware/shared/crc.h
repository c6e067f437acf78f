/* Checksums: CRC-32 (zlib's) for flash, CRC-16/CCITT-FALSE for the link. */
#ifndef CRC_H
#define CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32(const void *bytes, size_t count);

#define CRC16_START 0xFFFFu
uint16_t crc16_add(uint16_t crc, uint8_t byte);

#endif
