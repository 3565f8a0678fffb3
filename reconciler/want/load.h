/* load: PATHs to WANT. source.c finds and reads files, yaml.c makes each document a tree of nodes, decode.c
 * turns trees into typed objects by the tables, check.c judges what no single row can say, complete.c fills
 * in what is derived. */
#pragma once
#include "model/want.h"

struct load_options {
	const char *const *paths;
	size_t path_count;
	const struct HostSpec *host; /* defaults filled in: host_settings() */
	const char *owner;
	const char *host_name; /* of this host, for metadata.host */
	bool away; /* not on the host that this is for: secret files need not be here, nor be secret */
	bool references_warn;   /* validate: a reference to an object outside is a warning, not an error */
	const char *stands_for; /* the absolute folder that a single PATH is a copy of; NULL: it is the
				   original */
};
/* Always returns a WANT (perhaps with nothing in it); diagnostics say what is wrong. */
struct want *want_load(const struct load_options *, struct report *);
/* The same of one text that stands in memory, under a name that is given (an absolute path). */
struct want *want_load_text(
	const struct load_options *, const char *name, const char *text, size_t size, struct report *);
void want_free(struct want *);
static inline void want_drop(struct want **want)
{
	want_free(*want);
}
#define WANT_SCOPED __attribute__((cleanup(want_drop))) struct want *

/* The host's own settings from `path` (kind Host, root-owned, not writable by others); path NULL: the default
 * file if it exists, else defaults alone. Everything that has a default is filled in. NULL with diagnostics
 * if the file is bad. */
struct HostSpec *host_settings(struct arena *, const char *path, struct report *);
