/* The MQTT client: one connection to the gateway, kept up, clean session. */
#ifndef MQTT_H
#define MQTT_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/text.h"

/* Bytes of the largest message that is taken: a job document of block size + 1500 bytes, or a block
 * of 1 KiB, and its topic. */
#define MQTT_MAX_MESSAGE 2816u

struct mqtt_handlers {
    void (*up)(void);
    void (*down)(void);
    /* `payload` may be changed in place; `too_large`: only its beginning is there. */
    void (*message)(struct slice topic, struct slice payload, bool too_large);
    void (*acknowledged)(uint16_t packet_id);
};

void mqtt_begin(struct slice client_id, struct mqtt_handlers handlers);
/* Connects, reads, keeps alive; calls the handlers. */
void mqtt_poll(void);
bool mqtt_is_up(void);

/* These only send; false if there is no connection. */
bool mqtt_subscribe(struct slice topic, uint8_t qos);
bool mqtt_unsubscribe(struct slice topic);
/* `packet_id` (see below) only counts with QoS 1. */
bool mqtt_publish(struct slice topic, struct slice payload, uint8_t qos, uint16_t packet_id,
                  bool duplicate, bool retain);
uint16_t mqtt_next_packet_id(void);

#endif
