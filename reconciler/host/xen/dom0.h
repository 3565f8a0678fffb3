/* What dom0 itself uses, and so no guest may get. */
#pragma once
#include "model/have.h"

/* Device and inode of what a path leads to ("MAJOR:MINOR:INODE", "b:MAJOR:MINOR" of a block device); NULL if
 * nothing is there. */
const char *path_id(struct arena *, const char *path);
/* What the kernel says of the size of a block device, bytes; -1: it is none, or not there. `root` stands
 * before /sys. */
int64_t block_size(struct arena *, const char *root, const char *path);
/* Adds what is mounted or swapped on to have->found->uses. `root` stands before /proc and /sys: "" but in
 * tests. */
void dom0_uses(struct have *, const char *root);
