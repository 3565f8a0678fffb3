/* observe: one observation of a host and its storage. */
#pragma once
#include "host/host.h"
#include "storage/storage.h"

/* Asks the host, then storage. The caller frees with have_free. WANT may be NULL (snapshot). */
struct have *observe(struct host *, struct storage *, const struct want *, const char *owner);
