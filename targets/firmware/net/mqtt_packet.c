#include "net/mqtt_packet.h"

size_t mqtt_fixed_header(uint8_t *to, enum mqtt_type type, uint8_t flags, uint32_t remaining)
{
    size_t count = 0;
    to[count++] = (uint8_t)((unsigned)type << 4 | flags);
    do {
        uint8_t digit = remaining & 0x7F;
        remaining >>= 7;
        to[count++] = remaining != 0 ? digit | 0x80 : digit;
    } while (remaining != 0);
    return count;
}

uint8_t mqtt_publish_flags(uint8_t qos, bool retain, bool duplicate)
{
    return (uint8_t)((duplicate ? 8u : 0u) | (unsigned)qos << 1 | (retain ? 1u : 0u));
}

enum mqtt_header_result mqtt_header_take(struct mqtt_header *header, uint8_t byte)
{
    if (header->count == 0) {
        *header = (struct mqtt_header){.first = byte, .count = 1};
        return HEADER_MORE;
    }
    header->remaining |= (uint32_t)(byte & 0x7F) << 7 * (header->count - 1);
    header->count++;
    if ((byte & 0x80) == 0)
        return HEADER_COMPLETE;
    return header->count == 5 ? HEADER_BROKEN : HEADER_MORE;
}

static uint16_t big16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

bool mqtt_read_publish(uint8_t first, const uint8_t *body, size_t length,
                       struct mqtt_publish *publish)
{
    publish->qos = first >> 1 & 3;
    publish->retain = (first & 1) != 0;
    publish->duplicate = (first & 8) != 0;
    publish->packet_id = 0;
    if (length < 2 || publish->qos == 3)
        return false;
    size_t at = 2;
    size_t topic = big16(body);
    if (topic == 0 || topic > length - at)
        return false;
    publish->topic = (struct slice){(const char *)body + at, topic};
    at += topic;
    if (publish->qos > 0) {
        if (length - at < 2)
            return false;
        publish->packet_id = big16(body + at);
        at += 2;
        if (publish->packet_id == 0)
            return false;
    }
    publish->payload = (struct slice){(const char *)body + at, length - at};
    return true;
}
