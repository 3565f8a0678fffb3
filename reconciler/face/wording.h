/* Wording: pieces of sentences about plans and objects that several outputs share. All append to a buffer;
 * texts that come from manifests or from the host are escaped. */
#pragma once
#include "decide/plan.h"

/* "+", "~", "!", "-/+", "-", "?" */
const char *wording_mark(const struct change *);
/* "create", "restart required (not allowed: disruption is live)", "destroy; keeps volume old-xvda" */
void wording_change(struct buffer *, const struct change *);
/* "memory" of "spec.memory"; other paths whole. */
const char *wording_path(const char *path);
/* "1GiB -> 2GiB"; where one side of two texts needs quotes, both get them. */
void wording_difference(struct buffer *, const struct difference *);
/* "image debian12 <- overlay qcow2 10GiB" */
void wording_chain(struct buffer *, const struct list *chain);
/* "pv, 512MiB, 1 vcpu, xvda, xenbr0" */
void wording_domain(struct buffer *, const struct wanted_domain *);
/* "1.2GiB": a size as people take it in, where exactness says nothing. */
const char *wording_size(int64_t bytes, char out[32]);
/* "nocloud, xvdd, meta-data, user-data" */
void wording_config(struct buffer *, const struct wanted_config *);
/* "2026-11-20T09:28:33Z" */
const char *wording_time(int64_t seconds, char out[32]);
/* "web-1" of "Domain/web-1" */
const char *wording_name(const char *object);
