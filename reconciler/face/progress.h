/* Progress of an apply on standard error: a plain line per action that ended and, on a terminal, below those
 * a live line per action that runs. With --log-format json an object per event. -q shows failures only. */
#pragma once
#include "act/execute.h"
#include "face/option.h"

enum { PROGRESS_LINES = 8 /* live ones; the rest is counted */ };

struct progress_view {
	const struct options *options;
	bool live; /* standard error is a terminal */
	bool color;
	struct list running; /* struct action, in the order in which they began */
	struct arena *arena;
	unsigned drawn; /* live lines that stand there */
};

/* `arena` outlives the view. */
struct progress_view progress_view(const struct options *, struct arena *);
/* For struct executor: context is the view. */
void progress_tell(void *context, const struct progress *);
/* Removes the live line. */
void progress_end(struct progress_view *);
