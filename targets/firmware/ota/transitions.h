/* The state machine of the OTA agent, as a table. */
#ifndef TRANSITIONS_H
#define TRANSITIONS_H

enum state {
    STATE_INIT = 0,
    STATE_READY,
    STATE_REQUESTING_JOB,
    STATE_WAITING_FOR_JOB,
    STATE_CREATING_FILE,
    STATE_REQUESTING_FILE_BLOCK,
    STATE_WAITING_FOR_FILE_BLOCK,
    STATE_CLOSING_FILE,
    STATE_SUSPENDED,
    STATE_SHUTTING_DOWN,
    STATE_STOPPED,
    STATE_ALL,
};

enum event {
    EVENT_START = 0,
    EVENT_START_SELF_TEST,
    EVENT_REQUEST_JOB_DOCUMENT,
    EVENT_RECEIVED_JOB_DOCUMENT,
    EVENT_CREATE_FILE,
    EVENT_REQUEST_FILE_BLOCK,
    EVENT_RECEIVED_FILE_BLOCK,
    EVENT_REQUEST_TIMER,
    EVENT_CLOSE_FILE,
    EVENT_SUSPEND,
    EVENT_RESUME,
    EVENT_USER_ABORT,
    EVENT_SHUTDOWN,
};

enum handler {
    HANDLER_NONE = 0, /* the event is unexpected */
    HANDLER_START,
    HANDLER_REQUEST_JOB,
    HANDLER_PROCESS_JOB,
    HANDLER_IN_SELF_TEST,
    HANDLER_INIT_FILE,
    HANDLER_REQUEST_DATA,
    HANDLER_PROCESS_DATA,
    HANDLER_CLOSE_FILE,
    HANDLER_USER_ABORT,
    HANDLER_SUSPEND,
    HANDLER_RESUME,
    HANDLER_SHUTDOWN,
    HANDLER_JOB_NOTIFICATION,
};

struct transition {
    unsigned char state;   /* enum state; STATE_ALL: any */
    unsigned char event;   /* enum event */
    unsigned char handler; /* enum handler */
    unsigned char next;    /* enum state, if the handler reports no error */
};

/* The first row that matches; its handler is HANDLER_NONE if there is none. */
struct transition transition_find(enum state state, enum event event);

/* "WaitingForJob"; "" for what is no state. */
const char *state_text(enum state state);

#endif
