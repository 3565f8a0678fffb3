/* Nodes that guests write, watched for the jobs that wait for them. One connection of its own, made when the
 * first job listens. What an event says is not looked at: whoever waits reads again. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct listener;
struct listener *listener_new(void);
void listener_free(struct listener *);
/* Whatever this domain says of its config drive, and the end of any domain. false: xenstore cannot be
 * watched; the caller then looks from time to time. Each call is undone by one of listener_leave. */
bool listener_join(struct listener *, int64_t domid);
void listener_leave(struct listener *, int64_t domid);
/* To poll for input while somebody listens; -1: there is nothing to be heard. */
int listener_descriptor(const struct listener *);
/* Takes in what has come; a number that grows with it. Never waits. */
uint64_t listener_events(struct listener *);
