/* reach: which folders decide what a load of some PATHs reads, and which names in them. What is watched is
 * computed here and nowhere else; that it is watched is watch.c's. */
#pragma once
#include "base/text.h"
#include <sys/types.h>

/* A folder on the way to manifests, or one that holds them. The same folder by two ways is one of these. */
struct reach_folder {
	const char *path; /* absolute, without links, with a slash at its end */
	dev_t device;
	ino_t inode;
	bool is_tree;      /* manifests in it are loaded, and folders below it are entered */
	bool files;        /* what is written to files in it matters, not only which names there are */
	struct list names; /* const char *: links and what they lead to, and what is missing; sorted */
};

struct reach {
	struct arena *arena;
	struct list folders; /* struct reach_folder, sorted by device and inode */
};

/* What it is at this moment, of absolute paths. Things that move meanwhile are simply seen or not: who needs
 * to be sure watches what was found, and looks again. */
struct reach *reach_look(const struct list *paths);
void reach_free(struct reach *); /* NULL is allowed */
static inline void reach_drop(struct reach **reach)
{
	reach_free(*reach);
}
#define REACH_SCOPED __attribute__((cleanup(reach_drop))) struct reach *
/* The same folders at the same places, with the same names. */
bool reach_equal(const struct reach *, const struct reach *);
/* Is it among `names`? */
bool reach_names(const struct reach_folder *, const char *name);
