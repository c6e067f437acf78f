#include "shared/image_header.h"

#include "shared/memory.h"

static bool entry_fits(const struct image_header *header)
{
    const struct image_entry *entry = (const struct image_entry *)(header + 1);
    return (entry->initial_stack & 7) == 0 && (entry->reset_offset & ~1u) < header->image_size &&
           (entry->interrupt_offset & ~1u) < header->image_size;
}

static bool product_fits(const struct image_header *header)
{
    static const char product[sizeof header->product] = IMAGE_PRODUCT;
    return memory_equal(header->product, product, sizeof product);
}

enum image_flaw image_flaw(const struct image_header *header, uint32_t room, uint32_t size)
{
    if (header->magic != IMAGE_MAGIC || header->format != IMAGE_FORMAT ||
        header->header_size != IMAGE_HEADER_SIZE || header->behaviour > BEHAVIOUR_NO_CONNECT)
        return IMAGE_NOT_ONE;
    if (!product_fits(header))
        return IMAGE_OTHER_PRODUCT;
    if (header->image_size < IMAGE_HEADER_SIZE + sizeof(struct image_entry) ||
        header->image_size > room || (size != 0 && header->image_size != size))
        return IMAGE_SIZE_MISMATCH;
    return entry_fits(header) ? IMAGE_FITS : IMAGE_NOT_ONE;
}
