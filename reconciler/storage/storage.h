/* Storage: volumes as lists of layers. Three instances: real layers (storage/real.c), the simulator's, a
 * snapshot's. Layout on disk, all of it found again by name and place alone:
 *
 *   STATE/volumes/UID/volume.json        the label: written first, removed last
 *   STATE/volumes/UID/0-file.raw         layer 0, named INDEX-LAYER.FORMAT
 *   STATE/volumes/UID/.1-overlay.qcow2.part   work in progress; an observer removes nothing, the next
 * creation does STATE/images/NAME.json               a cached digest, with the id, size and mtime that it was
 * computed for
 *
 * HaveImage.changed is "SIZE@SECONDS.NANOSECONDS"; LayerFound.baseId is HaveImage's "ID CHANGED". In a label,
 * baseId and digest of a layer say what its base (an image: the image itself) was when the layer was made; in
 * a found chain those of an image say what it is now, those of other layers are the label's. A base changed
 * where the two differ. */
#pragma once
#include "base/run.h"
#include "model/action.h"

struct storage {
	const struct storage_driver *driver;
};
struct storage_driver {
	const char *name;
	/* Fills found->volumes and, for the images of WANT, found->images; have->storage_known false if it
	 * cannot. */
	void (*observe)(struct storage *, const struct want *, struct have *);
	void (*begin)(struct storage *, const struct action *, const struct links *);
	/* Never waits. */
	bool (*reap)(struct storage *, struct finished *done);
	unsigned (*busy)(const struct storage *); /* begun and not yet reaped */
	/* Removes what killed programs left, and what belongs to nobody any more though it can be made anew
	 * at any time. Nothing may be in flight. NULL: there is nothing of the kind. */
	void (*sweep)(struct storage *, const struct want *, const struct have *);
	void (*close)(struct storage *);
};

struct storage_options {
	const char *state_dir; /* absolute */
	const char *run_dir; /* absolute: locks of devices, drives with secrets; NULL: nothing can be bound */
	const char *image_dir; /* no symlink in it may lead out of it; may be NULL */
	const char *owner;
	const struct texts *nbd;     /* /dev/nbdN that may be used; NULL or none: all */
	const struct texts *devices; /* block devices, or folders of them, that may be used; NULL: none */
	const char *root;            /* stands before /sys, /proc and /dev; NULL: nothing does. For tests */
	const char *hlfs_dir;        /* where the tools of HLFS are; NULL: nowhere */
	struct runner *runner;       /* of the children; must outlive it */
};
/* Real layers below the state folder. NULL and a diagnostic if that cannot be used. Makes no folder before
 * the first action does. The texts are copied. */
struct storage *storage_real(const struct storage_options *, struct report *);
