/* What stands on a block device: a filesystem with its UUID, something else that is known, bytes that nobody
 * knows, or nothing. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

enum superblock_kind {
	SUPERBLOCK_NONE,       /* zeros at both ends, and no sign of anything */
	SUPERBLOCK_UNKNOWN,    /* bytes without a sign */
	SUPERBLOCK_FILESYSTEM, /* `type` and `uuid` say which */
	SUPERBLOCK_OTHER,      /* a partition table, swap, a part of a RAID ...: `type`; or several at once */
};
struct superblock {
	enum superblock_kind kind;
	const char *type; /* "ext4", as mount calls it; never NULL where there is a sign */
	const char *uuid; /* NULL: it has none */
	int64_t device;   /* size of the device, bytes */
	int64_t size;     /* of what an ext4 or xfs covers, bytes; 0: not known */
	int64_t journal;  /* of an xfs, the part of `size` that statvfs leaves out */
};
/* Of an opened device; texts lie in the arena. Reads a few MiB. false with errno set. */
bool superblock_read(struct arena *, int fd, struct superblock *) __attribute__((warn_unused_result));
/* Only `device` and `size`, of what is known to be a filesystem of this type: a single block is read. */
bool superblock_size(int fd, const char *type, struct superblock *) __attribute__((warn_unused_result));
/* Takes every sign away, so that the device counts as UNKNOWN or NONE; opened for writing. false with errno.
 */
bool superblock_erase(int fd) __attribute__((warn_unused_result));
/* For people: "ext4 (UUID ...)", "a partition table (gpt)", "data of an unknown kind". */
const char *superblock_words(struct arena *, const struct superblock *);
