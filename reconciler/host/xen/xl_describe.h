/* What `xl list -l` and the dry run of `xl create` say: what a domain is, as JSON, put into the types of the
 * tables. Xen leaves domains out that it cannot describe, without a word: who is missing here may well exist.
 */
#pragma once
#include "base/text.h"
#include "model/schema.h"

struct described {
	int64_t domid;           /* -1 in a dry run */
	const char *name, *uuid; /* NULL where not said */
	struct DomainSpec *spec; /* what is not said, or not understood, is not known */
};
/* The array of `xl list -l` into `out` (struct described; dom0 is left out). false with *error where it is no
 * whole JSON array. */
bool xl_describe_list(struct arena *, const char *json, size_t size, struct list *out, const char **error)
	__attribute__((warn_unused_result));
/* The same, taken apart: each domain's text by itself, as an array of one (struct described_text; dom0 is
 * left out). */
struct described_text {
	int64_t domid;
	const char *uuid; /* NULL where not said */
	const char *text;
};
bool xl_describe_split(struct arena *, const char *json, size_t size, struct list *out, const char **error)
	__attribute__((warn_unused_result));
/* The one object of `xl -N create`. */
bool xl_describe_dry_run(struct arena *, const char *json, size_t size, struct described *out,
	const char **error) __attribute__((warn_unused_result));
