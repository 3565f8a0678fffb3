/* The JSON of an observation: what `snapshot` prints and what a plan's serial is a digest of. */
#pragma once
#include "model/have.h"

/* host, domains, volumes, images; never `files`, which say what manifests asked after. fleeting: also what
 * changes by itself, such as free memory and what files take on the disk. */
void snapshot_json(struct json *, const struct have *, bool fleeting);
/* sha256 (hexadecimal) of the canonical form without what changes by itself. */
void snapshot_serial(const struct have *, char out[65]);
