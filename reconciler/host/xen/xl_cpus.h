/* What xl says about a domain's share of the physical cpus: `xl vcpu-list` and `xl sched-credit2 -d`. `xl
 * list -l` knows pinning only as it was at creation. */
#pragma once
#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

struct affinity {
	int64_t domid;
	const char
		*cpus; /* hard affinity in canonical form, see model/cpus.h; "various" where vcpus differ */
};
/* The table of `xl vcpu-list` into `out` (struct affinity, one per domain). false where a line of it is none.
 */
bool xl_affinities(struct arena *, const char *text, struct list *out) __attribute__((warn_unused_result));
/* Of one domain; NULL if it is not in the list. */
const char *xl_affinity(const struct list *, int64_t domid);
/* Weight and cap of a domain in the table of `xl sched-credit2`; false if it is not there. */
bool xl_share(struct arena *, const char *text, int64_t domid, int64_t *weight, int64_t *cap)
	__attribute__((warn_unused_result));
