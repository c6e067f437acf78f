/* Job status reports: what is sent, and what that ends. */
#include "ota/handlers.h"
#include "ota/platform.h"
#include "ota/status.h"
#include "ota/transport.h"
#include "shared/crc.h"
#include "shared/faults.h"
#include "shared/memory.h"

static char payload[MAX_STATUS];

static struct text begin(void)
{
    return text_in(payload, sizeof payload);
}

/* An execution is remembered by a checksum of its id and number. */
static uint32_t mark_of(struct slice job_id, uint32_t number)
{
    return crc32(job_id.at, job_id.length) ^ number * 0x9E3779B1u;
}

bool is_finished(struct slice job_id, uint32_t number)
{
    uint32_t mark = mark_of(job_id, number);
    uint32_t count = agent.finished_count;
    for (uint32_t i = 0; i < FINISHED_REMEMBERED && i < count; i++)
        if (agent.finished[i] == mark)
            return true;
    return false;
}

void set_execution(const struct job_document *document)
{
    agent.execution.number = document->execution_number;
    agent.execution.length = (uint8_t)document->job_id.length;
    memory_copy(agent.execution.id, document->job_id.at, document->job_id.length);
}

/* Nothing may follow a terminal status, so its execution is remembered and no longer active. */
static void send_last(const struct text *text, bool failed)
{
    uint32_t place = agent.finished_count++ % FINISHED_REMEMBERED;
    agent.finished[place] = mark_of(agent_job_id(), agent.execution.number);
    if (!(failed && agent_fault(FAULT_SILENT)))
        transport_report(agent_job_id(), text_slice(text));
    agent.execution.length = 0;
}

enum ota_error report_receiving(uint32_t stored, uint32_t blocks)
{
    struct text text = begin();
    status_receiving(&text, stored, blocks);
    bool sent = transport_publish(TOPIC_UPDATE, agent_job_id(), text_slice(&text), 0);
    return sent ? OTA_NONE : OTA_UPDATE_JOB_STATUS_FAILED;
}

void report_self_test(const char *stage)
{
    struct text text = begin();
    uint32_t version = platform_version();
    if (agent_fault(FAULT_WRONG_UPDATED_BY))
        version++;
    status_self_test(&text, stage, version);
    transport_report(agent_job_id(), text_slice(&text));
}

void report_accepted(uint32_t version, uint32_t updated_by)
{
    struct text text = begin();
    status_accepted(&text, version, updated_by);
    send_last(&text, false);
}

void report_failed(const char *word, uint32_t code)
{
    struct text text = begin();
    status_failed(&text, word, code);
    send_last(&text, true);
}

void report_failed_with_values(uint32_t first, uint32_t second)
{
    struct text text = begin();
    status_failed_with_values(&text, first, second);
    send_last(&text, true);
}

/* A platform that cannot enter TESTING or ACCEPTED makes it REJECTED, with the platform's status as
 * the reason unless there is a better one. */
enum ota_error decide(enum image_state wanted, uint32_t code)
{
    enum image_state state = wanted;
    uint32_t status = platform_set_image_state(wanted);
    if (status != 0) {
        if (code == 0)
            code = status;
        if (wanted == IMAGE_TESTING || wanted == IMAGE_ACCEPTED)
            state = IMAGE_REJECTED;
    }
    agent.image_state = state;
    if (agent.execution.length == 0)
        return OTA_NO_ACTIVE_JOB;
    switch (state) {
    case IMAGE_TESTING:
        report_self_test("active");
        break;
    case IMAGE_ACCEPTED:
        report_accepted(platform_version(), agent.updated_by);
        break;
    case IMAGE_REJECTED:
        report_failed("rejected", code);
        break;
    default:
        report_failed("aborted", code);
        break;
    }
    return OTA_NONE;
}
