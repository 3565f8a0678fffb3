/* Being asked to stop: SIGINT and SIGTERM, for commands that act. The first one is noted, so that nothing
 * more is begun and what runs may end; a second one of the same kind ends the program as ever. SIGHUP is the
 * same for a command that ends by itself; for one that stays it only asks to look again. */
#pragma once
#include <stdbool.h>

/* From now on signals are caught, and SIGPIPE is ignored: a terminal that goes away must not end the work in
 * the middle of an action, nor must progress that nobody reads. Becomes non-zero when it shall stop. */
volatile const int *stop_catch(bool stays);
/* A descriptor that becomes readable when a signal has come, for who polls; -1 if there is none (the poll is
 * still interrupted, but for a signal that comes just before it). It is emptied by stop_drain. */
int stop_descriptor(void);
void stop_drain(void);
