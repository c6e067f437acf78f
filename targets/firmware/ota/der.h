/* ECDSA signatures in DER: SEQUENCE of two INTEGERs. */
#ifndef DER_H
#define DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes the two numbers of a P-256 signature as 32 bytes each; false for any other bytes. */
bool der_read_signature(const uint8_t *der, size_t length, uint8_t r_s[64]);

#endif
