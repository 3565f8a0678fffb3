/* Layer `image`: a read-only base that somebody else put there. It is never made, written or removed;
 * "creating" it checks that the file is there, that it names no further file, and that its digest is the
 * wanted one. */
#include "storage/image.h"
#include "base/file.h"
#include "storage/digest.h"
#include "storage/layer.h"
#include "storage/qcow2.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char key[] = "image";

/* Opens what the path leads to; -1 with errno set. The manifests' policy has judged the path already. */
static int image_open(struct arena *arena, const char *path, struct identity *identity)
{
	FD_SCOPED fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return -1;
	*identity = identity_from(arena, &status);
	return fd_take(&fd);
}

/* The virtual size of an opened image; false: *why says why it is none. */
static bool image_size(int fd, const struct identity *identity, int format, int64_t *size, const char **why)
{
	struct qcow2 header;
	*size = identity->size;
	*why = NULL;
	if (!identity->regular)
		*why = "it is no regular file";
	else if (!identity->size)
		*why = "it is empty";
	if (*why || format == disk_format_raw)
		return !*why;
	if (!qcow2_read(fd, &header, why))
		return false;
	*size = header.size;
	if (header.backing[0])
		*why = "it stands on a further file itself (qemu-img convert makes it whole)";
	else if (header.external)
		*why = "it keeps its data in another file";
	else if (header.encrypted)
		*why = "it is encrypted";
	else if (header.corrupt)
		*why = "it is marked corrupt (qemu-img check says more)";
	return !*why;
}

/* Does a path below the image folder lead out of it by a symlink? */
static bool leads_out(const char *path, const char *image_dir)
{
	if (!image_dir || !text_beneath(path, image_dir))
		return false;
	char *file = realpath(path, NULL), *folder = realpath(image_dir, NULL);
	bool out = file && folder && !text_beneath(file, folder);
	free(file);
	free(folder);
	return out;
}

const char *image_problem(struct arena *arena, const struct wanted_image *image, const char *image_dir)
{
	struct identity identity;
	int64_t size;
	const char *why;
	if (image->path[0] != '/')
		return arena_format(arena, "%s is no absolute path", image->path);
	if (leads_out(image->path, image_dir))
		return arena_format(arena, "%s leads out of the image folder %s", image->path, image_dir);
	FD_SCOPED fd = image_open(arena, image->path, &identity);
	if (fd < 0)
		return arena_format(arena, "%s: %s", image->path, strerror(errno));
	if (!image_size(fd, &identity, (int)image->format, &size, &why))
		return arena_format(arena, "%s: %s", image->path, why);
	return NULL;
}

struct HaveImage *image_observe(struct arena *arena, const struct wanted_image *image, const char *state_dir)
{
	struct HaveImage *found = type_new(arena, &type_HaveImage);
	struct identity identity;
	int64_t size;
	const char *why;
	KNOW(found, HaveImage, name, arena_text(arena, image->name));
	KNOW(found, HaveImage, path, arena_text(arena, image->path));
	KNOW(found, HaveImage, format, (int)image->format);
	FD_SCOPED fd = image_open(arena, image->path, &identity);
	if (fd < 0) {
		/* any other failure says nothing about whether the file is there */
		if (errno == ENOENT || errno == ENOTDIR)
			KNOW(found, HaveImage, present, false);
		return found;
	}
	KNOW(found, HaveImage, present, true);
	KNOW(found, HaveImage, id, identity.id);
	KNOW(found, HaveImage, changed, identity.changed);
	if (identity.allocated >= 0)
		KNOW(found, HaveImage, allocated, identity.allocated);
	if (image_size(fd, &identity, (int)image->format, &size, &why))
		KNOW(found, HaveImage, size, size);
	const char *digest = digest_cached(arena, state_dir, image->name, &identity);
	if (digest)
		KNOW(found, HaveImage, digest, digest);
	return found;
}

static void expect(struct layer_job *job)
{
	const struct ImageLayer *want = job->want->image;
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, base, want->name);
	if (job->image) {
		KNOW(job->found, LayerFound, path, job->image->path);
		KNOW(job->found, LayerFound, format, (int)job->image->format);
	}
}

static bool observe(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	struct identity identity;
	int64_t size;
	const char *why;
	if (!recorded->path)
		return false;
	FD_SCOPED fd = image_open(job->arena, recorded->path, &identity);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? false
			       : layer_fail(job, false, NULL, "%s: %s", recorded->path, strerror(errno));
	if (!image_size(fd, &identity, recorded->format, &size, &why))
		return layer_fail(job, true, NULL, "%s: %s", recorded->path, why);
	struct LayerFound *found = job->found;
	KNOW(found, LayerFound, layer, key);
	KNOW(found, LayerFound, path, recorded->path);
	KNOW(found, LayerFound, format, recorded->format);
	KNOW(found, LayerFound, size, size);
	identity_note(&identity, found);
	KNOW(found, LayerFound, baseId, identity_text(job->arena, &identity));
	if (!KNOWN(recorded, LayerFound, base))
		return true;
	KNOW(found, LayerFound, base, recorded->base);
	const char *digest = digest_cached(job->arena, job->state_dir, recorded->base, &identity);
	if (digest)
		KNOW(found, LayerFound, digest, digest);
	return true;
}

static bool create(struct layer_job *job)
{
	const struct wanted_image *image = job->image;
	static const char hint[] = "put the file there, or correct the Image";
	if (!image || !text_equal(image->name, job->want->image->name))
		return layer_fail(job, true, NULL, "there is no Image %s", job->want->image->name);
	const char *problem = image_problem(job->arena, image, job->image_dir);
	return !problem || layer_fail(job, true, hint, "image %s: %s", image->name, problem);
}

/* The digest is judged from what was found last, so that no other state of the file is recorded than the
 * checked. */
static bool created(struct layer_job *job)
{
	const struct wanted_image *image = job->image;
	const struct LayerFound expected = *job->found;
	job->recorded = &expected;
	const bool there = observe(job);
	job->recorded = NULL;
	if (!there) {
		if (!job->error)
			layer_fail(job, true, NULL, "image %s: %s is not there", image->name, image->path);
		return false;
	}
	if (!image->sha256)
		return true;
	if (!KNOWN(job->found, LayerFound, digest))
		return layer_fail(job, false, NULL, "image %s: the digest of %s was not checked yet",
			image->name, image->path);
	if (!text_equal(job->found->digest, image->sha256))
		return layer_fail(job, true, "get the right file, or correct the Image's sha256",
			"image %s: %s has sha256 %s instead of %s", image->name, image->path,
			job->found->digest, image->sha256);
	return true;
}

static void give(struct layer_job *job, struct link *link)
{
	(void)job;
	link->read_only = true;
}

const struct layer_driver layer_image = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.give = give,
	.create = {.begin = create, .end = created},
};
