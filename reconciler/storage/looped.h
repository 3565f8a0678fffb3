/* What the layers loop and partition share: part of what is below, shown as a loop device of the kernel. It
 * is ours by its mark, "xensteer:UID:INDEX", and it is the right one by what is behind it; a loop device that
 * somebody else made of the same file (xl's block script, losetup) is neither seen nor touched. */
#pragma once
#include "storage/layer.h"

/* layer_driver.expect. */
void looped_expect(struct layer_job *, const char *key);
/* layer_driver.observe: job->found from the device that is bound for this layer on what is below. */
bool looped_observe(struct layer_job *);
/* Binds `size` bytes (0: up to the end) from `offset` of what is below; what an earlier binding of this layer
 * left on something else is unbound before. job->found is filled. false: job->error. */
bool looped_open(struct layer_job *, uint64_t offset, uint64_t size);
/* Beginning and end of layer_driver.close. */
bool looped_close(struct layer_job *);
bool looped_closed(struct layer_job *);
/* Beginning of layer_driver.grow, where it shows all up to the end of what is below: it has that size, then.
 */
bool looped_grow(struct layer_job *);
/* layer_driver.give. */
void looped_give(struct layer_job *, struct link *);
/* Opens what is below, and makes sure that it is what job->below says. A device that was open for writing is
 * looked at by udev afterwards: who only reads says so. -1: job->error. */
int looped_below(struct layer_job *, bool writes);
