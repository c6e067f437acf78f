/* The signature of a received file; in signature.zig. */
#ifndef SIGNATURE_H
#define SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool signature_is_valid(const uint8_t *message, size_t size, const uint8_t r_s[64],
                        const uint8_t x_y[64]);

#endif
