/* Back-off: which objects failed, how often, and when they may be tried again, by the host's clock. */
#pragma once
#include "act/execute.h"

/* First wait, longest wait; each failure doubles, and up to a quarter is added at random so that many objects
 * do not come back at the same moment. */
enum { BACKOFF_FIRST_MS = 1000, BACKOFF_MOST_MS = 300000 };

struct setback {
	const char *object;
	int tries;          /* passes in which it failed or changed and still differs */
	int64_t not_before; /* ms */
	bool given_up;
	const char *message, *hint; /* of the last failure; NULL: it did not fail, it only did not settle */
	const struct mark *at;      /* what asked for the action that failed */
};
struct backoff {
	struct arena *arena;
	struct list setbacks; /* struct setback */
	uint64_t seed;        /* of the jitter; changes with each use */
	int most_tries;
};

struct setback *backoff_find(const struct backoff *, const char *object);
/* One more pass in which this object did not get where it should. `failure` may be NULL. */
struct setback *backoff_note(struct backoff *, const char *object, const struct failure *, int64_t now);
void backoff_clear(struct backoff *, const char *object);
/* May it be acted on now? */
bool backoff_waits(const struct backoff *, const char *object, int64_t now);
/* The earliest moment after `now` at which something may be tried; -1: there is none. What could be tried now
 * and is not, because it needs what was given up, has no moment any more. */
int64_t backoff_next(const struct backoff *, int64_t now);
