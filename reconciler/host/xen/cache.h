/* What xl was asked before, and what need not be asked again. */
#pragma once
#include "host/xen/xl_list.h"

struct cache;
struct store;
struct cache *cache_new(void);
void cache_free(struct cache *);

/* Descriptions of these domains but for busy ones (struct listed in; struct described out, in the arena),
 * from what is kept where xenstore says that nothing changed since, else from `xl list -l`. Absence proves
 * nothing but where this says true: then who is missing was asked for and is not described. *asked: xl was
 * run. `now` in ms. */
bool cache_describe(struct cache *, struct store *, struct arena *, const struct list *listed, int64_t now,
	struct list *described, bool *asked);
/* Something is done to this domain: what is kept of it, and of the host's memory, counts no more. */
void cache_forget(struct cache *, const char *uuid);

/* The output of `xl info`: of now, or kept if it is young and no domain came, went or changed its size since.
 * NULL, with *error in the arena, if it failed. Belongs to the cache, until it is asked again. */
const char *cache_info(
	struct cache *, struct arena *, const struct list *listed, int64_t now, const char **error);
/* The same of `xl vcpu-list`. */
const char *cache_vcpus(
	struct cache *, struct arena *, const struct list *listed, int64_t now, const char **error);
