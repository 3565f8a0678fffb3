/* execute: runs the ready actions of a plan, as many at a time as the host allows, one per object. An action
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
	/* Leave this action (and what needs it) out now? NULL: none. */
	bool (*skip)(void *context, const struct action *);
	void *context;
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
