/* The OTA agent: one event at a time through the transition table. */
#ifndef AGENT_H
#define AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "ota/codes.h"
#include "ota/job_document.h"
#include "ota/transitions.h"
#include "shared/device_page.h"
#include "shared/memory_map.h"
#include "shared/text.h"

#define MIN_BLOCK_SIZE 256u
#define MAX_BLOCK_SIZE 1024u
#define MAX_BITMAP (SLOT_SIZE / MIN_BLOCK_SIZE / 8 + 1)
#define MAX_STREAM_NAME 64u
#define MAX_URL 1500u

enum data_kind {
    DATA_NONE,
    DATA_NOTIFICATION, /* a job document that was pushed to us */
    DATA_ANSWER,       /* a job document that answers our request */
    DATA_STREAM,       /* a message of the stream `name` */
    DATA_BODY,         /* the body of an HTTP answer: block `index` */
};

struct event_data {
    enum data_kind kind;
    struct slice content;
    struct slice name;
    uint32_t index;
};

/* What the agent tells its application. */
struct agent_callbacks {
    void (*state_changed)(enum state from, enum state to);
    void (*activate)(void);
    void (*start_test)(void);
};

struct execution {
    uint32_t number; /* tells a retried execution from the one before */
    uint8_t length;  /* 0: no job is active */
    char id[MAX_JOB_ID];
};

/* A file being received. */
struct transfer {
    bool present;
    bool open_at_source; /* the stream is subscribed or the HTTP download initialised */
    bool has_signature;
    uint8_t protocol; /* enum data_protocol */
    uint8_t name_length;
    uint8_t signature[MAX_STORED_SIGNATURE];
    char stream_name[MAX_STREAM_NAME];
    uint32_t signature_length;
    uint32_t file_size;
    uint32_t file_id;
    uint32_t file_type;
    uint32_t blocks;
    uint32_t remaining;
    int32_t window_left;
    uint8_t bitmap[MAX_BITMAP]; /* bit i: block i is still wanted */
};

#define FINISHED_REMEMBERED 16u
#define FOLLOW_UPS 8u

struct agent {
    struct declares declares;
    struct agent_callbacks callbacks;
    struct slice thing;
    enum state state;
    enum image_state image_state;
    struct execution execution;
    struct transfer transfer;
    uint32_t updated_by;
    uint32_t momentum;
    uint32_t job_requests;
    bool unsubscribe;
    uint64_t request_deadline; /* ms; 0: the request timer is stopped */
    uint32_t finished[FINISHED_REMEMBERED]; /* executions that had their last report */
    uint32_t finished_count;
    uint8_t follow_ups[FOLLOW_UPS]; /* enum event */
    uint32_t follow_up_count;
};

extern struct agent agent;

/* From the outside */
/* Nothing is left of an earlier session; the state stays. To be called before anything else. */
void agent_prepare(struct slice thing, struct declares declares, struct agent_callbacks callbacks);
/* Ready for the start event. */
void agent_begin(void);
/* Handles an event and what follows from it. */
void agent_handle(enum event event, struct event_data data);
void agent_signal(enum event event);
/* Looks at the request timer. */
void agent_poll(void);
enum ota_error agent_suspend(void);
enum ota_error agent_resume(void);
/* The application's decision on the running image: accepted or rejected. */
enum ota_error agent_decide(enum image_state state);

/* Between the handlers */
bool agent_fault(uint32_t bit);
void agent_follow(enum event event);
void agent_start_request_timer(void);
void agent_stop_request_timer(void);
void agent_clear_job(void);
struct slice agent_job_id(void);

#endif
