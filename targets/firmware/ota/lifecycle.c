/* Ending things: transfers, jobs, the agent; and suspension. */
#include "chip/clock.h"
#include "net/http.h"
#include "ota/handlers.h"
#include "ota/platform.h"
#include "ota/transport.h"

void close_transfer(void)
{
    struct transfer *transfer = &agent.transfer;
    if (transfer->present && transfer->open_at_source) {
        struct slice name = {transfer->stream_name, transfer->name_length};
        transfer->open_at_source = false;
        if (transfer->protocol == DATA_HTTP)
            http_end();
        else if (agent.unsubscribe)
            (void)transport_unsubscribe(TOPIC_STREAM_DATA, name);
    }
    platform_abort();
    transfer->present = false;
}

enum ota_error handle_close_file(void)
{
    agent_stop_request_timer();
    close_transfer();
    return OTA_NONE;
}

enum ota_error handle_user_abort(void)
{
    if (agent.execution.length == 0)
        return OTA_NO_ACTIVE_JOB;
    agent_stop_request_timer();
    (void)decide(IMAGE_ABORTED, OTA_USER_ABORT);
    close_transfer();
    agent_clear_job();
    return OTA_NONE;
}

/* File, bitmap and job are kept. */
enum ota_error handle_suspend(void)
{
    return OTA_NONE;
}

enum ota_error handle_resume(void)
{
    agent_follow(EVENT_REQUEST_JOB_DOCUMENT);
    return OTA_NONE;
}

/* Nothing is reported: the job stays open at the service and is offered again. */
enum ota_error handle_shutdown(void)
{
    agent_stop_request_timer();
    clock_guard_stop(GUARD_SELF_TEST);
    if (agent.unsubscribe)
        (void)transport_unsubscribe(TOPIC_NOTIFY_NEXT, (struct slice){0, 0});
    close_transfer();
    agent_clear_job();
    agent.momentum = 0;
    agent.image_state = IMAGE_UNKNOWN;
    return OTA_NONE;
}
