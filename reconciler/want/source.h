/* source: PATHs of the command line to the texts of manifest files. Which files there are, in which order,
 * and what could not be read; what stands in them is the business of others. */
#pragma once
#include "model/want.h"

/* One file that was found. The text comes first: a mark's file is one of these. */
struct source_file {
	struct text_file text; /* text.text is NULL where it could not be read */
	/* the text as it was read, where it may hold a secret: decoding overwrites those in text.text, which
	 * excerpts are taken from; NULL: text.text is it */
	const char *original;
	struct source_root *root;
	bool broken;                  /* unreadable, zero bytes, or (set by others) with an error in it */
	uint32_t age;                 /* 0: read now; else it is the text of so many loads ago (kept.c) */
	struct kept_text *remembered; /* kept.c: its copy, while that is being made */
};

/* Has it the ending of a manifest? */
bool source_is_manifest(const char *name);

/* Reads a PATH: a file, or all *.yaml, *.yml and *.json below a folder in name order, without dot names. Adds
 * what it finds to `files` (struct source_file); a file that is there already, by its absolute path, is not
 * added again. What cannot be read is a diagnostic; a folder that cannot be read to the end leaves the root
 * not readable. */
struct source_root *source_read(struct arena *, const char *path, struct list *files, struct report *);
/* From now on the root is that folder, or if it is a file, one of its name in it. A file that lies below the
 * folder already stays what it is. */
void source_stand_for(struct arena *, struct source_root *, const char *folder);
