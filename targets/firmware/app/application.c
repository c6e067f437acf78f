#include "app/application.h"

#include "app/connection.h"
#include "app/console.h"
#include "chip/clock.h"
#include "chip/flash.h"
#include "chip/nrf51.h"
#include "net/link.h"
#include "ota/agent.h"
#include "ota/platform.h"
#include "ota/transport.h"
#include "shared/device_page.h"
#include "shared/faults.h"
#include "shared/handover.h"
#include "shared/image_header.h"
#include "shared/memory_map.h"

#define FLUSH_LIMIT_MS 2000u /* how long a reset waits for reports to be acknowledged */
#define WAKE_US 10000u       /* how often commands are looked for */

static struct {
    struct slice thing;
    struct declares declares;
    uint8_t behaviour;
    bool user_suspended;
    bool user_stopped;
} application;

static void state_changed(enum state from, enum state to)
{
    char words[64];
    struct text text = text_in(words, sizeof words - 1);
    text_add(&text, state_text(from));
    text_add(&text, " -> ");
    text_add(&text, state_text(to));
    words[text.length] = '\0';
    console_say("state ", words);
}

static void activate(void)
{
    console_say(platform_activate() == 0 ? "activating" : "activation failed", "");
}

/* The image's own opinion of itself, as written in its header. */
static void start_test(void)
{
    console_say("self-test", "");
    if (application.behaviour == BEHAVIOUR_HANG)
        for (;;) {
        }
    if (application.behaviour == BEHAVIOUR_REJECT) {
        (void)agent_decide(IMAGE_REJECTED);
        platform_reset();
    } else {
        (void)agent_decide(IMAGE_ACCEPTED);
    }
}

static void prepare_agent(void)
{
    agent_prepare(application.thing, application.declares,
                  (struct agent_callbacks){state_changed, activate, start_test});
}

static void start_agent(void)
{
    application.user_stopped = application.user_suspended = false;
    connection_forget_attempts();
    if (agent.state == STATE_INIT || agent.state == STATE_STOPPED) {
        prepare_agent();
        agent_begin();
    }
    agent_signal(EVENT_START);
}

static bool user_suspended(void)
{
    return application.user_suspended;
}

static const char *error_text(enum ota_error error)
{
    switch (error) {
    case OTA_NONE:
        return "OtaErrNone";
    case OTA_AGENT_STOPPED:
        return "OtaErrAgentStopped";
    default:
        return "OtaErrSignalEventFailed";
    }
}

static const char *signal_text(enum event event)
{
    if (agent.state == STATE_STOPPED)
        return error_text(OTA_AGENT_STOPPED);
    agent_signal(event);
    return error_text(OTA_NONE);
}

static const char *shut_down(bool unsubscribe)
{
    application.user_stopped = true;
    agent.unsubscribe = unsubscribe;
    agent_signal(EVENT_SHUTDOWN);
    return state_text(agent.state);
}

/* For tests of what the agent does about it. */
static const char *fail(struct slice call)
{
    if (slice_is(call, slice_of("create_file")))
        platform_fail_next(CALL_CREATE_FILE);
    else if (slice_is(call, slice_of("commit")))
        platform_fail_next(CALL_COMMIT);
    else if (slice_is(call, slice_of("reset")))
        platform_fail_next(CALL_RESET);
    else
        return "use fail create_file|commit|reset";
    return error_text(OTA_NONE);
}

static const char *obey(struct slice command)
{
    if (slice_is(command, slice_of("suspend"))) {
        application.user_suspended = true;
        return error_text(agent_suspend());
    }
    if (slice_is(command, slice_of("resume"))) {
        application.user_suspended = false;
        return error_text(agent_resume());
    }
    if (slice_is(command, slice_of("abort")))
        return signal_text(EVENT_USER_ABORT);
    if (slice_is(command, slice_of("check")))
        return signal_text(EVENT_REQUEST_JOB_DOCUMENT);
    if (slice_is(command, slice_of("start"))) {
        start_agent();
        return error_text(OTA_NONE);
    }
    if (slice_is(command, slice_of("reset"))) {
        platform_reset();
        return error_text(OTA_NONE);
    }
    if (slice_is(command, slice_of("shutdown")) || slice_is(command, slice_of("shutdown 1")))
        return shut_down(true);
    if (slice_is(command, slice_of("shutdown 0")))
        return shut_down(false);
    if (slice_take(&command, slice_of("fail ")))
        return fail(command);
    return "unknown command; "
           "use suspend, resume, abort, check, start, shutdown [0|1], fail CALL, reset";
}

static void poll_commands(void)
{
    struct slice line;
    while (console_read(&line)) {
        struct slice name = line;
        const char *result = obey(line);
        for (name.length = 0; name.length < line.length && line.at[name.length] != ' ';)
            name.length++;
        console_answer(name, result);
    }
}

static void feed_watchdog(void)
{
    /* In a trial it is the clock that runs out unless the image commits. */
    if (platform_image_state() == PAL_IMAGE_VALID)
        WDT_RR0 = WDT_FEED;
}

static uint32_t is_busy(void)
{
    return link_has_data();
}

static void poll_reset(void)
{
    static uint64_t deadline;
    if (!platform_wants_reset())
        return;
    if (deadline == 0)
        deadline = clock_ms() + FLUSH_LIMIT_MS;
    if (!transport_is_flushed() && clock_ms() < deadline)
        return;
    console_say("reset", "");
    chip_reset();
}

static _Noreturn void idle_without_network(const char *why)
{
    console_say(why, "");
    for (;;) {
        poll_commands();
        poll_reset();
        feed_watchdog();
        clock_sleep(WAKE_US, is_busy);
    }
}

static void read_settings(void)
{
    const uint8_t *page = flash_at(DEVICE_PAGE_ADDRESS);
    const struct image_header *header = flash_at(HANDOVER->image_address);
    application.declares = device_page_declares(page, FLASH_PAGE_SIZE);
    application.behaviour = header->behaviour;
    if (!device_page_find(page, FLASH_PAGE_SIZE, TAG_THING, 0, &application.thing) ||
        application.thing.length == 0 || application.thing.length > MAX_THING_NAME)
        application.thing.length = 0;
}

_Noreturn void application_run(void)
{
    read_settings();
    platform_begin((enum slot)HANDOVER->slot, HANDOVER->trial != 0);
    /* Commands may come before the first connection does. */
    prepare_agent();
    if (application.behaviour == BEHAVIOUR_CRASH)
        __builtin_trap();
    if (application.thing.length == 0)
        idle_without_network("the device page names no thing; provision the device");
    if (application.behaviour == BEHAVIOUR_NO_CONNECT)
        idle_without_network("this image does not connect");
    transport_begin(application.thing, (platform_faults() & FAULT_RETAINS) != 0);
    connection_begin(application.thing, (struct connection_owner){user_suspended, start_agent});
    link_begin();
    for (;;) {
        link_poll();
        connection_poll();
        agent_poll();
        poll_commands();
        if (agent.state == STATE_STOPPED && !application.user_stopped) {
            console_say("the agent gave up; starting it again", "");
            start_agent();
        }
        poll_reset();
        feed_watchdog();
        if (!link_has_data())
            clock_sleep(WAKE_US, is_busy);
    }
}
