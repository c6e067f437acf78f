/* The MQTT topics of the agent. */
#ifndef TOPICS_H
#define TOPICS_H

#include "shared/text.h"

enum topic {
    TOPIC_NONE,
    TOPIC_NOTIFY_NEXT,
    TOPIC_NEXT_GET,
    TOPIC_NEXT_GET_ACCEPTED,
    TOPIC_UPDATE,      /* `name` is the job */
    TOPIC_STREAM_DATA, /* `name` is the stream */
    TOPIC_STREAM_GET,  /* likewise */
};

/* "$aws/things/" and 128 characters, "/jobs/" and 72, "/update" */
#define MAX_TOPIC 232u

void topic_put(struct text *to, struct slice thing, enum topic topic, struct slice name);
/* Which of the topics that messages come on this is; `*name` is the stream of TOPIC_STREAM_DATA. */
enum topic topic_read(struct slice topic, struct slice thing, struct slice *name);

#endif
