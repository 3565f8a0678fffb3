/* Images, beyond their use as a layer. */
#pragma once
#include "model/action.h"

/* What is there of an image that WANT names. Never fails: what cannot be found out is not known. */
struct HaveImage *image_observe(struct arena *, const struct wanted_image *, const char *state_dir);
/* Is the file at image->path fit to be a base? NULL: it is. Otherwise what is wrong, into the arena. */
const char *image_problem(struct arena *, const struct wanted_image *, const char *image_dir);
