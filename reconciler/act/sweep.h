/* sweep: what programs that were killed left over. One that ends between writing a record and making the
 * domain, or between destroying one and removing its record, leaves a record of nothing; an xl, devices of no
 * domain. */
#pragma once
#include "have/observe.h"
#include "host/host.h"

/* Removes the records of this owner and of these manifests whose domain was not found and is not wanted to
 * run, and what the host keeps of it; one that says protect stays as long as no manifest names it. Does
 * nothing where the host, the records or the manifests are not known whole. */
void sweep_records(const struct observer *, const struct want *, const struct have *, struct report *);

/* Has storage let go of what nobody uses. Nothing of ours may be in flight. */
void sweep_storage(const struct observer *, const struct want *, const struct have *);

/* Has the host let go of what is left there, once scripts that still run have ended: for half a minute at
 * most, and no longer than *stop (may be NULL) is zero. Nothing of ours may be in flight. */
void sweep_host(struct host *, const struct have *, volatile const int *stop, struct report *);
