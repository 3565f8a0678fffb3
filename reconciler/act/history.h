/* History: what a daemon remembers of objects beyond one pass, and only to tell it: how often what is asked
 * for has changed, since when a condition stands, what was done last. No decision is made from it. */
#pragma once
#include "act/execute.h"
#include "act/status.h"

enum { DEEDS = 5 /* last actions that are kept of an object */ };

struct deed {
	const char *verb, *text; /* as in action.def; of the plan */
	bool failed;
	const char *message; /* of a failure, or a remark; NULL */
	int64_t time;        /* it ended: seconds since the epoch */
};
struct past {
	const char *object;
	int64_t generation; /* from 1: how many forms of it were seen */
	int64_t observed;   /* the generation that the last pass has seen */
	enum truth status[CONDITIONS];
	int64_t since[CONDITIONS]; /* seconds since the epoch: it has this status; 0: never judged */
	struct deed deeds[DEEDS];  /* oldest first */
	int deed_count;
	const char *ready; /* in words: what was told of it last; NULL */
};

struct history;
struct history *history_new(void);
void history_free(struct history *);
/* NULL: nothing is known of it. */
const struct past *history_find(const struct history *, const char *object);

/* Another WANT: objects whose body differs are of a new generation. `before` may be NULL. Calls `changed`
 * (may be NULL) for each object that is new or differs. */
void history_load(struct history *, const struct want *before, const struct want *now,
	void (*changed)(void *context, const char *object), void *context);
/* An action that ended. */
void history_deed(struct history *, const struct progress *, int64_t now);
/* A pass is over: what it made of each object (struct object_status). Objects that are not among them any
 * more are forgotten. Calls `told` for each whose words differ from those of the last time. */
void history_turn(struct history *, const struct list *statuses, int64_t now,
	void (*told)(void *context, const struct object_status *, const char *words), void *context);
