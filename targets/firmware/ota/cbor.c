#include "ota/cbor.h"

#include "shared/memory.h"

#define INDEFINITE 31u
#define BREAK 0xFFu

bool cbor_head(struct cbor *cbor, struct cbor_head *head)
{
    if (cbor->left == 0)
        return false;
    uint8_t first = *cbor->at++;
    cbor->left--;
    unsigned info = first & 0x1F;
    head->major = first >> 5;
    head->indefinite = info == INDEFINITE;
    head->value = info;
    if (info < 24)
        return true;
    if (head->indefinite)
        return head->major >= CBOR_BYTES && head->major <= CBOR_MAP;
    if (info > 27)
        return false;
    size_t count = (size_t)1 << (info - 24);
    if (cbor->left < count)
        return false;
    head->value = 0;
    for (size_t i = 0; i < count; i++)
        head->value = head->value << 8 | *cbor->at++;
    cbor->left -= count;
    return true;
}

bool cbor_break(struct cbor *cbor)
{
    if (cbor->left == 0 || *cbor->at != BREAK)
        return false;
    cbor->at++;
    cbor->left--;
    return true;
}

bool cbor_integer(struct cbor *cbor, int64_t *value)
{
    struct cbor_head head;
    if (!cbor_head(cbor, &head) || head.major > CBOR_NEGATIVE)
        return false;
    int64_t size = head.value > INT64_MAX ? INT64_MAX : (int64_t)head.value;
    *value = head.major == CBOR_UNSIGNED ? size : -1 - size;
    return true;
}

static bool take_bytes(struct cbor *cbor, uint64_t count)
{
    if (count > cbor->left)
        return false;
    cbor->at += count;
    cbor->left -= (size_t)count;
    return true;
}

bool cbor_string(struct cbor *cbor, enum cbor_major major, struct slice *value)
{
    struct cbor_head head;
    if (!cbor_head(cbor, &head) || head.major != major)
        return false;
    uint8_t *start = cbor->at;
    *value = (struct slice){(const char *)start, (size_t)head.value};
    if (!head.indefinite)
        return take_bytes(cbor, head.value);
    value->length = 0;
    while (!cbor_break(cbor)) {
        if (!cbor_head(cbor, &head) || head.major != major || head.indefinite)
            return false;
        uint8_t *chunk = cbor->at;
        if (!take_bytes(cbor, head.value))
            return false;
        memory_move(start + value->length, chunk, (size_t)head.value);
        value->length += (size_t)head.value;
    }
    return true;
}

/* How many items follow the head of a collection or an indefinite string; 0 for a plain item. */
static bool enter(struct cbor *cbor, const struct cbor_head *head, uint64_t *items)
{
    *items = 0;
    switch (head->major) {
    case CBOR_BYTES:
    case CBOR_TEXT:
        return head->indefinite || take_bytes(cbor, head->value);
    case CBOR_ARRAY:
    case CBOR_MAP:
        if (head->indefinite)
            return true;
        *items = head->major == CBOR_MAP ? 2 * head->value : head->value;
        return head->value <= cbor->left; /* each item has at least one byte */
    case CBOR_TAG:
        return false; /* no message needs one */
    default:
        return true;
    }
}

bool cbor_skip(struct cbor *cbor)
{
    uint64_t items[CBOR_MAX_DEPTH]; /* still to come in each open collection */
    struct cbor_head open[CBOR_MAX_DEPTH];
    unsigned depth = 0;
    for (;;) {
        struct cbor_head head;
        uint64_t count;
        if (!cbor_head(cbor, &head) || !enter(cbor, &head, &count))
            return false;
        /* Chunks of a string are definite strings of its own kind. */
        if (depth > 0 && open[depth - 1].indefinite && open[depth - 1].major <= CBOR_TEXT &&
            (head.major != open[depth - 1].major || head.indefinite))
            return false;
        if (head.indefinite || count > 0) {
            if (depth == CBOR_MAX_DEPTH)
                return false;
            open[depth] = head;
            items[depth++] = count;
        } else if (depth > 0 && !open[depth - 1].indefinite) {
            items[depth - 1]--;
        } else if (depth > 0) {
            items[depth - 1]++; /* counted upwards, to see that a map ends behind a value */
        }
        while (depth > 0) {
            struct cbor_head *inner = &open[depth - 1];
            bool odd = inner->major == CBOR_MAP && (items[depth - 1] & 1) != 0;
            bool ended = inner->indefinite ? !odd && cbor_break(cbor) : items[depth - 1] == 0;
            if (!ended)
                break;
            depth--;
            if (depth > 0)
                items[depth - 1] += open[depth - 1].indefinite ? 1 : (uint64_t)-1;
        }
        if (depth == 0)
            return true;
    }
}

size_t cbor_put_head(uint8_t *to, enum cbor_major major, uint32_t value)
{
    uint8_t top = (uint8_t)((unsigned)major << 5);
    if (value < 24) {
        to[0] = (uint8_t)(top | value);
        return 1;
    }
    unsigned bytes = value < 0x100 ? 1 : value < 0x10000 ? 2 : 4;
    to[0] = (uint8_t)(top | (bytes == 1 ? 24 : bytes == 2 ? 25 : 26));
    for (unsigned i = 0; i < bytes; i++)
        to[1 + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
    return 1 + bytes;
}
