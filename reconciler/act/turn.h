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
	struct backoff failures; /* objects that failed */
	struct backoff unseen;   /* what could not be observed: objects, or "the host" */
	struct backoff rounds; /* how often each object was changed and still differs: does it ever settle? */
	struct backoff revivals; /* how often each guest was made again shortly after it was made */
	struct backoff missing;  /* until when what is to be pruned is kept */
	uint32_t done, failed;   /* actions, of all turns */
};

struct turn {
	struct report *report;
	struct have *have;
	struct plan *plan;
	struct list waiting; /* const char *: objects that are not worked on in this turn */
};

void turner_init(
	struct turner *, const struct executor *, const struct observer *, const struct turn_options *);
void turner_free(struct turner *);
/* What this object asks for is new: nothing that failed before speaks against it. */
void turner_forget(struct turner *, const char *object);
/* WANT is about to go: nothing points into it any more. */
void turner_leave_want(struct turner *);

/* Observes and plans. The turn is freed with turn_free, before WANT is. */
struct turn turn_look(struct turner *, const struct want *);
/* Executes what is planned and need not wait. False: there is nothing of the kind; then turn_next says when
 * to look again: the moment by the host's clock at which something may have become different by itself, or
 * -1. */
bool turn_work(struct turner *, struct turn *);
int64_t turn_next(struct turner *, const struct turn *);
void turn_free(struct turn *);
