/* Progress of an apply on standard error: a plain line per action that ended and, on a terminal, one live
 * line that says what runs. With --log-format json an object per event. -q shows failures only. */
#pragma once
#include "act/execute.h"
#include "face/option.h"

struct progress_view {
	const struct options *options;
	bool live; /* standard error is a terminal */
	bool color;
	const struct action
		*running; /* the one that the live line names: the last that began and has not ended */
	uint32_t running_count;
	bool drawn; /* the live line stands there */
};

struct progress_view progress_view(const struct options *);
/* For struct executor: context is the view. */
void progress_tell(void *context, const struct progress *);
/* Removes the live line. */
void progress_end(struct progress_view *);
