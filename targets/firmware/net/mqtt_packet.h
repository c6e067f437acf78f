/* MQTT 3.1.1 packets as bytes; no state, no I/O. */
#ifndef MQTT_PACKET_H
#define MQTT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/text.h"

enum mqtt_type {
    MQTT_CONNECT = 1,
    MQTT_CONNACK = 2,
    MQTT_PUBLISH = 3,
    MQTT_PUBACK = 4,
    MQTT_SUBSCRIBE = 8,
    MQTT_SUBACK = 9,
    MQTT_UNSUBSCRIBE = 10,
    MQTT_UNSUBACK = 11,
    MQTT_PINGREQ = 12,
    MQTT_PINGRESP = 13,
};

struct mqtt_publish {
    struct slice topic;
    struct slice payload;
    uint16_t packet_id; /* 0 with QoS 0 */
    uint8_t qos;
    bool retain;
    bool duplicate;
};

/* Type, flags and remaining length; room for 5 bytes. Returns how many were used. */
size_t mqtt_fixed_header(uint8_t *to, enum mqtt_type type, uint8_t flags, uint32_t remaining);
uint8_t mqtt_publish_flags(uint8_t qos, bool retain, bool duplicate);

/* Takes the fixed header of a stream byte by byte. */
struct mqtt_header {
    uint8_t first;
    uint8_t count;
    uint32_t remaining;
};
enum mqtt_header_result { HEADER_MORE, HEADER_COMPLETE, HEADER_BROKEN };
enum mqtt_header_result mqtt_header_take(struct mqtt_header *header, uint8_t byte);

/* Reads what follows the fixed header of a PUBLISH; false if it breaks the protocol. */
bool mqtt_read_publish(uint8_t first, const uint8_t *body, size_t length,
                       struct mqtt_publish *publish);

#endif
