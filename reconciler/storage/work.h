/* Real storage from the inside: one `struct work` per begun action, and the verbs that it may carry out. A
 * verb has a beginning, programs one after another, and an end. */
#pragma once
#include "storage/identity.h"
#include "storage/layer.h"

struct real {
	struct storage storage;
	struct arena *arena;                                 /* of the texts here */
	const char *state_dir, *run_dir, *image_dir, *owner; /* as in struct storage_options */
	const char *root, *hlfs_dir;
	struct texts nbd, devices;
	struct runner *runner;
	struct work *first; /* begun and not yet reaped, in the order of beginning */
};

struct work {
	struct work *next;
	struct arena *arena; /* of all that belongs to this work */
	const struct real *real;
	const struct work_verb *verb;
	int64_t deadline_ms;
	const char *const *argv;        /* set by begin: the program to run; NULL: the work is done */
	const char *const *environment; /* beside it: more than the usual "K=V", up to 8; may be NULL */
	struct child *child;
	bool ended;
	struct finished result;

	/* volume.* */
	const char *folder;
	struct Label *label;
	struct layer_job job;          /* of the layer that is worked on */
	const struct layer_step *step; /* of its driver */
	struct walk *walk;             /* volume.remove */
	/* volume.grow of a filesystem: the layer below that has a size of its own, and which */
	struct {
		bool known;
		uint32_t index;
		int64_t size;
	} grown;
	/* config.create */
	struct {
		const char *uid, *path, *part, *stage; /* of the domain; the drive; see drive.c */
	} drive;
	/* image.verify */
	struct wanted_image image;
	struct identity before;
};

struct work_verb {
	enum verb verb;
	/* false: the work failed, by work_fail. */
	bool (*begin)(struct work *, const struct action *);
	/* After the program has succeeded; NULL for verbs that run none. May set argv: another is run. */
	bool (*finish)(struct work *);
	/* After it has failed: true where that was dealt with: argv is set to try again at once, or the work
	 * failed with words of its own. May be NULL. */
	bool (*again)(struct work *, const struct run_result *);
	/* After it has failed: takes away what it left. May be NULL. */
	void (*abandon)(struct work *);
};
extern const struct work_verb work_create, work_open, work_grow, work_close, work_record, work_remove,
	work_verify, work_config_create, work_config_remove, work_config_record;

/* Says how the work failed, with a text in its arena; always false. */
bool work_fail(struct work *, enum outcome, const char *hint, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* The same for errno `error` of something done to `path`; a full disk is said as such. */
bool work_fail_errno(struct work *, int error, const char *path);
/* The same for a layer that failed, by its job. */
bool work_fail_job(struct work *, const struct layer_job *);
/* Steps of work->job, as the members of work_verb: what begins, goes on after a program, and is tried again.
 */
bool work_step_begin(struct work *);
bool work_step_end(struct work *);
bool work_step_again(struct work *, const struct run_result *);
/* Lets go of what the step holds, and takes away what it left unfinished. */
void work_step_abandon(struct work *);

/* Is the text a uid as we write them? Checked before it becomes part of a path. */
bool volume_is_uid(const char *text);
/* STATE/volumes/UID */
const char *volume_folder(struct arena *, const struct real *, const char *uid);
/* What of our naming stands in a volume's folder, and the first name that is not ours (NULL: none). false
 * with errno. */
struct volume_files {
	uint32_t layers, parts;
	const char *layer, *other; /* one of each, in the arena */
};
bool volume_files(struct arena *, const char *folder, struct volume_files *)
	__attribute__((warn_unused_result));
/* A job on layer `index` of a volume, with an empty `found`. */
struct layer_job volume_job(
	struct arena *, const struct real *, const char *uid, uint32_t index, const struct link *below);
/* Everything below STATE/volumes that is of our owner, into have->found->volumes; false: *why says why it
 * could not be listed. */
bool volume_observe(const struct real *, struct have *, const char **why) __attribute__((warn_unused_result));
