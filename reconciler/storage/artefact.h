/* The files of a volume's folder: their names, and the steps by which one comes and goes. Nothing here
 * follows a symlink that stands in the folder, nor the folder itself if it is one. */
#pragma once
#include "storage/identity.h"
#include "storage/layer.h"

enum artefact {
	ARTEFACT_OTHER, /* not ours */
	ARTEFACT_LABEL, /* volume.json */
	ARTEFACT_LAYER, /* INDEX-LAYER.FORMAT */
	ARTEFACT_PLACE, /* INDEX-LAYER: where the filesystem of a layer is mounted */
	ARTEFACT_PART,  /* work in progress */
};
enum artefact artefact_kind(const char *name);

/* FOLDER/INDEX-LAYER.FORMAT */
const char *artefact_path(const struct layer_job *, const char *layer, enum disk_format);
/* FOLDER/INDEX-LAYER, in the volume's own folder */
const char *artefact_place(const struct layer_job *, const char *layer);
/* FOLDER/.INDEX-LAYER.part, likewise: stands while something is made that is no file */
const char *artefact_begun(const struct layer_job *, const char *layer);

/* Opens a layer's file for reading. -1 without job->error: it is not there. -1 with it: it is no regular
 * file, lies outside of job->folder, or cannot be opened. */
int artefact_open(struct layer_job *, const char *path, struct identity *);

/* The same, for writing. */
int artefact_change(struct layer_job *, const char *path, struct identity *);

/* Sets job->temporary beside job->path and makes it, empty, mode 0600, in place of what an interrupted
 * creation left there. The descriptor, for writing; -1 with job->error. */
int artefact_begin(struct layer_job *);
/* job->temporary becomes job->path, on the disk when this returns. false: job->error, and it is still
 * temporary. */
bool artefact_publish(struct layer_job *);
/* What was made: `seen` says whether it could be described into job->found, `size` what it is to be. false:
 * job->error. */
bool artefact_made(struct layer_job *, bool seen, int64_t size);
/* Removes job->temporary, if there is one: what failed leaves nothing behind. */
void artefact_abandon(struct layer_job *);
/* Removes job->recorded->path, on the disk when this returns. Absent is success. */
bool artefact_remove(struct layer_job *);
/* As layer_fail, with words for errno `error`: a full disk is said as such, and is worth another try. */
bool artefact_fail(struct layer_job *, int error, const char *what);
/* Words and hint for a full disk. */
extern const char artefact_full[], artefact_full_hint[];

/* A folder that stands at `path` itself, for *at calls; -1 with errno set (ELOOP or ENOTDIR: something else
 * is there). */
int folder_open(const char *path);
/* What was made, renamed or removed in a folder is on the disk when this returns; false with errno set. */
bool folder_sync(const char *path) __attribute__((warn_unused_result));
