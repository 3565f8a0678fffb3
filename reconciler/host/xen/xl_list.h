/* What `xl list -v` says: which domains exist, and in what state. It alone is the truth about existence:
 * domains that are being built or torn down are seen nowhere else. */
#pragma once
#include "base/text.h"
#include "model/identity.h"
#include "model/schema.h"

struct listed {
	int64_t domid;
	char uuid[UID_SIZE];
	const char *name; /* NULL: "(null)", as while it is built or torn down */
	enum found_power power;
	int ended;             /* enum ended where power is Stopped or Dying and Xen says why; else -1 */
	int64_t memory, vcpus; /* MiB */
	bool busy; /* set by who knows: some xl works on it now, and would keep one waiting that asks about it
		    */
};

/* Reads the whole output into `out` (struct listed; dom0 is left out). false, with *error in the arena, if
 * any of it cannot be understood: then nothing may be concluded. */
bool xl_list_parse(struct arena *, const char *text, struct list *out, const char **error)
	__attribute__((warn_unused_result));
/* The domain with this UUID, NULL if there is none; *same counts them (a UUID is not unique to Xen). */
const struct listed *xl_list_find(const struct list *, const char *uuid, unsigned *same);
const struct listed *xl_list_named(const struct list *, const char *name);

/* For every table of xl: cuts the last `count` words off a line, the last one first; what is left of it is
 * the name. false if there are not so many and a name. */
bool xl_columns(char *line, char **column, int count);
/* A word that is a number without a sign. */
bool xl_number(const char *text, int64_t *value);
