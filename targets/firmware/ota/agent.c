#include "ota/agent.h"

#include "chip/clock.h"
#include "ota/handlers.h"
#include "ota/platform.h"
#include "shared/faults.h"
#include "shared/memory.h"

struct agent agent;

static uint32_t sound_block_size(uint32_t size)
{
    bool power_of_two = (size & (size - 1)) == 0;
    return power_of_two && size >= MIN_BLOCK_SIZE && size <= MAX_BLOCK_SIZE ? size
                                                                            : MAX_BLOCK_SIZE;
}

void agent_prepare(struct slice thing, struct declares declares, struct agent_callbacks callbacks)
{
    agent.declares = declares;
    agent.declares.block_size = sound_block_size(declares.block_size);
    if (declares.window == 0)
        agent.declares.window = 1;
    if (declares.status_frequency == 0)
        agent.declares.status_frequency = 1;
    agent.callbacks = callbacks;
    agent.thing = thing;
    agent_clear_job();
    agent.momentum = 0;
    agent.unsubscribe = true;
    agent.image_state = IMAGE_UNKNOWN;
    agent.follow_up_count = 0;
}

void agent_begin(void)
{
    agent.state = STATE_READY;
}

static enum ota_error run(enum handler handler, const struct event_data *data)
{
    switch (handler) {
    case HANDLER_START:
        return handle_start();
    case HANDLER_REQUEST_JOB:
        return handle_request_job();
    case HANDLER_PROCESS_JOB:
        return handle_process_job(data);
    case HANDLER_IN_SELF_TEST:
        return handle_in_self_test();
    case HANDLER_INIT_FILE:
        return handle_init_file();
    case HANDLER_REQUEST_DATA:
        return handle_request_data();
    case HANDLER_PROCESS_DATA:
        return handle_process_data(data);
    case HANDLER_CLOSE_FILE:
        return handle_close_file();
    case HANDLER_USER_ABORT:
        return handle_user_abort();
    case HANDLER_SUSPEND:
        return handle_suspend();
    case HANDLER_RESUME:
        return handle_resume();
    case HANDLER_SHUTDOWN:
        return handle_shutdown();
    case HANDLER_JOB_NOTIFICATION:
        return handle_job_notification(data);
    case HANDLER_NONE:
        break;
    }
    return OTA_INVALID_ARG;
}

static void step(enum event event, const struct event_data *data)
{
    struct transition found = transition_find(agent.state, event);
    if (found.handler == HANDLER_NONE || run((enum handler)found.handler, data) != OTA_NONE)
        return;
    enum state from = agent.state;
    /* On the wire all is as it should be: the next event finds a row from here, too. */
    if (found.next == STATE_REQUESTING_FILE_BLOCK && agent_fault(FAULT_SKIPS_STATE))
        found.next = STATE_WAITING_FOR_FILE_BLOCK;
    agent.state = (enum state)found.next;
    if (from != agent.state)
        agent.callbacks.state_changed(from, agent.state);
}

void agent_handle(enum event event, struct event_data data)
{
    /* Once a reset was asked for, the agent's part is over; only reports are still sent. */
    if (agent.state == STATE_STOPPED || platform_wants_reset())
        return;
    step(event, &data);
    /* What the agent tells itself goes before anything from outside. */
    while (agent.follow_up_count > 0 && !platform_wants_reset()) {
        enum event next = (enum event)agent.follow_ups[0];
        agent.follow_up_count--;
        memory_move(agent.follow_ups, agent.follow_ups + 1, agent.follow_up_count);
        step(next, &data);
    }
}

void agent_signal(enum event event)
{
    agent_handle(event, (struct event_data){.kind = DATA_NONE});
}

void agent_poll(void)
{
    if (agent.request_deadline == 0 || clock_ms() < agent.request_deadline)
        return;
    agent.request_deadline = 0;
    agent_signal(EVENT_REQUEST_TIMER);
}

bool agent_fault(uint32_t bit)
{
    return (platform_faults() & bit) != 0;
}

void agent_follow(enum event event)
{
    if (agent.follow_up_count < FOLLOW_UPS)
        agent.follow_ups[agent.follow_up_count++] = (uint8_t)event;
}

void agent_start_request_timer(void)
{
    agent.request_deadline = clock_ms() + agent.declares.request_timer_ms;
}

void agent_stop_request_timer(void)
{
    agent.request_deadline = 0;
}

void agent_clear_job(void)
{
    agent.execution.length = 0;
    agent.updated_by = 0;
    agent.transfer.present = false;
}

struct slice agent_job_id(void)
{
    return (struct slice){agent.execution.id, agent.execution.length};
}

enum ota_error agent_suspend(void)
{
    if (agent.state == STATE_STOPPED)
        return OTA_AGENT_STOPPED;
    agent_stop_request_timer();
    clock_guard_stop(GUARD_SELF_TEST);
    agent_signal(EVENT_SUSPEND);
    return OTA_NONE;
}

enum ota_error agent_resume(void)
{
    if (agent.state == STATE_STOPPED)
        return OTA_AGENT_STOPPED;
    if (platform_image_state() == PAL_IMAGE_PENDING_COMMIT)
        clock_guard_start(GUARD_SELF_TEST, agent.declares.self_test_timer_ms);
    agent_start_request_timer();
    agent_signal(EVENT_RESUME);
    return OTA_NONE;
}

/* During a download there is no image to decide on: only giving it up makes sense. */
enum ota_error agent_decide(enum image_state state)
{
    if (state == IMAGE_ACCEPTED && agent.transfer.present)
        return OTA_IMAGE_STATE_MISMATCH;
    enum ota_error result = decide(state, 0);
    if (agent.transfer.present)
        agent_follow(EVENT_CLOSE_FILE);
    return result;
}
