/* Mounts, asked by the place itself and never by the text of a path: a mount is known by its number, so that
 * symlinks above the place and odd characters in its name mean nothing. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>

struct mounted {
	bool folder;        /* the place itself is a folder; false: absent */
	bool there;         /* and something is mounted on it; what follows is known then */
	const char *device; /* "MAJOR:MINOR", decimal */
	const char *root;   /* what of the filesystem is seen there; "/": the whole */
	const char *type;   /* "ext4" */
	bool read_only;
};
/* false with errno set: ENOTDIR where the place is something else than a folder (a symlink, too). */
bool mounted_at(struct arena *, const char *place, struct mounted *) __attribute__((warn_unused_result));

/* Who keeps a mount from being taken away, for people: "qemu-nbd (pid 812), loop3"; the first few of them.
 * NULL: nobody that shows. */
const char *mounted_users(struct arena *, const char *place);
