/* The data plane: begin a transfer, ask for blocks, take them. */
#include "net/http.h"
#include "ota/handlers.h"
#include "ota/platform.h"
#include "ota/stream.h"
#include "ota/transport.h"

#define FIRMWARE_FILE_TYPE 0u

enum ingest {
    INGEST_STORED,
    INGEST_DUPLICATE,
    INGEST_COMPLETE,
    INGEST_FAILED,
};

static struct slice stream_name(void)
{
    return (struct slice){agent.transfer.stream_name, agent.transfer.name_length};
}

static void give_up(void)
{
    agent_stop_request_timer();
    if (agent.execution.length > 0)
        (void)decide(IMAGE_ABORTED, 0);
    agent.momentum = 0;
    agent_follow(EVENT_SHUTDOWN);
}

static bool open_source(void)
{
    if (agent.transfer.protocol == DATA_HTTP)
        return http_begin();
    return transport_subscribe(TOPIC_STREAM_DATA, stream_name(), 0);
}

enum ota_error handle_init_file(void)
{
    struct transfer *transfer = &agent.transfer;
    if (transfer->present && open_source()) {
        transfer->open_at_source = true;
        agent.momentum = 0;
        agent_follow(EVENT_REQUEST_FILE_BLOCK);
        return OTA_NONE;
    }
    if (agent.momentum < agent.declares.momentum) {
        agent_start_request_timer();
        agent.momentum++;
    } else {
        give_up();
    }
    return OTA_INIT_FILE_TRANSFER_FAILED;
}

static bool is_wanted(uint32_t index)
{
    return (agent.transfer.bitmap[index / 8] >> index % 8 & 1) != 0;
}

/* The only size that block `index` may have. */
static uint32_t size_of(uint32_t index)
{
    uint32_t offset = index * agent.declares.block_size;
    uint32_t left = agent.transfer.file_size - offset;
    return left < agent.declares.block_size ? left : agent.declares.block_size;
}

static bool ask_stream(void)
{
    uint8_t payload[STREAM_REQUEST_OVERHEAD + MAX_BITMAP];
    const struct transfer *transfer = &agent.transfer;
    struct stream_request request = {
        .file_id = transfer->file_id,
        .block_size = agent.declares.block_size,
        .bitmap = {(const char *)transfer->bitmap, (transfer->blocks + 7) / 8},
        .count = agent.declares.window,
    };
    size_t size = stream_request_write(payload, &request);
    agent.transfer.window_left = agent.declares.window;
    return transport_publish(TOPIC_STREAM_GET, stream_name(),
                             (struct slice){(const char *)payload, size}, 0);
}

static bool ask_http(void)
{
    uint32_t index = 0;
    while (!is_wanted(index))
        index++;
    agent.transfer.window_left = 1;
    return http_request(index, index * agent.declares.block_size, size_of(index));
}

enum ota_error handle_request_data(void)
{
    struct transfer *transfer = &agent.transfer;
    if (!transfer->present || transfer->remaining == 0)
        return OTA_NONE;
    agent_start_request_timer();
    if (agent.momentum >= agent.declares.momentum) {
        give_up();
        return OTA_MOMENTUM_ABORT;
    }
    agent.momentum++;
    bool asked = transfer->protocol == DATA_HTTP ? ask_http() : ask_stream();
    return asked ? OTA_NONE : OTA_REQUEST_FILE_BLOCK_FAILED;
}

static bool is_ours(const struct event_data *data)
{
    if (!agent.transfer.present || agent.execution.length == 0)
        return false;
    if (data->kind == DATA_STREAM)
        return agent.transfer.protocol == DATA_MQTT && slice_is(data->name, stream_name());
    return data->kind == DATA_BODY && agent.transfer.protocol == DATA_HTTP;
}

static bool read_block(const struct event_data *data, struct data_block *block)
{
    if (data->kind == DATA_STREAM)
        return data_block_read(data->content, block);
    *block = (struct data_block){agent.transfer.file_id, data->index,
                                 (int64_t)data->content.length, data->content};
    return true;
}

static enum ingest ingest(const struct event_data *data)
{
    struct transfer *transfer = &agent.transfer;
    struct data_block block;
    if (!read_block(data, &block))
        return INGEST_FAILED;
    if (block.file_id != transfer->file_id)
        return INGEST_DUPLICATE; /* of another file: not for us */
    if (block.index < 0 || block.index >= transfer->blocks)
        return INGEST_FAILED;
    uint32_t index = (uint32_t)block.index;
    if (block.size != size_of(index) || block.payload.length != size_of(index))
        return INGEST_FAILED;
    if (!is_wanted(index))
        return INGEST_DUPLICATE;
    if (!platform_write_block(index * agent.declares.block_size, block.payload))
        return INGEST_FAILED;
    transfer->bitmap[index / 8] &= (uint8_t)~(1u << index % 8);
    transfer->remaining--;
    return transfer->remaining > 0 ? INGEST_STORED : INGEST_COMPLETE;
}

static enum ota_error stored(void)
{
    struct transfer *transfer = &agent.transfer;
    uint32_t count = transfer->blocks - transfer->remaining;
    enum ota_error error = OTA_NONE;
    agent.momentum = 0;
    if (count == 1 || count % agent.declares.status_frequency == 0)
        error = report_receiving(count, transfer->blocks);
    if (--transfer->window_left <= 0)
        agent_follow(EVENT_REQUEST_FILE_BLOCK);
    return error;
}

/* The file is bad: refuse it, report, and end the transfer. The running image is not touched. */
static enum ota_error fail(uint32_t main, uint32_t sub)
{
    (void)platform_set_image_state(IMAGE_REJECTED);
    agent_stop_request_timer();
    report_failed_with_values(main, sub);
    agent_follow(EVENT_CLOSE_FILE);
    return OTA_NONE;
}

/* All blocks are there: close, verify, report, and let the application activate. */
static enum ota_error complete(void)
{
    const struct transfer *transfer = &agent.transfer;
    bool firmware = transfer->file_type == FIRMWARE_FILE_TYPE;
    agent_stop_request_timer();
    uint32_t status = platform_close_file(transfer->file_size, firmware, transfer->signature,
                                          transfer->signature_length);
    if (status != 0)
        return fail(status >> 24, status & 0xFFFFFF);
    agent_follow(EVENT_CLOSE_FILE);
    if (firmware) {
        report_self_test("ready");
        agent.execution.length = 0;
        agent.callbacks.activate();
    } else {
        report_accepted(transfer->file_type, agent.updated_by);
    }
    return OTA_NONE;
}

enum ota_error handle_process_data(const struct event_data *data)
{
    if (!is_ours(data))
        return OTA_NONE;
    agent_start_request_timer();
    switch (ingest(data)) {
    case INGEST_STORED:
        return stored();
    case INGEST_COMPLETE:
        return complete();
    case INGEST_FAILED:
        return fail(PAL_UNINITIALIZED, 0);
    default:
        return OTA_NONE;
    }
}
