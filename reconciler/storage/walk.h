/* A volume's chain as it is: the rows of its label held against the disk, one by one from the bottom. */
#pragma once
#include "storage/work.h"

enum presence {
	LAYER_THERE,  /* and open, where it binds */
	LAYER_ABSENT, /* not made, or nobody put it there */
	LAYER_LOST,   /* was there when the label was written, and is gone */
	LAYER_CLOSED, /* all is made that it makes, and it is not open */
	LAYER_HIDDEN, /* what it stands on is not there or not open, so it cannot be looked at */
	LAYER_WRONG,  /* there, but not what was recorded: job.error */
};
struct walked {
	struct layer_job job;
	const struct layer_driver *driver;
	const struct layer_row *row;
	enum presence presence;
	bool made; /* of layers that make: it is there, or the label says that it was made */
};
struct walk {
	struct walked *item;
	uint32_t count;
	struct link below;   /* of the topmost layer that is there, counted from the bottom without a gap */
	const char *unknown; /* the first layer that is not known here, which ends the walk; or NULL */
};
/* Of the first `count` rows of a label. Everything lies in the arena. No program runs, nothing is changed. */
struct walk walk_chain(
	struct arena *, const struct real *, const char *uid, const struct list *rows, uint32_t count);
