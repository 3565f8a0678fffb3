/* Layer `overlay`: copy on write. A file or device comes from below, with the format that its own layer says;
 * a qcow2 leaves that names it as its base, format included, so that nobody ever guesses one. What stands in
 * the header is held against the link from below: a base that our record does not name is never opened. */
#include "base/file.h"
#include "model/quantity.h"
#include "storage/artefact.h"
#include "storage/qcow2.h"
#include "storage/resize.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char key[] = "overlay";
enum { SECTOR = 512 };

/* The wanted size, or the base's in whole sectors; 0: neither is known. */
static int64_t size_wanted(const struct layer_job *job)
{
	const struct OverlayLayer *want = job->want->overlay;
	if (want->at[OverlayLayer_size])
		return want->size;
	return (job->below.size + SECTOR - 1) / SECTOR * SECTOR;
}

static void expect(struct layer_job *job)
{
	int64_t size = size_wanted(job);
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, format, disk_format_qcow2);
	KNOW(job->found, LayerFound, path, artefact_path(job, key, disk_format_qcow2));
	if (size)
		KNOW(job->found, LayerFound, size, size);
	struct identity base;
	if (job->below.path && identity_of(job->arena, job->below.path, &base))
		KNOW(job->found, LayerFound, baseId, identity_text(job->arena, &base));
}

/* What stands at `path` into found, under the name that it has or is going to have. */
static bool describe(struct layer_job *job, const char *path, const char *name)
{
	struct identity identity;
	struct qcow2 header;
	const char *why;
	FD_SCOPED fd = artefact_open(job, path, &identity);
	if (fd < 0)
		return false;
	if (!qcow2_read(fd, &header, &why))
		return layer_fail(job, true, NULL, "%s: %s", path, why);
	if (header.corrupt)
		return layer_fail(
			job, true, "qemu-img check -f qcow2 says more", "%s is marked corrupt", path);
	if (header.external)
		return layer_fail(job, true, NULL, "%s keeps its data in another file", path);
	if (job->below.path && !text_equal(header.backing, job->below.path)) {
		BUFFER_SCOPED backing = {0};
		buffer_escaped(&backing, header.backing, strlen(header.backing), QCOW2_BACKING);
		return layer_fail(job, true, NULL, "%s stands on '%s' instead of '%s'", path,
			buffer_string(&backing), job->below.path);
	}
	if (job->below.path && !text_equal(header.backing_format, choice_disk_format[job->below.format]))
		return layer_fail(job, true, NULL, "%s does not say that the format of its base is %s", path,
			choice_disk_format[job->below.format]);
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, path, name);
	KNOW(job->found, LayerFound, format, disk_format_qcow2);
	KNOW(job->found, LayerFound, size, header.size);
	identity_note(&identity, job->found);
	return true;
}

static bool observe(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	if (!describe(job, recorded->path, recorded->path))
		return false;
	/* of its base at creation only the label can tell */
	if (KNOWN(recorded, LayerFound, base))
		KNOW(job->found, LayerFound, base, recorded->base);
	if (KNOWN(recorded, LayerFound, digest))
		KNOW(job->found, LayerFound, digest, recorded->digest);
	if (KNOWN(recorded, LayerFound, baseId))
		KNOW(job->found, LayerFound, baseId, recorded->baseId);
	return true;
}

static bool create(struct layer_job *job)
{
	const struct link *below = &job->below;
	int64_t size = size_wanted(job);
	char is[32], least[32];
	if (!below->path || !size)
		return layer_fail(job, true, NULL, "there is nothing below the overlay");
	if (size < below->size)
		return layer_fail(job, true, "an overlay may be as large as its base, or larger",
			"size %s is smaller than the base %s, which has %s", size_text(size, is), below->path,
			size_text(below->size, least));
	FD_SCOPED fd = artefact_begin(job);
	if (fd < 0)
		return false;
	return layer_run(job, "qemu-img", "create", "-q", "-f", "qcow2", "-F",
		choice_disk_format[below->format], "-b", below->path, job->temporary,
		arena_format(job->arena, "%" PRId64, size));
}

static bool created(struct layer_job *job)
{
	struct identity base;
	const bool seen = describe(job, job->temporary, job->path);
	if (!artefact_made(job, seen, size_wanted(job)))
		return false;
	if (!identity_of(job->arena, job->below.path, &base))
		return artefact_fail(job, errno, job->below.path);
	if (!text_equal(identity_text(job->arena, &base), job->found->baseId))
		return layer_fail(
			job, false, NULL, "%s changed while an overlay was made on it", job->below.path);
	return true;
}

static bool grown(struct layer_job *job)
{
	const int64_t size = job->found->size;
	if (!resize_end(job) || job->argv)
		return !job->error;
	return resize_judge(job, observe(job), size);
}

const struct layer_driver layer_overlay = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.create = {.begin = create, .end = created},
	.remove = {.begin = artefact_remove},
	.grow = {.begin = resize_begin, .end = grown, .again = resize_again},
};
