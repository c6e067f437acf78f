/* The self-test of a new image: may it be tested, and what follows. */
#include "chip/clock.h"
#include "ota/handlers.h"
#include "ota/platform.h"
#include "shared/faults.h"

#define FIRMWARE_FILE_ID 0u
#define FIRMWARE_FILE_TYPE 0u

/* The running image must be newer than the one that performed the update. */
static enum ota_error check_version(uint32_t updated_by)
{
    if (agent.declares.allow_downgrade || agent_fault(FAULT_ANY_VERSION))
        return OTA_NONE;
    if (updated_by == platform_version())
        return OTA_SAME_FIRMWARE_VERSION;
    return updated_by > platform_version() ? OTA_DOWNGRADE_NOT_ALLOWED : OTA_NONE;
}

enum ota_error take_self_test_job(const struct job_document *document)
{
    /* Offered again while the application is still deciding, it changes nothing. */
    if (agent.image_state == IMAGE_TESTING && slice_is(agent_job_id(), document->job_id))
        return OTA_EMPTY_JOB_DOCUMENT;
    if (agent.transfer.present) {
        agent_stop_request_timer();
        close_transfer();
    }
    set_execution(document);
    agent.updated_by = document->updated_by;
    bool versioned =
        document->file_id == FIRMWARE_FILE_ID && document->file_type == FIRMWARE_FILE_TYPE;
    enum ota_error verdict = versioned ? check_version(document->updated_by) : OTA_NONE;
    if (verdict != OTA_NONE) {
        (void)decide(IMAGE_REJECTED, verdict);
        platform_reset();
        return verdict;
    }
    (void)decide(IMAGE_TESTING, 0);
    if (agent.image_state != IMAGE_TESTING)
        return OTA_IMAGE_STATE_MISMATCH;
    agent_follow(EVENT_START_SELF_TEST);
    return OTA_NONE;
}

/* The guard runs on until the application's test returns: an image that hangs in it is reset. */
enum ota_error handle_in_self_test(void)
{
    if (platform_image_state() == PAL_IMAGE_PENDING_COMMIT) {
        agent.callbacks.start_test();
        clock_guard_stop(GUARD_SELF_TEST);
        return OTA_NONE;
    }
    (void)decide(IMAGE_REJECTED, OTA_IMAGE_STATE_MISMATCH);
    platform_reset();
    return OTA_NONE;
}
