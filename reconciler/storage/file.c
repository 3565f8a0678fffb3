/* Layer `file`: a disk in a file of its own. Nothing comes from below; raw or qcow2 leaves, of the wanted
 * size. A raw file without preallocation is a hole and needs no program; the space of a preallocated one is
 * reserved by qemu-img, which may take its time. */
#include "base/file.h"
#include "storage/artefact.h"
#include "storage/qcow2.h"
#include "storage/resize.h"
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

static const char key[] = "file";

static void expect(struct layer_job *job)
{
	const struct FileLayer *want = job->want->file;
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, format, want->format);
	KNOW(job->found, LayerFound, path, artefact_path(job, key, (enum disk_format)want->format));
	KNOW(job->found, LayerFound, size, want->size);
}

/* What stands at `path` into found, under the name that it has or is going to have. */
static bool describe(struct layer_job *job, const char *path, const char *name, int format)
{
	struct identity identity;
	FD_SCOPED fd = artefact_open(job, path, &identity);
	if (fd < 0)
		return false;
	int64_t size = identity.size;
	if (format == disk_format_qcow2) {
		struct qcow2 header;
		const char *why;
		if (!qcow2_read(fd, &header, &why))
			return layer_fail(job, true, NULL, "%s: %s", path, why);
		if (header.corrupt)
			return layer_fail(
				job, true, "qemu-img check -f qcow2 says more", "%s is marked corrupt", path);
		if (header.backing[0] || header.external)
			return layer_fail(job, true, NULL,
				"%s names another file, which its label does not know", path);
		size = header.size;
	}
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, path, name);
	KNOW(job->found, LayerFound, format, format);
	KNOW(job->found, LayerFound, size, size);
	identity_note(&identity, job->found);
	return true;
}

static bool observe(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	return describe(job, recorded->path, recorded->path, recorded->format);
}

static bool create(struct layer_job *job)
{
	const struct FileLayer *want = job->want->file;
	bool full = want->preallocation == preallocation_full;
	FD_SCOPED fd = artefact_begin(job);
	if (fd < 0)
		return false;
	if (want->format == disk_format_raw && !full)
		return ftruncate(fd, want->size) == 0 || artefact_fail(job, errno, job->temporary);

	const char **argv = arena_array(job->arena, const char *, 10);
	int count = 0;
	argv[count++] = "qemu-img";
	argv[count++] = "create";
	argv[count++] = "-q";
	argv[count++] = "-f";
	argv[count++] = choice_disk_format[want->format];
	if (full) {
		argv[count++] = "-o";
		argv[count++] = "preallocation=falloc";
	}
	argv[count++] = job->temporary;
	argv[count++] = arena_format(job->arena, "%" PRId64, want->size);
	job->argv = argv;
	return true;
}

static bool created(struct layer_job *job)
{
	const struct FileLayer *want = job->want->file;
	return artefact_made(job, describe(job, job->temporary, job->path, want->format), want->size);
}

/* A raw file grows by a hole at its end, whoever has it open. */
static bool grow(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	struct identity identity;
	if (recorded->format != disk_format_raw || job->want->file->preallocation == preallocation_full)
		return resize_begin(job);
	FD_SCOPED fd = artefact_change(job, recorded->path, &identity);
	if (fd < 0)
		return resize_judge(job, false, 0);
	/* never smaller, whatever it was a moment ago */
	return identity.size >= job->found->size ||
	       (ftruncate(fd, job->found->size) == 0 && fsync(fd) == 0) ||
	       artefact_fail(job, errno, recorded->path);
}

static bool grown(struct layer_job *job)
{
	const struct LayerFound *recorded = job->recorded;
	const int64_t size = job->found->size;
	if (!resize_end(job) || job->argv)
		return !job->error;
	return resize_judge(job, describe(job, recorded->path, recorded->path, recorded->format), size);
}

const struct layer_driver layer_file = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.create = {.begin = create, .end = created},
	.remove = {.begin = artefact_remove},
	.grow = {.begin = grow, .end = grown, .again = resize_again},
};
