#include "net/mqtt.h"

#include "chip/clock.h"
#include "net/link.h"
#include "net/mqtt_packet.h"
#include "shared/memory.h"

#define KEEP_ALIVE_S 60u
#define PING_AFTER_MS 30000u
#define ANSWER_LIMIT_MS 5000u
#define BACKOFF_START_MS 50u
#define BACKOFF_LIMIT_MS 2000u

enum client_state { CLIENT_DOWN, CLIENT_OPENING, CLIENT_CONNECTING, CLIENT_UP };

static struct {
    struct slice client_id;
    struct mqtt_handlers handlers;
    enum client_state state;
    uint64_t deadline; /* ms: next attempt when down, else the end of the wait for an answer */
    uint64_t sent_at;
    bool ping_unanswered;
    uint32_t backoff_ms;
    uint16_t packet_id;
    struct mqtt_header header;
    bool in_body;
    uint32_t received; /* bytes of the body so far, also those there was no room for */
    uint8_t body[MQTT_MAX_MESSAGE];
} client;

void mqtt_begin(struct slice client_id, struct mqtt_handlers handlers)
{
    client.client_id = client_id;
    client.handlers = handlers;
    client.backoff_ms = BACKOFF_START_MS;
}

bool mqtt_is_up(void)
{
    return client.state == CLIENT_UP;
}

uint16_t mqtt_next_packet_id(void)
{
    client.packet_id = client.packet_id == 0xFFFF ? 1 : (uint16_t)(client.packet_id + 1);
    return client.packet_id;
}

static void go_down(void)
{
    bool was_up = client.state == CLIENT_UP;
    channel_close(CHANNEL_MQTT);
    client.state = CLIENT_DOWN;
    client.deadline = clock_ms() + client.backoff_ms;
    client.backoff_ms *= 2;
    if (client.backoff_ms > BACKOFF_LIMIT_MS)
        client.backoff_ms = BACKOFF_LIMIT_MS;
    if (was_up)
        client.handlers.down();
}

static bool send(const struct slice *pieces, size_t count)
{
    client.sent_at = clock_ms();
    if (channel_state(CHANNEL_MQTT) != CHANNEL_OPEN)
        return false;
    return channel_send(CHANNEL_MQTT, pieces, count);
}

static struct slice as_slice(const uint8_t *bytes, size_t count)
{
    return (struct slice){(const char *)bytes, count};
}

static void big16(uint8_t *to, size_t value)
{
    to[0] = (uint8_t)(value >> 8);
    to[1] = (uint8_t)value;
}

static void send_connect(void)
{
    static const uint8_t variable[10] = {0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, KEEP_ALIVE_S};
    uint8_t header[5];
    uint8_t length[2];
    big16(length, client.client_id.length);
    size_t used = mqtt_fixed_header(header, MQTT_CONNECT, 0,
                                    (uint32_t)(sizeof variable + 2 + client.client_id.length));
    struct slice pieces[] = {as_slice(header, used), as_slice(variable, sizeof variable),
                             as_slice(length, 2), client.client_id};
    (void)send(pieces, 4);
}

static void send_short(enum mqtt_type type, const uint8_t *body, size_t count)
{
    uint8_t header[5];
    size_t used = mqtt_fixed_header(header, type, 0, (uint32_t)count);
    struct slice pieces[] = {as_slice(header, used), as_slice(body, count)};
    (void)send(pieces, 2);
}

static bool send_topic(enum mqtt_type type, struct slice topic, const uint8_t *qos)
{
    if (client.state != CLIENT_UP)
        return false;
    uint8_t header[5];
    uint8_t fields[4];
    size_t tail = qos != 0 ? 1 : 0;
    size_t used = mqtt_fixed_header(header, type, 2, (uint32_t)(4 + topic.length + tail));
    big16(fields, mqtt_next_packet_id());
    big16(fields + 2, topic.length);
    struct slice pieces[] = {as_slice(header, used), as_slice(fields, 4), topic,
                             as_slice(qos, tail)};
    return send(pieces, 4);
}

bool mqtt_subscribe(struct slice topic, uint8_t qos)
{
    return send_topic(MQTT_SUBSCRIBE, topic, &qos);
}

bool mqtt_unsubscribe(struct slice topic)
{
    return send_topic(MQTT_UNSUBSCRIBE, topic, 0);
}

bool mqtt_publish(struct slice topic, struct slice payload, uint8_t qos, uint16_t packet_id,
                  bool duplicate, bool retain)
{
    if (client.state != CLIENT_UP)
        return false;
    uint8_t header[5];
    uint8_t length[2];
    uint8_t id[2];
    size_t id_size = qos > 0 ? 2 : 0;
    size_t remaining = 2 + topic.length + id_size + payload.length;
    size_t used = mqtt_fixed_header(header, MQTT_PUBLISH,
                                    mqtt_publish_flags(qos, retain, duplicate),
                                    (uint32_t)remaining);
    big16(length, topic.length);
    big16(id, packet_id);
    struct slice pieces[] = {as_slice(header, used), as_slice(length, 2), topic,
                             as_slice(id, id_size), payload};
    return send(pieces, 5);
}

static void take_publish(size_t length, bool too_large)
{
    struct mqtt_publish publish;
    if (!mqtt_read_publish(client.header.first, client.body, length, &publish)) {
        go_down();
        return;
    }
    if (publish.qos > 0) {
        uint8_t id[2];
        big16(id, publish.packet_id);
        send_short(MQTT_PUBACK, id, 2);
    }
    client.handlers.message(publish.topic, publish.payload, too_large);
}

static void take_packet(void)
{
    bool too_large = client.received > sizeof client.body;
    size_t length = too_large ? sizeof client.body : client.received;
    switch (client.header.first >> 4) {
    case MQTT_CONNACK:
        if (client.state != CLIENT_CONNECTING || length != 2 || client.body[1] != 0) {
            go_down();
            break;
        }
        client.state = CLIENT_UP;
        client.ping_unanswered = false;
        client.backoff_ms = BACKOFF_START_MS;
        client.handlers.up();
        break;
    case MQTT_PUBLISH:
        if (client.state == CLIENT_UP)
            take_publish(length, too_large);
        break;
    case MQTT_PUBACK:
        if (length == 2)
            client.handlers.acknowledged((uint16_t)(client.body[0] << 8 | client.body[1]));
        break;
    case MQTT_PINGRESP:
        client.ping_unanswered = false;
        break;
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        break;
    default:
        go_down(); /* a server sends nothing else */
        break;
    }
}

/* Takes received bytes up to the end of one packet; true when there was one. */
static bool read_packet(void)
{
    for (;;) {
        if (!client.in_body) {
            uint8_t byte;
            if (channel_read(CHANNEL_MQTT, &byte, 1) == 0)
                return false;
            enum mqtt_header_result result = mqtt_header_take(&client.header, byte);
            if (result == HEADER_BROKEN)
                go_down();
            if (result != HEADER_COMPLETE)
                continue;
            client.in_body = true;
            client.received = 0;
        }
        while (client.received < client.header.remaining) {
            uint8_t rest[32];
            bool fits = client.received < sizeof client.body;
            uint8_t *to = fits ? client.body + client.received : rest;
            size_t room = fits ? sizeof client.body - client.received : sizeof rest;
            size_t left = client.header.remaining - client.received;
            size_t count = channel_read(CHANNEL_MQTT, to, left < room ? left : room);
            if (count == 0)
                return false;
            client.received += (uint32_t)count;
        }
        client.in_body = false;
        client.header.count = 0;
        return true;
    }
}

static void keep_alive(uint64_t now)
{
    if (client.ping_unanswered && now > client.deadline) {
        go_down();
    } else if (!client.ping_unanswered && now - client.sent_at > PING_AFTER_MS) {
        send_short(MQTT_PINGREQ, 0, 0);
        client.ping_unanswered = true;
        client.deadline = now + ANSWER_LIMIT_MS;
    }
}

void mqtt_poll(void)
{
    uint64_t now = clock_ms();
    switch (client.state) {
    case CLIENT_DOWN:
        if (now < client.deadline)
            return;
        channel_open(CHANNEL_MQTT, SOCKET_MQTT, (struct slice){0, 0});
        client.in_body = false;
        client.header.count = 0;
        client.state = CLIENT_OPENING;
        client.deadline = now + ANSWER_LIMIT_MS;
        return;
    case CLIENT_OPENING:
        if (channel_state(CHANNEL_MQTT) == CHANNEL_OPEN) {
            client.state = CLIENT_CONNECTING;
            client.deadline = now + ANSWER_LIMIT_MS;
            send_connect();
        } else if (channel_state(CHANNEL_MQTT) != CHANNEL_OPENING || now > client.deadline) {
            go_down();
        }
        return;
    case CLIENT_CONNECTING:
        if (now > client.deadline) {
            go_down();
            return;
        }
        break;
    case CLIENT_UP:
        keep_alive(now);
        break;
    }
    if (client.state >= CLIENT_CONNECTING && read_packet())
        take_packet();
    if (client.state >= CLIENT_CONNECTING && channel_state(CHANNEL_MQTT) == CHANNEL_CLOSED)
        go_down();
}
