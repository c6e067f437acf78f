#include "ota/topics.h"

#define THINGS "$aws/things/"
#define NOTIFY_NEXT "/jobs/notify-next"
#define NEXT_GET "/jobs/$next/get"
#define ACCEPTED "/accepted"
#define JOBS "/jobs/"
#define UPDATE "/update"
#define STREAMS "/streams/"
#define DATA "/data/cbor"
#define GET "/get/cbor"

void topic_put(struct text *to, struct slice thing, enum topic topic, struct slice name)
{
    text_add(to, THINGS);
    text_slice_add(to, thing);
    switch (topic) {
    case TOPIC_NOTIFY_NEXT:
        text_add(to, NOTIFY_NEXT);
        break;
    case TOPIC_NEXT_GET:
        text_add(to, NEXT_GET);
        break;
    case TOPIC_NEXT_GET_ACCEPTED:
        text_add(to, NEXT_GET ACCEPTED);
        break;
    case TOPIC_UPDATE:
        text_add(to, JOBS);
        text_slice_add(to, name);
        text_add(to, UPDATE);
        break;
    case TOPIC_STREAM_DATA:
    case TOPIC_STREAM_GET:
        text_add(to, STREAMS);
        text_slice_add(to, name);
        text_add(to, topic == TOPIC_STREAM_DATA ? DATA : GET);
        break;
    default:
        break;
    }
}

enum topic topic_read(struct slice topic, struct slice thing, struct slice *name)
{
    if (!slice_take(&topic, slice_of(THINGS)) || !slice_take(&topic, thing))
        return TOPIC_NONE;
    if (slice_is(topic, slice_of(NOTIFY_NEXT)))
        return TOPIC_NOTIFY_NEXT;
    if (slice_is(topic, slice_of(NEXT_GET ACCEPTED)))
        return TOPIC_NEXT_GET_ACCEPTED;
    struct slice tail = slice_of(DATA);
    if (!slice_take(&topic, slice_of(STREAMS)) || topic.length <= tail.length)
        return TOPIC_NONE;
    *name = (struct slice){topic.at, topic.length - tail.length};
    topic.at += name->length;
    topic.length = tail.length;
    return slice_is(topic, tail) ? TOPIC_STREAM_DATA : TOPIC_NONE;
}
