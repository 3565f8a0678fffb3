/* Watches on xenstore: what wakes a daemon between two observations. They are a hint, never the truth: an
 * observation finds what they miss. A connection of its own, because libxenstore starts a thread for one that
 * watches. */
#pragma once
#include "host/xen/xl_list.h"

struct watch;
struct watch *watch_new(void); /* connects when its descriptor is first asked for */
void watch_free(struct watch *);

/* Becomes readable when a domain came, went, or was changed by dom0; -1 where there is no xenstored. May be
 * another one after each watch_follow. */
int watch_descriptor(struct watch *);
/* These domains (struct listed) and no others are watched from now on; to be called before they are looked
 * at. A connection that died is made anew. Does nothing as long as nobody asked for the descriptor. */
void watch_follow(struct watch *, const struct list *listed);
/* Empties the descriptor. False: nothing has changed. True: the domains in `changed` (uuids, in the arena,
 * each once) may have; where none is named, anything may. */
bool watch_drain(struct watch *, struct arena *, struct list *changed);
