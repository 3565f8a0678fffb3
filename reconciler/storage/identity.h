/* What a file is, beyond its name: device and inode tell whether two paths mean one thing, size and mtime
 * whether it changed since somebody looked. */
#pragma once
#include "model/have.h"
#include <sys/stat.h>

struct identity {
	bool regular, block;
	int64_t size;        /* of the file in bytes; 0 for a device */
	int64_t allocated;   /* bytes that a file takes on its disk, holes left out; -1: a device */
	int64_t written;     /* mtime, seconds since the epoch */
	const char *id;      /* "MAJOR:MINOR:INODE", or "b:MAJOR:MINOR" of a block device, decimal */
	const char *changed; /* "SIZE@SECONDS.NANOSECONDS" of mtime */
};
/* Texts lie in the arena. */
struct identity identity_from(struct arena *, const struct stat *);
/* Of what the path leads to, symlinks followed; false with errno set. */
bool identity_of(struct arena *, const char *path, struct identity *) __attribute__((warn_unused_result));
/* id, and where it is a file what it takes and when it was written last, into a found layer. */
void identity_note(const struct identity *, struct LayerFound *);
/* "ID CHANGED": the text of LayerFound.baseId. */
const char *identity_text(struct arena *, const struct identity *);
