/* Job documents: refuse, refresh, replace or begin. */
#include "net/http.h"
#include "ota/handlers.h"
#include "ota/platform.h"
#include "shared/memory.h"

static bool contains(struct slice text, const char *word)
{
    struct slice wanted = slice_of(word);
    for (; text.length >= wanted.length; text.at++, text.length--)
        if (memory_equal(text.at, wanted.at, wanted.length))
            return true;
    return false;
}

/* The primary protocol if the job offers it, else the other one if the device has it; 0 if none. A
 * protocol counts as offered only if the job also names the stream or the URL it needs. */
static uint8_t choose_protocol(const struct job_document *document)
{
    unsigned offered = 0;
    if (contains(document->protocols, "\"MQTT\"") && document->stream_name.length > 0)
        offered |= DATA_MQTT;
    if (contains(document->protocols, "\"HTTP\"") && document->url.length > 0)
        offered |= DATA_HTTP;
    offered &= agent.declares.data_protocols;
    if ((offered & agent.declares.primary) != 0)
        return agent.declares.primary;
    return (uint8_t)offered;
}

static void drop_transfer(void)
{
    if (!agent.transfer.present)
        return;
    agent_stop_request_timer();
    close_transfer();
    agent_clear_job();
}

/* There is nothing to do; a transfer that waited for its job to be confirmed ends. */
static enum ota_error no_active_job(void)
{
    drop_transfer();
    return OTA_EMPTY_JOB_DOCUMENT;
}

static enum ota_error refuse(enum job_defect defect, const struct job_document *document)
{
    drop_transfer();
    if (document->job_id.length == 0)
        return OTA_JOB_PARSER_ERROR; /* there is no topic to report on */
    enum job_parse_error error = defect == JOB_NO_BYTES         ? PARSE_ZERO_FILE_SIZE
                                 : defect == JOB_NON_CONFORMING ? PARSE_NON_CONFORMING
                                                                : PARSE_BAD_MODEL_INIT_PARAMS;
    struct execution active = agent.execution;
    set_execution(document);
    report_failed_with_values(OTA_JOB_PARSER_ERROR, error);
    if (!slice_is(document->job_id, (struct slice){active.id, active.length}))
        agent.execution = active;
    return OTA_JOB_PARSER_ERROR;
}

static bool continues(const struct job_document *document)
{
    const struct transfer *transfer = &agent.transfer;
    struct slice name = {transfer->stream_name, transfer->name_length};
    return transfer->present && slice_is(agent_job_id(), document->job_id) &&
           transfer->file_size == document->file_size && transfer->file_id == document->file_id &&
           slice_is(name, document->stream_name) &&
           transfer->has_signature == document->has_signature &&
           transfer->signature_length == document->signature_length &&
           memory_equal(transfer->signature, document->signature, MAX_STORED_SIGNATURE);
}

static enum ota_error give_up(uint32_t code)
{
    (void)decide(IMAGE_ABORTED, code);
    platform_abort();
    agent_clear_job();
    return OTA_INVALID_DATA_PROTOCOL;
}

static void want_all_blocks(struct transfer *transfer)
{
    uint32_t blocks = transfer->blocks;
    memory_fill(transfer->bitmap, 0, sizeof transfer->bitmap);
    memory_fill(transfer->bitmap, 0xFF, blocks / 8);
    if (blocks % 8 != 0)
        transfer->bitmap[blocks / 8] = (uint8_t)((1u << blocks % 8) - 1);
    transfer->remaining = blocks;
}

/* Nothing is erased for a job that cannot be fetched. */
static enum ota_error begin(const struct job_document *document)
{
    uint8_t protocol = choose_protocol(document);
    if (protocol == 0)
        return give_up(OTA_INVALID_DATA_PROTOCOL);
    uint32_t status = platform_create_file(document->file_size);
    if (status != 0)
        return give_up(status);
    struct transfer *transfer = &agent.transfer;
    memory_fill(transfer, 0, sizeof *transfer);
    transfer->present = true;
    transfer->protocol = protocol;
    transfer->name_length = (uint8_t)document->stream_name.length;
    memory_copy(transfer->stream_name, document->stream_name.at, document->stream_name.length);
    transfer->has_signature = document->has_signature;
    transfer->signature_length = document->signature_length;
    memory_copy(transfer->signature, document->signature, sizeof transfer->signature);
    transfer->file_size = document->file_size;
    transfer->file_id = document->file_id;
    transfer->file_type = document->file_type;
    transfer->blocks = (document->file_size - 1) / agent.declares.block_size + 1;
    want_all_blocks(transfer);
    http_set_url(document->url);
    agent.momentum = 0;
    agent_follow(EVENT_CREATE_FILE);
    return OTA_NONE;
}

/* Never while the running image is on trial or refused: the reset lets the boot loader go back to
 * the old image, which then does the job. */
static enum ota_error take_download_job(const struct job_document *document)
{
    if (platform_image_state() != PAL_IMAGE_VALID) {
        platform_reset();
        return OTA_IMAGE_STATE_MISMATCH;
    }
    if (continues(document)) {
        http_set_url(document->url);
        agent_follow(EVENT_CREATE_FILE);
        return OTA_NONE;
    }
    if (agent.execution.length > 0 || agent.transfer.present) {
        (void)platform_set_image_state(IMAGE_ABORTED);
        close_transfer();
        agent_clear_job();
    }
    set_execution(document);
    agent.updated_by = document->updated_by;
    return begin(document);
}

enum ota_error handle_process_job(const struct event_data *data)
{
    static struct job_document document; /* too large for the stack next to what is called here */
    const struct job_limits limits = {SLOT_SIZE, agent.declares.block_size, MAX_STREAM_NAME,
                                      MAX_URL};
    enum job_defect defect = job_document_read(data->content, &limits, &document);
    if (defect == JOB_EMPTY || defect == JOB_NONE)
        return no_active_job();
    if (defect == JOB_NAMELESS)
        document.job_id.length = 0;
    else if (document.job_id.length == 0)
        return no_active_job();
    else if (is_finished(document.job_id, document.execution_number))
        return OTA_EMPTY_JOB_DOCUMENT;
    if (defect != JOB_GOOD)
        return refuse(defect, &document);
    return document.self_test ? take_self_test_job(&document) : take_download_job(&document);
}
