/* What the files of simulated storage share. */
#pragma once
#include "host/sim/world.h"

/* layers.c. A layer as it will be: `base` is the image at or below it, `below` the layer that it stands on,
 * `place` the mounted filesystem that it lies in; each may be NULL. */
void layer_expect(struct arena *, const struct wanted_volume *, uint32_t index, const struct HaveImage *base,
	const struct LayerFound *below, const char *place, struct LayerFound *found);
/* What an image is now: a base has changed where that differs from what was written at creation. */
void image_stamp(struct arena *, const struct HaveImage *, struct LayerFound *);
/* Opens a layer that binds; false, and the op has failed, where no device is free. */
bool layer_bind(const struct world *, struct arena *, struct op *, struct LayerFound *);
bool layer_is_open(const struct LayerFound *); /* also one that does not bind */
/* Its row; a layer that only host.json knows counts as something that was always there. */
const struct layer_row *sim_row(const struct LayerFound *);
/* Takes from a copy what cannot be seen because something below is closed. */
void layers_seen(struct HaveVolume *);

/* storage.c */
const char *sim_id_of_path(struct arena *, int kind, const char *path);
/* What the volume gives, as far as it is open, into the op. */
void know_link(struct op *, const struct sim_volume *);

/* grow.c. The three of volume.grow. */
void grow_prepare(struct world *, struct op *, const struct action *, const struct links *);
void grow_effect(struct world *, struct op *);
void grow_half(struct world *, struct op *);
/* A layer that is as large as what it stands on. */
void layer_fit(struct LayerFound *, const struct LayerFound *below);
/* Has a guest this path as a disk? */
bool guest_holds_path(const struct world *, const char *path);
