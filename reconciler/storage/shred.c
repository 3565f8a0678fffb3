/* Files that held secrets: overwritten before they are removed. On a disk that writes elsewhere what it is
 * told to overwrite (a journal, an SSD) this is as much as a file system lets one do; secrets of format scene
 * therefore never lie on one. */
#include "base/file.h"
#include "storage/drive.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

static bool overwrite(int fd, off_t size)
{
	static const char zeros[64 << 10];
	for (off_t at = 0; at < size;) {
		const size_t left = (size_t)(size - at);
		ssize_t count = TEMP_FAILURE_RETRY(
			pwrite(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros), at));
		if (count <= 0)
			return false;
		at += count;
	}
	return fsync(fd) == 0;
}

bool shred_file(int folder, const char *name)
{
	FD_SCOPED fd = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 && errno == ENOENT)
		return true;
	/* what is no file of ours is only removed: a link, where somebody put one */
	if (fd < 0 && errno != ELOOP)
		return false;
	if (fd >= 0 &&
		(fstat(fd, &status) < 0 || (S_ISREG(status.st_mode) && !overwrite(fd, status.st_size))))
		return false;
	return (unlinkat(folder, name, 0) == 0 || errno == ENOENT) && fsync(folder) == 0;
}
