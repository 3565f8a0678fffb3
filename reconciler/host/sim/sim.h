/* The simulator from within, for tests: a host in memory, and a hand that does to its guests what people,
 * crashes and time do. Everything else goes through host_sim like any other host. */
#pragma once
#include "host/host.h"

/* A host that is in no file. `text` is a host.json to begin with, or NULL for the defaults. NULL with
 * diagnostics. */
struct host *sim_open_memory(const char *text, const char *owner, struct report *);
/* What host.json would say now. */
void sim_json(struct host *, struct buffer *out);

/* Something happens to the domain of that name without us. False if there is no such domain, or it is not one
 * to which that can happen (only a running or paused guest ends). */
bool sim_poke(struct host *, const char *xen_name, enum sim_event);
/* Somebody renames a domain by hand; false as above, or where that name exists. */
bool sim_rename(struct host *, const char *xen_name, const char *other);
/* The next action of this verb goes wrong. */
void sim_fault(struct host *, enum verb, enum sim_when);
/* Somebody creates a domain by hand: running, unmanaged, without disks. uuid NULL makes one up. False where
 * real Xen would refuse (the name exists, memory is short). */
bool sim_add(struct host *, const char *xen_name, const char *uuid, int64_t memory);
/* Time passes; guests boot, connect, obey, restart. */
void sim_advance(struct host *, int64_t milliseconds);

/* As though the process were killed when actions have changed the world `changes` times more (a creation does
 * it twice: begun, done): what is begun or ends after that changes nothing any more, and *stop becomes 1.
 * changes 0 ends that. */
void sim_stop_after(struct host *, uint32_t changes, int *stop);
/* How often actions have changed the world so far. */
uint32_t sim_changes(const struct host *);
