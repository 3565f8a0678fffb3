/* Storage: volumes as lists of layers. Three instances: real layers (storage/real.c), the simulator's, a snapshot's.
 * Layout on disk, all of it found again by name and place alone:
 *
 *   STATE/volumes/UID/volume.json        the label: written first, removed last
 *   STATE/volumes/UID/0-file.raw         layer 0, named INDEX-LAYER.FORMAT
 *   STATE/volumes/UID/.1-overlay.qcow2.part   work in progress; an observer removes nothing, the next creation does
 *   STATE/images/NAME.json               a cached digest, with the id, size and mtime that it was computed for */
#pragma once
#include "base/run.h"
#include "model/action.h"

struct storage {
	const struct storage_driver *driver;
};
struct storage_driver {
	const char *name;
	/* Fills found->volumes and, for the images of WANT, found->images; have->storage_known false if it cannot. */
	void (*observe)(struct storage *, const struct want *, struct have *);
	void (*begin)(struct storage *, const struct action *, const struct links *);
	/* Never waits. */
	bool (*reap)(struct storage *, struct finished *done);
	unsigned (*busy)(const struct storage *); /* begun and not yet reaped */
	void (*close)(struct storage *);
};

/* Real layers below state_dir; children in the runner. NULL and a diagnostic if the folder cannot be used. */
struct storage *storage_real(const char *state_dir, const char *image_dir, const char *owner, struct runner *, struct report *);
