#include "ota/der.h"

#include "shared/memory.h"

#define TAG_INTEGER 0x02u
#define TAG_SEQUENCE 0x30u

/* A positive integer of at most 32 bytes, in its only DER form. Returns the bytes used, 0: none. */
static size_t read_integer(const uint8_t *der, size_t length, uint8_t *to)
{
    if (length < 3 || der[0] != TAG_INTEGER || der[1] == 0 || der[1] > 33 ||
        der[1] > length - 2)
        return 0;
    size_t count = der[1];
    const uint8_t *digits = der + 2;
    if ((digits[0] & 0x80) != 0)
        return 0; /* negative */
    if (digits[0] == 0 && count > 1) {
        if ((digits[1] & 0x80) == 0)
            return 0; /* a zero that is not needed */
        digits++;
        count--;
    }
    if (count > 32)
        return 0;
    memory_fill(to, 0, 32);
    memory_copy(to + 32 - count, digits, count);
    return 2 + der[1];
}

bool der_read_signature(const uint8_t *der, size_t length, uint8_t r_s[64])
{
    if (length < 2 || der[0] != TAG_SEQUENCE || der[1] >= 0x80 || der[1] != length - 2)
        return false;
    size_t first = read_integer(der + 2, length - 2, r_s);
    if (first == 0)
        return false;
    size_t second = read_integer(der + 2 + first, length - 2 - first, r_s + 32);
    return second != 0 && 2 + first + second == length;
}
