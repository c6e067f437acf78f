/* The agent's messages: topics made, reports kept until they are acknowledged. */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "ota/topics.h"
#include "shared/text.h"

void transport_begin(struct slice thing, bool retain);

/* False if it cannot be sent. */
bool transport_subscribe(enum topic topic, struct slice name, uint8_t qos);
bool transport_unsubscribe(enum topic topic, struct slice name);
bool transport_publish(enum topic topic, struct slice name, struct slice payload, uint8_t qos);

/* A job status with QoS 1: kept, and sent again after reconnecting, until it is acknowledged. */
void transport_report(struct slice job_id, struct slice payload);
void transport_send_kept(void);
void transport_acknowledged(uint16_t packet_id);
/* Whether every report has arrived. */
bool transport_is_flushed(void);

#endif
