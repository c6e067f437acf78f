/* Asking for jobs: start, the job request, and a notification during a download. */
#include "chip/clock.h"
#include "ota/handlers.h"
#include "ota/json.h"
#include "ota/platform.h"
#include "ota/transport.h"

#define TOKEN_THING_CHARACTERS 53u /* how much of the thing name a client token holds */

enum ota_error handle_start(void)
{
    if (platform_image_state() == PAL_IMAGE_PENDING_COMMIT)
        clock_guard_start(GUARD_SELF_TEST, agent.declares.self_test_timer_ms);
    agent_follow(EVENT_REQUEST_JOB_DOCUMENT);
    return OTA_NONE;
}

static bool ask_for_job(void)
{
    static const struct slice nothing = {0, 0};
    if (!transport_subscribe(TOPIC_NOTIFY_NEXT, nothing, 1))
        return false;
    char payload[96];
    struct text text = text_in(payload, sizeof payload);
    struct slice thing = agent.thing;
    if (thing.length > TOKEN_THING_CHARACTERS)
        thing.length = TOKEN_THING_CHARACTERS;
    text_add(&text, "{\"clientToken\":\"");
    text_decimal(&text, agent.job_requests++);
    text_char(&text, ':');
    text_slice_add(&text, thing);
    text_add(&text, "\"}");
    return transport_publish(TOPIC_NEXT_GET, nothing, text_slice(&text), 1);
}

enum ota_error handle_request_job(void)
{
    if (ask_for_job()) {
        agent_stop_request_timer();
        agent.momentum = 0;
        return OTA_NONE;
    }
    if (agent.momentum < agent.declares.momentum) {
        agent_start_request_timer();
        agent.momentum++;
    } else {
        agent_stop_request_timer();
        agent_follow(EVENT_SHUTDOWN);
    }
    return OTA_REQUEST_JOB_FAILED;
}

static bool names_active_job(struct slice document)
{
    struct slice id;
    return json_find(document, 0, slice_of("execution.jobId"), &id) &&
           slice_is(json_raw(id), agent_job_id());
}

/* Whatever a notification says, only the answer to a new request counts. But a late answer that
 * still names the running job says nothing new and leaves the download alone. */
enum ota_error handle_job_notification(const struct event_data *data)
{
    if (data->kind == DATA_ANSWER && names_active_job(data->content))
        return OTA_EMPTY_JOB_DOCUMENT;
    agent_stop_request_timer();
    (void)platform_set_image_state(IMAGE_ABORTED);
    close_transfer();
    agent_clear_job();
    agent_follow(EVENT_REQUEST_JOB_DOCUMENT);
    return OTA_NONE;
}
