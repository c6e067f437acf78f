#include "net/link.h"

#include "chip/clock.h"
#include "chip/uart.h"
#include "net/slip.h"
#include "shared/crc.h"
#include "shared/memory.h"

/* Types of frames; those of the host have bit 4. */
enum frame_type {
    FRAME_OPEN = 1,
    FRAME_DATA = 2,
    FRAME_CLOSE = 3,
    FRAME_CREDIT = 4,
    FRAME_HELLO = 5,
    HOST_HELLO = 16,
    HOST_OPENED = 17,
    HOST_DATA = 18,
    HOST_CLOSED = 19,
    HOST_CREDIT = 20,
};

#define RING_SIZE 256u /* bytes that may be under way to us on one channel */
#define GRANT_AT 128u  /* grant no smaller pieces than this */
#define FRAME_OVERHEAD 4u
#define MAX_DATA 1024u /* payload bytes of one frame to the host */
#define SEND_LIMIT_MS 2000u

struct channel_data {
    uint8_t state; /* enum channel_state */
    uint16_t start;
    uint16_t length;
    uint16_t granted; /* bytes the host may still send */
    uint32_t credit;  /* bytes we may still send */
    uint8_t ring[RING_SIZE];
};

static struct channel_data channels[CHANNELS];
static uint8_t frame[RING_SIZE + FRAME_OVERHEAD];
static struct slip_decoder decoder;
static uint16_t sending_crc;

static void put(uint8_t byte)
{
    uint8_t escaped[2];
    size_t count = slip_escape(byte, escaped);
    for (size_t i = 0; i < count; i++)
        (void)uart_write(escaped[i]);
    sending_crc = crc16_add(sending_crc, byte);
}

static void begin_frame(enum channel channel, enum frame_type type)
{
    (void)uart_write(SLIP_END); /* ends whatever noise came before */
    sending_crc = CRC16_START;
    put((uint8_t)channel);
    put((uint8_t)type);
}

static void end_frame(void)
{
    uint16_t crc = sending_crc;
    put((uint8_t)crc);
    put((uint8_t)(crc >> 8));
    (void)uart_write(SLIP_END);
}

static void send_empty(enum channel channel, enum frame_type type)
{
    begin_frame(channel, type);
    end_frame();
}

static void grant(enum channel channel)
{
    struct channel_data *data = &channels[channel];
    uint16_t room = (uint16_t)(RING_SIZE - data->length - data->granted);
    if (data->state != CHANNEL_OPEN || room < GRANT_AT)
        return;
    data->granted = (uint16_t)(data->granted + room);
    begin_frame(channel, FRAME_CREDIT);
    put((uint8_t)room);
    put((uint8_t)(room >> 8));
    end_frame();
}

static void forget(struct channel_data *data)
{
    data->state = CHANNEL_CLOSED;
    data->start = data->length = data->granted = 0;
    data->credit = 0;
}

void link_begin(void)
{
    decoder = (struct slip_decoder){.frame = frame, .room = sizeof frame};
    uart_begin();
    send_empty(CHANNEL_MQTT, FRAME_HELLO);
}

/* Bytes were lost on the wire, so no stream can be trusted any more: begin anew. */
static void begin_anew(void)
{
    for (int channel = 0; channel < CHANNELS; channel++)
        forget(&channels[channel]);
    send_empty(CHANNEL_MQTT, FRAME_HELLO);
}

static void store(struct channel_data *data, const uint8_t *bytes, size_t count)
{
    if (data->state != CHANNEL_OPEN)
        return;
    if (count > data->granted) {
        begin_anew(); /* more than granted: host and device disagree about what was sent */
        return;
    }
    data->granted = (uint16_t)(data->granted - count);
    for (size_t i = 0; i < count; i++)
        data->ring[(data->start + data->length++) % RING_SIZE] = bytes[i];
}

static void take_frame(const uint8_t *bytes, size_t length)
{
    uint16_t crc = CRC16_START;
    for (size_t i = 0; i + 2 < length; i++)
        crc = crc16_add(crc, bytes[i]);
    if (length < FRAME_OVERHEAD || crc != (bytes[length - 2] | bytes[length - 1] << 8)) {
        begin_anew();
        return;
    }
    if (bytes[1] == HOST_HELLO) {
        for (int channel = 0; channel < CHANNELS; channel++)
            forget(&channels[channel]);
        return;
    }
    if (bytes[0] >= CHANNELS)
        return;
    struct channel_data *data = &channels[bytes[0]];
    const uint8_t *payload = bytes + 2;
    size_t count = length - FRAME_OVERHEAD;
    switch (bytes[1]) {
    case HOST_OPENED:
        if (data->state == CHANNEL_OPENING) {
            data->state = CHANNEL_OPEN;
            grant((enum channel)bytes[0]);
        }
        break;
    case HOST_DATA:
        store(data, payload, count);
        break;
    case HOST_CLOSED:
        if (data->state == CHANNEL_OPEN)
            data->state = CHANNEL_ENDING;
        else if (data->state == CHANNEL_OPENING)
            data->state = CHANNEL_CLOSED;
        break;
    case HOST_CREDIT:
        if (count >= 2)
            data->credit += (uint32_t)(payload[0] | payload[1] << 8);
        break;
    default:
        break;
    }
}

void link_poll(void)
{
    for (int byte = uart_read(); byte >= 0; byte = uart_read())
        if (slip_take(&decoder, (uint8_t)byte))
            take_frame(frame, decoder.length);
}

bool link_has_data(void)
{
    for (int channel = 0; channel < CHANNELS; channel++)
        if (channels[channel].length > 0)
            return true;
    return uart_has_data();
}

void channel_open(enum channel channel, enum socket_kind kind, struct slice where)
{
    forget(&channels[channel]);
    channels[channel].state = CHANNEL_OPENING;
    begin_frame(channel, FRAME_OPEN);
    put((uint8_t)kind);
    for (size_t i = 0; i < where.length; i++)
        put((uint8_t)where.at[i]);
    end_frame();
}

void channel_close(enum channel channel)
{
    if (channels[channel].state == CHANNEL_CLOSED)
        return;
    forget(&channels[channel]);
    send_empty(channel, FRAME_CLOSE);
}

enum channel_state channel_state(enum channel channel)
{
    return (enum channel_state)channels[channel].state;
}

size_t channel_read(enum channel channel, uint8_t *to, size_t room)
{
    struct channel_data *data = &channels[channel];
    size_t count = data->length < room ? data->length : room;
    for (size_t i = 0; i < count; i++)
        to[i] = data->ring[(data->start + i) % RING_SIZE];
    data->start = (uint16_t)((data->start + count) % RING_SIZE);
    data->length = (uint16_t)(data->length - count);
    if (count > 0)
        grant(channel);
    else if (data->state == CHANNEL_ENDING)
        data->state = CHANNEL_CLOSED;
    return count;
}

static bool wait_for_credit(enum channel channel)
{
    uint64_t limit = clock_ms() + SEND_LIMIT_MS;
    while (channels[channel].state == CHANNEL_OPEN && channels[channel].credit == 0) {
        if (clock_ms() > limit) {
            channel_close(channel);
            return false;
        }
        link_poll(); /* only fills rings, so nothing is handled behind the caller's back */
    }
    return channels[channel].state == CHANNEL_OPEN;
}

/* How much of the pieces fits into the next frame. */
static size_t next_size(enum channel channel, size_t left)
{
    size_t size = left < MAX_DATA ? left : MAX_DATA;
    return size < channels[channel].credit ? size : channels[channel].credit;
}

bool channel_send(enum channel channel, const struct slice *pieces, size_t count)
{
    size_t left = 0;
    for (size_t i = 0; i < count; i++)
        left += pieces[i].length;
    size_t in_piece = 0;
    while (left > 0) {
        if (!wait_for_credit(channel))
            return false;
        size_t size = next_size(channel, left);
        begin_frame(channel, FRAME_DATA);
        for (size_t sent = 0; sent < size; sent++) {
            while (in_piece == pieces->length) {
                pieces++;
                in_piece = 0;
            }
            put((uint8_t)pieces->at[in_piece++]);
        }
        end_frame();
        channels[channel].credit -= size;
        left -= size;
    }
    return true;
}
