/* A turn: one pass over the world. Look (observe, plan), work (execute what may be tried now), and know when
 * to look again. From one turn to the next nothing is carried but back-off: each believes only what it
 * observes. `converge` takes turns until there is an end, the daemon for ever. */
#pragma once
#include "act/backoff.h"
#include "have/observe.h"

struct turn_options {
	struct plan_options plan;
	uint64_t seed;          /* of the jitter */
	int tries;              /* of one object, before it is given up; 0: never, but more and more seldom */
	int64_t prune_delay_ms; /* what no manifest names any more is removed after so long; 0: at once */
};

/* What is carried. The executor's `skip` is the turner's own. */
struct turner {
	struct executor given;
	struct observer observer;
	struct turn_options options;
	struct executing *executing; /* what turns before have begun, and what has not ended of it */
	struct backoff failures;     /* objects that failed */
	struct backoff unseen;       /* what could not be observed: objects, or "the host" */
	struct backoff rounds; /* how often each object was changed and still differs: does it ever settle? */
	struct backoff revivals; /* how often each guest was made again shortly after it was made */
	struct backoff missing;  /* until when what is to be pruned is kept */
	uint32_t done, failed;   /* actions, of all turns that have ended */
};

/* One look at the world, and what became of it. WANT outlives it. */
struct turn {
	struct turner *turner;
	const struct want *want;
	struct report *report;
	struct have *have;
	struct plan *plan;
	struct list waiting; /* const char *: objects that are not worked on in this turn */
	size_t told;         /* the caller's: how many diagnostics of the report were told */
};

void turner_init(
	struct turner *, const struct executor *, const struct observer *, const struct turn_options *);
/* Nothing may be under way. */
void turner_free(struct turner *);
/* What this object asks for is new: nothing that failed before speaks against it. */
void turner_forget(struct turner *, const char *object);
/* WANT is about to go: nothing points into it any more but turns that have not ended. */
void turner_leave_want(struct turner *);

/* Observes and plans. */
struct turn *turn_look(struct turner *, const struct want *);
void turn_free(struct turn *); /* one that was not begun, or that turner_step gave back */
/* Begins what is planned and need not wait. False: there is nothing of the kind, and turn_next says when to
 * look again: the moment by the host's clock at which something may have become different by itself, or -1.
 * True: the turn is under way, and is the caller's again when turner_step gives it back. What is under way
 * already is left alone. */
bool turn_begin(struct turn *) __attribute__((warn_unused_result));
int64_t turn_next(const struct turn *);

/* Is anything under way? */
bool turner_works(const struct turner *);
/* Waits until an action ends or `until` has passed, by the host's clock. The turn that has ended with this;
 * NULL: none has. */
struct turn *turner_step(struct turner *, int64_t until);
