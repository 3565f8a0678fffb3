/* Looking at the world as it is now, without diff: is it what the manifests say? NULL where it is; else the
 * words of what is not. */
#pragma once
#include "tests/property/scene.h"

/* What is not ours is byte for byte as it was, and no action was forbidden. */
const char *foreign_is_untouched(struct scene *);
/* The next plan is empty, or says of all that is left why it is. */
const char *next_plan(struct scene *, const struct plan *);
/* All of it. *blocked: something of what is wanted is not there, for a reason that was said. */
const char *is_as_wanted(struct scene *, bool *blocked);
/* That, and as at the end of an undisturbed apply. */
const char *same_end(struct scene *);
