#include "app/connection.h"

#include "app/console.h"
#include "chip/clock.h"
#include "net/http.h"
#include "net/mqtt.h"
#include "ota/agent.h"
#include "ota/json.h"
#include "ota/number_text.h"
#include "ota/topics.h"
#include "ota/transport.h"

static struct {
    struct slice thing;
    struct connection_owner owner;
    bool greet;               /* say "connected" once a job was asked for */
    uint32_t requests;        /* job requests seen so far */
    bool unanswered;
    uint64_t asked_at;        /* ms */
    uint32_t repetitions;
} connection;

static void up(void)
{
    connection.greet = true;
    connection.unanswered = false;
    transport_send_kept();
    if (agent.state == STATE_INIT)
        connection.owner.start_agent();
    else if (agent.state == STATE_REQUESTING_JOB)
        agent_signal(EVENT_REQUEST_JOB_DOCUMENT);
    else if (agent.state != STATE_STOPPED && !connection.owner.user_suspended())
        agent_signal(EVENT_RESUME);
}

/* Suspended by the bare event: the self-test guard goes on, so a pending image that loses its
 * connection is not guarded any longer than one that keeps it. */
static void down(void)
{
    console_say("connection lost", "");
    connection.unanswered = false;
    if (agent.state != STATE_INIT && agent.state != STATE_STOPPED &&
        agent.state != STATE_SUSPENDED) {
        agent_stop_request_timer();
        agent_signal(EVENT_SUSPEND);
    }
}

/* Whether an answer is to an earlier request than the last: then it is history. */
static bool is_outdated(struct slice document)
{
    struct slice token;
    uint32_t number;
    if (!json_find(document, 0, slice_of("clientToken"), &token))
        return false;
    token = json_raw(token);
    size_t digits = 0;
    while (digits < token.length && token.at[digits] != ':')
        digits++;
    token.length = digits;
    return number_text(token, &number) && number + 1 < agent.job_requests;
}

static void message(struct slice topic, struct slice payload, bool too_large)
{
    struct slice name = {0, 0};
    enum topic kind = topic_read(topic, connection.thing, &name);
    if (too_large) {
        console_say("a message is too large", "");
        payload.length = 0; /* a message that cannot be read: the agent knows what follows */
    }
    switch (kind) {
    case TOPIC_NOTIFY_NEXT:
        connection.unanswered = false;
        agent_handle(EVENT_RECEIVED_JOB_DOCUMENT,
                     (struct event_data){.kind = DATA_NOTIFICATION, .content = payload});
        break;
    case TOPIC_NEXT_GET_ACCEPTED:
        if (is_outdated(payload))
            break;
        connection.unanswered = false;
        agent_handle(EVENT_RECEIVED_JOB_DOCUMENT,
                     (struct event_data){.kind = DATA_ANSWER, .content = payload});
        break;
    case TOPIC_STREAM_DATA:
        agent_handle(EVENT_RECEIVED_FILE_BLOCK,
                     (struct event_data){.kind = DATA_STREAM, .content = payload, .name = name});
        break;
    default:
        break;
    }
}

static void body(uint32_t index, struct slice content)
{
    agent_handle(EVENT_RECEIVED_FILE_BLOCK,
                 (struct event_data){.kind = DATA_BODY, .content = content, .index = index});
}

static void refused(void)
{
    agent_signal(EVENT_REQUEST_JOB_DOCUMENT);
}

void connection_begin(struct slice thing, struct connection_owner owner)
{
    connection.thing = thing;
    connection.owner = owner;
    struct mqtt_handlers mqtt = {up, down, message, transport_acknowledged};
    mqtt_begin(thing, mqtt);
    struct http_handlers http = {body, refused};
    http_set_handlers(http);
}

void connection_forget_attempts(void)
{
    connection.repetitions = 0;
}

/* The agent itself waits for ever for a lost answer. As often as a request that cannot be sent, and
 * no more: an idle device does not poll. */
static void repeat_if_unanswered(void)
{
    if (!connection.unanswered ||
        clock_ms() < connection.asked_at + agent.declares.request_timer_ms)
        return;
    connection.unanswered = false;
    if (agent.state != STATE_WAITING_FOR_JOB || connection.repetitions >= agent.declares.momentum)
        return;
    connection.repetitions++;
    console_say("no answer to the job request; asking again", "");
    agent_signal(EVENT_SUSPEND);
    agent_signal(EVENT_RESUME);
}

void connection_poll(void)
{
    mqtt_poll();
    http_poll();
    if (connection.requests != agent.job_requests) {
        connection.requests = agent.job_requests;
        connection.unanswered = true;
        connection.asked_at = clock_ms();
        if (connection.greet)
            console_say("connected", "");
        connection.greet = false;
    }
    repeat_if_unanswered();
}
