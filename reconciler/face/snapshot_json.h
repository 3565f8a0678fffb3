/* The JSON of an observation: what `snapshot` prints and what a plan's serial is a digest of. */
#pragma once
#include "model/have.h"

/* host, domains, volumes, images; never `files`, which say what manifests asked after. with_free: also the
 * host's free memory, the one number that changes by itself. */
void snapshot_json(struct json *, const struct have *, bool with_free);
/* sha256 (hexadecimal) of the canonical form without `free`. */
void snapshot_serial(const struct have *, char out[65]);
