/* One layer of a chain: each is one file and one static struct, and knows nothing of its neighbours; all that
 * reaches it is the link from below. */
#pragma once
#include "model/action.h"
#include "storage/storage.h"

/* What a layer works with. Paths are absolute; `path` is the final name of this layer's own artefact. Texts
 * that a layer sets lie in `arena`. */
struct layer_job {
	struct arena *arena;
	const struct Layer *want;         /* the row of the manifest */
	const struct wanted_image *image; /* image layers */
	struct link below;                /* what the layer below gives; path NULL for the first */
	const char *state_dir;            /* where digests are cached */
	const char *image_dir;            /* no symlink in it may lead out of it; NULL: not known */
	const char *folder;               /* the volume's folder (or the place from below) */
	uint32_t index;                   /* in the chain, from 0 */
	struct LayerFound *found;         /* what is recorded (create fills it for the label) */
	const char *const *argv;          /* set by create: the program to run; NULL: none is needed */
	const char *temporary;            /* set by create: what it makes, renamed to `path` after success */
	const char *path;
	const char *error, *hint; /* set on failure, by layer_fail */
	bool terminal;            /* beside error: the same again would fail again */
};
/* Sets job->error (the text is formatted into the arena); always false, so that `return layer_fail(...)`
 * reads well. */
bool layer_fail(struct layer_job *, bool terminal, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

struct layer_driver {
	const char *key; /* of layer.def */
	/* Fills `found` with what creation would make, for the label that is written before it: key, path,
	 * format, and where it is known size, base and baseId. Makes nothing. */
	void (*expect)(struct layer_job *);
	/* Fills `found` from the disk, going by what the label recorded (`recorded`), never probing a format.
	 * Returns false where the artefact is not there; sets job->error where it is there but not what was
	 * recorded. */
	bool (*observe)(struct layer_job *, const struct LayerFound *recorded);
	/* Prepares the creation: fills argv and temporary, or does all of it (argv NULL). A layer that makes
	 * no file leaves temporary NULL. false: job->error. */
	bool (*create)(struct layer_job *);
	/* Checks what the program made and fills `found`. false: job->error. */
	bool (*created)(struct layer_job *);
	/* Binds and unbinds (devices, mounts); NULL where there is nothing to bind. */
	bool (*open)(struct layer_job *);
	bool (*close)(struct layer_job *);
	/* Removes the artefact; NULL for layers that own none. Absent is success. false: job->error. */
	bool (*remove)(struct layer_job *, const struct LayerFound *recorded);
	/* Grows in place; NULL where it cannot. */
	bool (*grow)(struct layer_job *, int64_t size);
};
extern const struct layer_driver layer_image, layer_overlay, layer_file;
const struct layer_driver *layer_find(const char *key);
/* What a found layer gives to the next; its texts are those of `found`. */
struct link layer_link(const struct LayerFound *found);
