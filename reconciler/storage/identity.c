/* Device and inode, size and mtime of a file, as texts that are compared whole and never taken apart. */
#include "storage/identity.h"
#include <inttypes.h>
#include <sys/sysmacros.h>

enum { BLOCK = 512 }; /* what st_blocks counts, whatever the file system's own are */

struct identity identity_from(struct arena *arena, const struct stat *status)
{
	struct identity identity = {
		.regular = S_ISREG(status->st_mode),
		.block = S_ISBLK(status->st_mode),
		.size = S_ISREG(status->st_mode) ? status->st_size : 0,
		.allocated = S_ISREG(status->st_mode) ? status->st_blocks * BLOCK : -1,
		.written = status->st_mtim.tv_sec,
	};
	if (identity.block)
		identity.id = arena_format(arena, "b:%u:%u", major(status->st_rdev), minor(status->st_rdev));
	else
		identity.id = arena_format(arena, "%u:%u:%ju", major(status->st_dev), minor(status->st_dev),
			(uintmax_t)status->st_ino);
	identity.changed = arena_format(arena, "%" PRId64 "@%" PRId64 ".%09ld", identity.size,
		(int64_t)status->st_mtim.tv_sec, status->st_mtim.tv_nsec);
	return identity;
}

bool identity_of(struct arena *arena, const char *path, struct identity *identity)
{
	struct stat status;
	if (stat(path, &status) < 0)
		return false;
	*identity = identity_from(arena, &status);
	return true;
}

void identity_note(const struct identity *identity, struct LayerFound *found)
{
	KNOW(found, LayerFound, id, identity->id);
	if (identity->allocated < 0)
		return;
	KNOW(found, LayerFound, allocated, identity->allocated);
	KNOW(found, LayerFound, written, identity->written);
}

const char *identity_text(struct arena *arena, const struct identity *identity)
{
	return arena_format(arena, "%s %s", identity->id, identity->changed);
}
