#include "ota/transport.h"

#include "net/mqtt.h"
#include "ota/job_document.h"
#include "ota/status.h"
#include "shared/memory.h"

#define KEPT 3u

struct report {
    uint16_t packet_id; /* 0: free */
    bool sent;
    uint8_t id_length;
    uint8_t length;
    char job_id[MAX_JOB_ID];
    char payload[MAX_STATUS];
};

static struct report kept[KEPT]; /* oldest first */
static struct slice thing_name;
static bool retain_all;
static char topic_buffer[MAX_TOPIC];

void transport_begin(struct slice thing, bool retain)
{
    thing_name = thing;
    retain_all = retain;
}

static struct slice topic_of(enum topic topic, struct slice name)
{
    struct text text = text_in(topic_buffer, sizeof topic_buffer);
    topic_put(&text, thing_name, topic, name);
    return text_slice(&text);
}

bool transport_subscribe(enum topic topic, struct slice name, uint8_t qos)
{
    return mqtt_subscribe(topic_of(topic, name), qos);
}

bool transport_unsubscribe(enum topic topic, struct slice name)
{
    return mqtt_unsubscribe(topic_of(topic, name));
}

bool transport_publish(enum topic topic, struct slice name, struct slice payload, uint8_t qos)
{
    uint16_t id = qos > 0 ? mqtt_next_packet_id() : 0;
    return mqtt_publish(topic_of(topic, name), payload, qos, id, false, retain_all);
}

static void send_report(struct report *report)
{
    struct slice name = {report->job_id, report->id_length};
    struct slice payload = {report->payload, report->length};
    bool again = report->sent;
    if (mqtt_publish(topic_of(TOPIC_UPDATE, name), payload, 1, report->packet_id, again,
                     retain_all))
        report->sent = true;
}

static void drop_report(size_t index)
{
    for (; index + 1 < KEPT; index++)
        kept[index] = kept[index + 1];
    kept[KEPT - 1].packet_id = 0;
}

void transport_report(struct slice job_id, struct slice payload)
{
    size_t index = 0;
    while (index < KEPT && kept[index].packet_id != 0)
        index++;
    if (index == KEPT) {
        drop_report(0); /* long out of date: two later reports wait as well */
        index = KEPT - 1;
    }
    struct report *report = &kept[index];
    report->packet_id = mqtt_next_packet_id();
    report->sent = false;
    report->id_length = (uint8_t)job_id.length;
    report->length = (uint8_t)payload.length;
    memory_copy(report->job_id, job_id.at, job_id.length);
    memory_copy(report->payload, payload.at, payload.length);
    send_report(report);
}

void transport_send_kept(void)
{
    for (size_t i = 0; i < KEPT && kept[i].packet_id != 0; i++)
        send_report(&kept[i]);
}

void transport_acknowledged(uint16_t packet_id)
{
    for (size_t i = 0; i < KEPT && kept[i].packet_id != 0; i++)
        if (kept[i].packet_id == packet_id) {
            drop_report(i);
            return;
        }
}

bool transport_is_flushed(void)
{
    return kept[0].packet_id == 0;
}
