/* One layer of a chain: each is one file and one static struct, and knows nothing of its neighbours; all that
 * reaches it is the link from below. What kind of layer it is (what it stands on and gives, whether it makes
 * something, whether it binds) says schema/layer.def. */
#pragma once
#include "model/action.h"
#include "model/chain.h"
#include "storage/storage.h"

/* What a layer works with. Paths are absolute; `path` is the final name of this layer's own artefact. Texts
 * that a layer sets lie in `arena`. */
struct layer_job {
	struct arena *arena;
	const char *uid;                   /* of the volume: what is bound for it is marked by it */
	const struct Layer *want;          /* the row of the manifest; NULL where only the label counts */
	const struct wanted_image *image;  /* image layers */
	struct link below;                 /* what the layer below gives; path NULL for the first */
	const char *state_dir;             /* where digests are cached */
	const char *image_dir;             /* no symlink in it may lead out of it; NULL: not known */
	const char *run_dir;               /* locks; NULL: nothing can be bound */
	const struct texts *nbd;           /* devices that may be used; none: all */
	const struct texts *devices;       /* beneath which a block device must lie */
	const char *root;                  /* before /sys, /proc and /dev: "" but in tests */
	const char *hlfs_dir;              /* where the tools of HLFS are; NULL: nowhere */
	const char *folder;                /* the volume's folder (or the place from below) */
	uint32_t index;                    /* in the chain, from 0 */
	const struct LayerFound *recorded; /* its row of the label; NULL before there is one */
	struct LayerFound *found;          /* what is there, or is going to be */
	const char *path;

	/* Set by the beginning of a step: */
	const char *const *argv;        /* the program to run; NULL: the step is done without one */
	const char *const *environment; /* more than the usual "K=V"; NULL: nothing */
	const char *temporary;          /* what it makes, renamed to `path` after success */
	int lock;                       /* held until the step has ended; -1 */
	unsigned tries;                 /* of this step, so far */
	const struct run_result *ran;   /* in `end`, `again`, `failed`: the program that has ended; or NULL */
	unsigned stage, waits;          /* of this step, for its driver: 0 whenever it begins */
	const void *kept;               /* likewise: NULL then */

	const char *error, *hint; /* set on failure, by layer_fail */
	bool terminal;            /* beside error: the same again would fail again */
};
/* Sets job->error (the text is formatted into the arena); always false, so that `return layer_fail(...)`
 * reads well. */
bool layer_fail(struct layer_job *, bool terminal, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* A step that may need a program, or several. */
struct layer_step {
	/* Prepares it: fills argv, or does all of it (argv NULL). false: job->error. */
	bool (*begin)(struct layer_job *);
	/* Checks what was done, by the program or by `begin`, and fills `found` where the layer is there
	 * after it. May set argv anew: the step goes on with another program, and `end` is called again.
	 * false: job->error. NULL: there is nothing to check. */
	bool (*end)(struct layer_job *);
	/* The program failed with these words on its standard error: is it worth beginning the step once more
	 * at once? (A device that somebody else took.) May be NULL: it is not. */
	bool (*again)(struct layer_job *, const char *errors);
	/* The program failed for good, as job->ran tells: says so in better words than the program's, by
	 * layer_fail, or leaves job->error as it is. May be NULL. */
	void (*failed)(struct layer_job *);
};

struct layer_driver {
	const char *key; /* of layer.def */
	/* Fills `found` with what creation would make, for the label that is written before it: key, path,
	 * format, and where it is known size, source, base and baseId. Makes nothing. */
	void (*expect)(struct layer_job *);
	/* Fills `found` from the disk, going by job->recorded, never probing a format, running no program.
	 * Returns false where the layer is not there (one that binds: is not open); sets job->error where it
	 * is there but not what was recorded. */
	bool (*observe)(struct layer_job *);
	/* Was it made, though it is not open? Only of layers that make and bind, where below is open; fills
	 * found->id then, for a label that was cut short of it. Sets job->error where something else is
	 * there. NULL: as the label says. */
	bool (*made)(struct layer_job *);
	/* What the next layer finds, where that is more than path, format and size of `found`. May be NULL.
	 */
	void (*give)(struct layer_job *, struct link *);
	/* create: of layers that make, and of images and devices, which check that all is as it should be.
	 * open, close: of layers that bind. remove: of layers that make; absent is success. Success of each
	 * means that it is on the disk. */
	struct layer_step create, open, close, remove;
	/* In place, to job->found->size. NULL: it cannot grow. */
	struct layer_step grow;
};
const struct layer_driver *layer_find(const char *key);
/* The next program of a step, without an environment of its own: job->argv, copied into its arena. Always
 * true, so that `return layer_run(...)` reads well. */
bool layer_argv(struct layer_job *, const char *const *argv);
#define layer_run(job, ...) layer_argv(job, (const char *const[]){__VA_ARGS__, NULL})
/* A step that needs no program, at once. false: job->error. */
bool layer_step_now(struct layer_job *, const struct layer_step *);
/* What a found layer gives to the next. */
struct link layer_link(struct layer_job *);
