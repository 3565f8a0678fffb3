/* Files: read whole and bounded, write so that a reader sees the old or the new text and nothing between. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

static inline void fd_drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define FD_SCOPED __attribute__((cleanup(fd_drop))) int
/* Takes a descriptor out of its scope: to close it is the caller's now. */
static inline int fd_take(int *fd)
{
	int taken = *fd;
	*fd = -1;
	return taken;
}

/* Reads a regular file of at most `limit` bytes into the arena, NUL-terminated, size in *size (may be NULL).
 * NULL on failure, errno set (EFBIG: larger than limit; EINVAL: not a regular file). Never blocks on a FIFO
 * or device. */
char *file_read(struct arena *, const char *path, size_t limit, size_t *size)
	__attribute__((warn_unused_result));
/* The same of a path within an open folder, as openat takes it. */
char *file_read_at(struct arena *, int folder, const char *path, size_t limit, size_t *size)
	__attribute__((warn_unused_result));

/* Writes a file by temporary name (".NAME.tmp" in the same folder), fsync, rename, fsync of the folder. The
 * folder must exist; the mode is `mode` less the umask. false with errno set: the earlier text still stands
 * (the later one if only the fsync of the folder failed). No temporary file is left, and one that a killed
 * writer left is replaced: a path has one writer at a time. */
bool file_write(const char *path, const void *bytes, size_t size, mode_t mode)
	__attribute__((warn_unused_result));

/* mkdir -p with `mode` less the umask for every folder that is made. false with errno set (ENOTDIR: something
 * else stands there). */
bool file_folders(const char *path, mode_t mode) __attribute__((warn_unused_result));
/* Removes a file and fsyncs its folder; absent is success. false with errno set; a folder is not removed. */
bool file_remove(const char *path) __attribute__((warn_unused_result));
/* Absolute form of a path by text alone (current folder, ".", "..", doubled slashes); symlinks are kept. */
char *file_absolute(struct arena *, const char *path);
