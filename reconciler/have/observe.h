/* observe: one observation of a host and its storage. The host driver finds domains and their marks, storage
 * finds volumes; the records of the state folder are laid over them here: what has a record or a mark of this
 * owner is owned, everything else is unmanaged. */
#pragma once
#include "host/host.h"
#include "storage/storage.h"

struct observer {
	struct host *host;
	struct storage *storage;
	const char *owner;
	const char *state_dir; /* records; NULL: the driver says itself what is owned (a snapshot) */
	int64_t now;           /* seconds since the epoch, for the deletions of the last hour */
};
/* Always returns a HAVE (known false where the host could not be observed); the caller frees it with
 * have_free. WANT may be NULL. */
struct have *observe(const struct observer *, const struct want *, struct report *);
