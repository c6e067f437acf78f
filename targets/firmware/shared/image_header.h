/* The fixed header of an image. It is patched per variant and signed; the code is never rebuilt. */
#ifndef IMAGE_HEADER_H
#define IMAGE_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#define IMAGE_MAGIC 0x4D49544Fu /* "OTIM" */
#define IMAGE_FORMAT 1u
#define IMAGE_HEADER_SIZE 64u
#define IMAGE_PRODUCT "microbit-v1"

enum behaviour {
    BEHAVIOUR_PASS = 0,
    BEHAVIOUR_REJECT = 1,
    BEHAVIOUR_HANG = 2,
    BEHAVIOUR_CRASH = 3,
    BEHAVIOUR_NO_CONNECT = 4,
};

struct image_header {
    uint32_t magic;
    uint16_t format;
    uint16_t header_size;
    uint32_t version;
    uint32_t image_size;
    uint8_t behaviour;
    uint8_t zeros[3];
    char product[16];
    uint8_t marker[16];
    uint8_t more_zeros[12];
};

/* Behind the header: what the boot loader needs to start the image. Offsets are from the image's
 * first byte, so they are right in either slot. */
struct image_entry {
    uint32_t initial_stack;
    uint32_t reset_offset;
    uint32_t interrupt_offset;
    uint32_t reserved;
};

_Static_assert(sizeof(struct image_header) == IMAGE_HEADER_SIZE, "the header is 64 bytes");

enum image_flaw {
    IMAGE_FITS = 0,
    IMAGE_NOT_ONE = 1,
    IMAGE_OTHER_PRODUCT = 2,
    IMAGE_SIZE_MISMATCH = 3,
};

/* Why the image at `header`, in a slot of `room` bytes, cannot run here. `size` is the size of the
 * file it came in, 0 where that is not known. */
enum image_flaw image_flaw(const struct image_header *header, uint32_t room, uint32_t size);

#endif
