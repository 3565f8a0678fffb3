/* Files by the rules that outlive a crash: what is read is whole or refused, what is written appears at once
 * and is on the disk when the call returns. Everything in one folder goes through that folder's descriptor,
 * so a folder that is moved meanwhile does not tear a write apart. */
#include "base/file.h"
#include "base/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *file_read(struct arena *arena, const char *path, size_t limit, size_t *size)
{
	return file_read_at(arena, AT_FDCWD, path, limit, size);
}

char *file_read_at(struct arena *arena, int folder, const char *path, size_t limit, size_t *size)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer */
	FD_SCOPED fd = openat(folder, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	if (fd < 0) {
		if (errno == ENXIO) /* a socket */
			errno = EINVAL;
		return NULL;
	}
	if (fstat(fd, &status) < 0)
		return NULL;
	if (!S_ISREG(status.st_mode)) {
		errno = EINVAL;
		return NULL;
	}
	char *known = NULL;
	ssize_t count = 0;
	if (status.st_size > 0 && (size_t)status.st_size <= limit) {
		known = arena_alloc(arena, (size_t)status.st_size + 1);
		count = TEMP_FAILURE_RETRY(read(fd, known, (size_t)status.st_size + 1));
		if (count == status.st_size) {
			if (size)
				*size = (size_t)count;
			return known;
		}
	}
	/* the size that stat gives is not trusted: it is 0 in /proc, and files grow */
	BUFFER_SCOPED text = {0};
	char part[16 << 10];
	if (count > 0)
		buffer_bytes(&text, known, (size_t)count);
	while (count >= 0 && (count = TEMP_FAILURE_RETRY(read(fd, part, sizeof(part)))) > 0) {
		if ((size_t)count > limit - text.size) {
			errno = EFBIG;
			return NULL;
		}
		buffer_bytes(&text, part, (size_t)count);
	}
	if (count < 0)
		return NULL;
	if (text.size > limit) {
		errno = EFBIG;
		return NULL;
	}
	if (size)
		*size = text.size;
	return arena_copy(arena, buffer_string(&text), text.size);
}

/* Opens the folder that `path` stands in; *name is the part behind the last slash. -1 with errno set. */
static int folder_open(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	*name = slash ? slash + 1 : path;
	if (!**name) {
		errno = *path ? EISDIR : ENOENT;
		return -1;
	}
	BUFFER_SCOPED folder = {0};
	if (slash)
		buffer_bytes(&folder, path, (size_t)(slash + 1 - path));
	else
		buffer_char(&folder, '.');
	return open(buffer_string(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t count = TEMP_FAILURE_RETRY(write(fd, bytes, size));
		if (count < 0)
			return false;
		bytes += count;
		size -= (size_t)count;
	}
	return fsync(fd) == 0;
}

bool file_write(const char *path, const void *bytes, size_t size, mode_t mode)
{
	const char *name;
	FD_SCOPED folder = folder_open(path, &name);
	if (folder < 0)
		return false;
	BUFFER_SCOPED temporary = {0};
	buffer_format(&temporary, ".%s.tmp", name);
	if (unlinkat(folder, temporary.text, 0) < 0 && errno != ENOENT)
		return false;
	FD_SCOPED fd =
		openat(folder, temporary.text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return false;
	if (!write_all(fd, bytes, size) || renameat(folder, temporary.text, folder, name) < 0) {
		int error = errno;
		unlinkat(folder, temporary.text, 0);
		errno = error;
		return false;
	}
	return fsync(folder) == 0;
}

static bool folder_make(const char *path, mode_t mode)
{
	if (mkdir(path, mode) == 0)
		return true;
	/* on a read-only file system mkdir says EROFS for a folder that stands there, too */
	int error = errno;
	struct stat status;
	if (stat(path, &status) == 0) {
		if (S_ISDIR(status.st_mode))
			return true;
		error = ENOTDIR;
	}
	errno = error;
	return false;
}

bool file_folders(const char *path, mode_t mode)
{
	/* nearly always all of it but the last part is there */
	if (*path && folder_make(path, mode))
		return true;
	BUFFER_SCOPED part = {0};
	for (const char *at = path; *at;) {
		const char *end = at + strspn(at, "/");
		end += strcspn(end, "/");
		buffer_bytes(&part, at, (size_t)(end - at));
		if (!folder_make(part.text, mode))
			return false;
		at = end;
	}
	return true;
}

bool file_remove(const char *path)
{
	const char *name;
	FD_SCOPED folder = folder_open(path, &name);
	if (folder < 0)
		return errno == ENOENT && *path;
	if (unlinkat(folder, name, 0) < 0)
		return errno == ENOENT;
	return fsync(folder) == 0;
}

char *file_absolute(struct arena *arena, const char *path)
{
	BUFFER_SCOPED given = {0};
	if (path[0] != '/') {
		char *current = getcwd(NULL, 0);
		/* a current folder that was removed has no name; this one leads there and nowhere else */
		buffer_text(&given, current ? current : "/proc/self/cwd");
		free(current);
		buffer_char(&given, '/');
	}
	buffer_text(&given, path);

	BUFFER_SCOPED result = {0};
	for (const char *at = buffer_string(&given); *at;) {
		at += strspn(at, "/");
		size_t length = strcspn(at, "/");
		if (length == 2 && memcmp(at, "..", 2) == 0) {
			while (result.size && result.text[--result.size] != '/')
				;
		} else if (length && !(length == 1 && *at == '.')) {
			buffer_char(&result, '/');
			buffer_bytes(&result, at, length);
		}
		at += length;
	}
	if (!result.size)
		buffer_char(&result, '/');
	return arena_copy(arena, result.text, result.size);
}
