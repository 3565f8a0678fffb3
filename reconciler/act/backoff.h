/* Back-off: which objects failed, how often, and when they may be tried again, by the host's clock. It lives
 * as long as its loop, which may be months: what is cleared gives its memory back. */
#pragma once
#include "act/execute.h"

/* First wait, longest wait; each failure doubles, and up to a quarter is added at random so that many objects
 * do not come back at the same moment. */
enum { BACKOFF_FIRST_MS = 1000, BACKOFF_MOST_MS = 300000 };

struct setback {
	struct arena *arena; /* its own: the object's name */
	struct arena *words; /* its own: of the last failure */
	const char *object;
	int tries;          /* passes in which it failed or changed and still differs */
	int64_t noted;      /* ms: the last of them */
	int64_t not_before; /* ms */
	bool given_up;
	const char *message, *hint; /* of the last failure; NULL: it did not fail, it only did not settle */
	const struct mark *at;      /* what asked for the action that failed; belongs to WANT */
};
struct backoff {
	uint64_t seed;  /* of the jitter; changes with each use */
	int most_tries; /* then it is given up, as after a terminal failure; 0: never, it is tried more and
			   more seldom */
	int free_tries; /* so many are followed by no wait */
	struct setback **item;
	uint32_t count, room;
};

void backoff_free(struct backoff *);
struct setback *backoff_find(const struct backoff *, const char *object);
/* One more pass in which this object did not get where it should. `failure` may be NULL. */
struct setback *backoff_note(struct backoff *, const char *object, const struct failure *, int64_t now);
/* An object that is not in there yet waits until this moment; one that is keeps its own. */
void backoff_hold(struct backoff *, const char *object, int64_t until);
void backoff_clear(struct backoff *, const char *object);
/* May it be acted on now? */
bool backoff_waits(const struct backoff *, const char *object, int64_t now);
/* The earliest moment after `now` at which something may be tried; -1: there is none. What could be tried now
 * and is not, because it needs what was given up, has no moment any more. */
int64_t backoff_next(const struct backoff *, int64_t now);
