#include "shared/crc.h"

/* Bit by bit: a table would be faster and cost as much flash as the rest of this file ten times. */
uint32_t crc32(const void *bytes, size_t count)
{
    const uint8_t *at = bytes;
    uint32_t crc = 0xFFFFFFFFu;
    while (count-- > 0) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

uint16_t crc16_add(uint16_t crc, uint8_t byte)
{
    crc = (uint16_t)(crc ^ byte << 8);
    for (int bit = 0; bit < 8; bit++)
        crc = (uint16_t)(crc << 1 ^ ((crc & 0x8000) != 0 ? 0x1021 : 0));
    return crc;
}
