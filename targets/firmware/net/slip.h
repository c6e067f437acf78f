/* SLIP (RFC 1055): frames on a byte stream. */
#ifndef SLIP_H
#define SLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLIP_END 0xC0u
#define SLIP_ESC 0xDBu
#define SLIP_ESC_END 0xDCu
#define SLIP_ESC_ESC 0xDDu

struct slip_decoder {
    uint8_t *frame;
    size_t room;
    size_t length;
    bool escaped;
    bool reported;
    bool spoilt; /* too long or wrongly escaped: dropped up to its end */
};

/* Takes one byte; true when `frame` holds `length` bytes of a complete frame, to be used before the
 * next byte is given. Empty frames are never reported. */
bool slip_take(struct slip_decoder *decoder, uint8_t byte);

/* The one or two bytes that stand for `byte` within a frame; returns how many. */
size_t slip_escape(uint8_t byte, uint8_t escaped[2]);

#endif
