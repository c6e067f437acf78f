#include "net/slip.h"

static void put(struct slip_decoder *decoder, uint8_t byte)
{
    if (decoder->length < decoder->room)
        decoder->frame[decoder->length++] = byte;
    else
        decoder->spoilt = true;
}

bool slip_take(struct slip_decoder *decoder, uint8_t byte)
{
    if (decoder->reported) {
        decoder->reported = false;
        decoder->length = 0;
    }
    if (byte == SLIP_END) {
        bool complete = decoder->length > 0 && !decoder->spoilt && !decoder->escaped;
        decoder->escaped = decoder->spoilt = false;
        decoder->reported = complete;
        if (!complete)
            decoder->length = 0;
        return complete;
    }
    if (decoder->escaped) {
        decoder->escaped = false;
        if (byte == SLIP_ESC_END)
            put(decoder, SLIP_END);
        else if (byte == SLIP_ESC_ESC)
            put(decoder, SLIP_ESC);
        else
            decoder->spoilt = true;
    } else if (byte == SLIP_ESC) {
        decoder->escaped = true;
    } else {
        put(decoder, byte);
    }
    return false;
}

size_t slip_escape(uint8_t byte, uint8_t escaped[2])
{
    escaped[0] = byte;
    if (byte != SLIP_END && byte != SLIP_ESC)
        return 1;
    escaped[0] = SLIP_ESC;
    escaped[1] = byte == SLIP_END ? SLIP_ESC_END : SLIP_ESC_ESC;
    return 2;
}
