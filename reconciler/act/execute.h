/* execute: runs the ready actions of plans, as many at a time as the host allows, one per object. An action
 * that fails holds back what needs it and nothing else. It knows neither threads nor time: it begins actions
 * and reaps them. */
#pragma once
#include "decide/plan.h"
#include "host/host.h"
#include "storage/storage.h"

enum progress_kind {
	PROGRESS_BEGIN,
	PROGRESS_DONE,
	PROGRESS_FAILED,
	PROGRESS_HELD /* what it needs failed */
};
struct progress {
	enum progress_kind kind;
	const struct action *action;
	const struct finished *result; /* DONE, FAILED */
	int64_t milliseconds;          /* since it began, by the host's clock */
};

struct executor {
	struct host *host;
	struct storage *storage;
	const char *state_dir; /* records; NULL: the host keeps everything itself */
	uint32_t parallelism;
	volatile const int *stop; /* becomes non-zero: begin nothing more, let running actions finish */
	void (*told)(void *context, const struct progress *);
	void *context; /* of told */
	/* Leave this action (and what needs it) out now? NULL: none. */
	bool (*skip)(void *owner, const struct action *);
};

struct failure {
	const struct action *action;
	bool terminal; /* another try would end the same */
	const char *message, *hint;
};
struct execution {
	uint32_t done, failed, held;
	struct list failures; /* struct failure */
};
/* Returns when nothing runs any more. Failures lie in `into`; the report gets warnings only. */
struct execution execute(const struct executor *, const struct plan *, const struct have *,
	struct arena *into, struct report *);

/* The same for who does not want to wait: plans under way. Mostly there is one; another may be added while
 * actions of the one before still run, if it leaves alone what those work on (executing_busy). */
struct executing;
struct executing *executing_new(const struct executor *);
/* Nothing may be under way. */
void executing_free(struct executing *);
/* Begins what is ready of a plan. It, `have`, WANT and the report live until executing_step hands `owner`
 * back. Failures lie in the plan's arena. `skip` is asked now, with `owner` as its context. */
void executing_add(
	struct executing *, const struct plan *, const struct have *, struct report *, void *owner);
/* Does anything that has not ended work on this object, or belong to its change? */
bool executing_busy(const struct executing *, const char *object);
/* Is a change of such a kind under way? */
bool executing_kind(const struct executing *, bool (*is)(const struct change *));
/* Is anything under way? */
bool executing_any(const struct executing *);
/* Waits until an action ends or `until` (by the host's clock) has passed, and begins what is ready then.
 * Returns the owner of a plan that has ended with this, with its result; NULL if none has. */
void *executing_step(struct executing *, int64_t until, struct execution *result);
