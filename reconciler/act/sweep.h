/* sweep: records whose domain is gone. A process that is killed between writing a record and making the
 * domain, or between destroying one and removing its record, leaves a record of nothing. */
#pragma once
#include "have/observe.h"

/* Removes the records of this owner and of these manifests whose domain was not found and is not wanted to
 * run; one that says protect stays as long as no manifest names it. Does nothing where the host, the records
 * or the manifests are not known whole. */
void sweep_records(const struct observer *, const struct want *, const struct have *, struct report *);
