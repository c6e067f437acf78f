/* The application around the agent: connection, commands, the image's opinion of itself. */
#ifndef APPLICATION_H
#define APPLICATION_H

_Noreturn void application_run(void);

#endif
