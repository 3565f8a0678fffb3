/* The parts of diff that share a frame: diff.c walks the tables, diff_list.c matches disks and nics. Internal
 * to decide/. */
#pragma once
#include "decide/diff.h"
#include "model/quantity.h"

struct diffing {
	struct arena *arena;
	const struct want *want;
	const struct have *have;
	const struct wanted_domain *domain;
	const struct HaveDomain *found;
	struct list *out;
	struct circumstances circumstances;
};
/* The path is shared: a literal, or a text in the arena. */
struct difference *difference_add(const struct diffing *, const char *path, const struct field *);

/* The format that a volume gives: of what is there, else of the topmost layer that is wanted. */
enum disk_format diff_format(const struct want *, const struct have *, const struct wanted_volume *);

void diff_disks(const struct diffing *);
void diff_nics(const struct diffing *);
