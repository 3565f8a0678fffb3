/* Files of a volume's folder. What is made appears under a temporary name and gets its final one by rename,
 * after its bytes are on the disk: a file with a final name is whole. Every step works below the folder's
 * descriptor and refuses symlinks, so that nothing that a stranger put there leads anywhere else. */
#include "storage/artefact.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

const char artefact_full[] = "no space left on the disk";
const char artefact_full_hint[] = "make room, or ask for a smaller volume; the next pass tries again";

/* The last component of an absolute path. */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool is_layer_name(const char *name, size_t size)
{
	size_t digits = strspn(name, "0123456789");
	if (!digits || digits > 3 || digits >= size || name[digits] != '-')
		return false;
	for (const char *const *format = choice_disk_format; *format; format++) {
		size_t tail = strlen(*format) + 1;
		if (size <= digits + 1 + tail || name[size - tail] != '.' ||
			memcmp(name + size - tail + 1, *format, tail - 1) != 0)
			continue;
		char layer[32];
		size_t length = size - tail - digits - 1;
		if (length >= sizeof(layer))
			return false;
		memcpy(layer, name + digits + 1, length);
		layer[length] = '\0';
		const struct layer_row *row = layer_row_find(layer);
		return row && row->makes;
	}
	return false;
}

static bool is_place_name(const char *name, size_t size)
{
	size_t digits = strspn(name, "0123456789");
	char layer[32];
	if (!digits || digits > 3 || name[digits] != '-' || size - digits > sizeof(layer))
		return false;
	memcpy(layer, name + digits + 1, size - digits - 1);
	layer[size - digits - 1] = '\0';
	const struct layer_row *row = layer_row_find(layer);
	return row && row->gives == PLACE_DATA;
}

enum artefact artefact_kind(const char *name)
{
	static const char part[] = ".part";
	size_t size = strlen(name), tail = sizeof(part) - 1;
	if (text_equal(name, "volume.json"))
		return ARTEFACT_LABEL;
	if (text_equal(name, ".volume.json.tmp"))
		return ARTEFACT_PART;
	if (name[0] == '.' && text_ends(name, part) && size > tail + 1 &&
		(is_layer_name(name + 1, size - tail - 1) || is_place_name(name + 1, size - tail - 1)))
		return ARTEFACT_PART;
	if (is_place_name(name, size))
		return ARTEFACT_PLACE;
	return is_layer_name(name, size) ? ARTEFACT_LAYER : ARTEFACT_OTHER;
}

const char *artefact_path(const struct layer_job *job, const char *layer, enum disk_format format)
{
	return arena_format(
		job->arena, "%s/%u-%s.%s", job->folder, job->index, layer, choice_disk_format[format]);
}

const char *artefact_place(const struct layer_job *job, const char *layer)
{
	return arena_format(job->arena, "%s/volumes/%s/%u-%s", job->state_dir, job->uid, job->index, layer);
}

const char *artefact_begun(const struct layer_job *job, const char *layer)
{
	return arena_format(
		job->arena, "%s/volumes/%s/.%u-%s.part", job->state_dir, job->uid, job->index, layer);
}

bool artefact_fail(struct layer_job *job, int error, const char *what)
{
	if (error == ENOSPC || error == EDQUOT)
		return layer_fail(job, false, artefact_full_hint, "%s: %s", what, artefact_full);
	return layer_fail(job, false, NULL, "%s: %s", what, strerror(error));
}

int folder_open(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool folder_sync(const char *path)
{
	FD_SCOPED fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0;
}

/* Is `path` a file of our naming directly in the job's folder? What a label says is checked before it is
 * believed. */
static bool is_inside(const struct layer_job *job, const char *path)
{
	const char *name = name_of(path);
	size_t folder = strlen(job->folder);
	if ((size_t)(name - path) != folder + 1 || strncmp(path, job->folder, folder) != 0)
		return false;
	enum artefact kind = artefact_kind(name);
	return kind == ARTEFACT_LAYER || kind == ARTEFACT_PART;
}

static bool outside_fail(struct layer_job *job, const char *path)
{
	return layer_fail(job, true, "look at its volume.json: it is not as it was written",
		"%s is no file of a layer in the volume's folder", path ? path : "nothing");
}

static int open_as(struct layer_job *job, const char *path, int flags, struct identity *identity)
{
	if (!path || !is_inside(job, path)) {
		outside_fail(job, path);
		return -1;
	}
	FD_SCOPED folder = folder_open(job->folder);
	FD_SCOPED fd = folder < 0 ? -1
				  : openat(folder, name_of(path),
					    flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		if (errno == ELOOP)
			layer_fail(job, true, NULL, "%s is a symlink", path);
		else if (errno != ENOENT)
			artefact_fail(job, errno, path);
		return -1;
	}
	struct stat status;
	if (fstat(fd, &status) < 0) {
		artefact_fail(job, errno, path);
		return -1;
	}
	*identity = identity_from(job->arena, &status);
	if (!identity->regular) {
		layer_fail(job, true, NULL, "%s is no regular file", path);
		return -1;
	}
	return fd_take(&fd);
}

int artefact_open(struct layer_job *job, const char *path, struct identity *identity)
{
	return open_as(job, path, O_RDONLY, identity);
}

int artefact_change(struct layer_job *job, const char *path, struct identity *identity)
{
	return open_as(job, path, O_RDWR, identity);
}

int artefact_begin(struct layer_job *job)
{
	const char *temporary = arena_format(job->arena, "%s/.%s.part", job->folder, name_of(job->path));
	FD_SCOPED folder = folder_open(job->folder);
	if (folder < 0 || (unlinkat(folder, name_of(temporary), 0) < 0 && errno != ENOENT)) {
		artefact_fail(job, errno, temporary);
		return -1;
	}
	int fd = openat(
		folder, name_of(temporary), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		artefact_fail(job, errno, temporary);
		return -1;
	}
	job->temporary = temporary;
	return fd;
}

bool artefact_publish(struct layer_job *job)
{
	FD_SCOPED folder = folder_open(job->folder);
	const char *temporary = name_of(job->temporary);
	FD_SCOPED fd = folder < 0 ? -1 : openat(folder, temporary, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0600) < 0 || fsync(fd) < 0 ||
		renameat(folder, temporary, folder, name_of(job->path)) < 0)
		return artefact_fail(job, errno, job->temporary);
	job->temporary = NULL;
	return fsync(folder) == 0 || artefact_fail(job, errno, job->folder);
}

bool artefact_made(struct layer_job *job, bool seen, int64_t size)
{
	if (!seen)
		return job->error ? false : layer_fail(job, false, NULL, "%s is gone", job->temporary);
	return job->found->size == size ||
	       layer_fail(job, false, NULL, "%s has %" PRId64 " bytes instead of %" PRId64, job->temporary,
		       job->found->size, size);
}

void artefact_abandon(struct layer_job *job)
{
	if (!job->temporary)
		return;
	FD_SCOPED folder = folder_open(job->folder);
	/* what stays all the same is a leftover by its name, and the next creation removes it */
	if (folder >= 0)
		(void)unlinkat(folder, name_of(job->temporary), 0);
	job->temporary = NULL;
}

bool artefact_remove(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	if (!recorded->path || !is_inside(job, recorded->path))
		return outside_fail(job, recorded->path);
	FD_SCOPED folder = folder_open(job->folder);
	if (folder < 0 || (unlinkat(folder, name_of(recorded->path), 0) < 0 && errno != ENOENT) ||
		fsync(folder) < 0)
		return artefact_fail(job, errno, recorded->path);
	return true;
}
