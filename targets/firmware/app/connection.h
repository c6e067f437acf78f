/* The agent's connection: suspended when it breaks, resumed when it is back; a job request that is
 * not answered is repeated. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include <stdbool.h>

#include "shared/text.h"

struct connection_owner {
    bool (*user_suspended)(void);
    void (*start_agent)(void);
};

void connection_begin(struct slice thing, struct connection_owner owner);
void connection_poll(void);
/* The application starts the agent anew: attempts are counted from 0. */
void connection_forget_attempts(void);

#endif
