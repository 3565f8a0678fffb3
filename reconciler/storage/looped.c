/* Loop devices of layers. An open needs no program; before one is closed, what was written to it goes to the
 * disk by sync(1), which may take its time. */
#include "storage/looped.h"
#include "base/file.h"
#include "base/loop.h"
#include "storage/device.h"
#include "storage/identity.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

enum { SECTOR = 512 };
enum { SYNCING = 1 }; /* layer_job.stage of closing: before, its users are waited for */

static const char *mark_of(const struct layer_job *job)
{
	return arena_format(job->arena, "%s%s:%u", loop_mark_prefix, job->uid, job->index);
}

/* The one that is bound for this layer; with `stale` set, one that carries its mark and shows something else.
 */
static const struct loop *bound(struct layer_job *job, bool stale)
{
	const char *mark = mark_of(job);
	struct list loops = {0};
	loop_list(job->arena, job->root, &loops);
	for (uint32_t i = 0; i < loops.count; i++) {
		const struct loop *loop = loops.item[i];
		if (text_equal(loop->mark, mark) && text_equal(loop->behind, job->below.id) == !stale)
			return loop;
	}
	return NULL;
}

void looped_expect(struct layer_job *job, const char *key)
{
	const char *source = layer_source(job->arena, job->want);
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	if (source)
		KNOW(job->found, LayerFound, source, source);
}

bool looped_observe(struct layer_job *job)
{
	const struct loop *loop = job->below.id ? bound(job, false) : NULL;
	if (!loop)
		return false;
	KNOW(job->found, LayerFound, layer, job->recorded->layer);
	KNOW(job->found, LayerFound, path, loop->device);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	KNOW(job->found, LayerFound, size, loop->size);
	KNOW(job->found, LayerFound, id, loop->id);
	if (KNOWN(job->recorded, LayerFound, source))
		KNOW(job->found, LayerFound, source, job->recorded->source);
	return true;
}

/* false: job->error says who uses it. */
static bool is_free(struct layer_job *job, const struct loop *loop)
{
	const struct device_at device = {job->root, loop->device, loop->id};
	const char *use = device_use(job->arena, &device, 0);
	return !use || layer_fail(job, false, "it is closed when that has ended", "%s cannot be closed: %s",
			       loop->device, use);
}

static bool unbind(struct layer_job *job, const struct loop *loop)
{
	return loop_detach(loop) || errno == ENXIO ||
	       layer_fail(job, false, NULL, "%s could not be unbound: %s", loop->device, strerror(errno));
}

/* A device below that went and came again under another number leaves its loop device behind. */
static bool stale_release(struct layer_job *job)
{
	const struct loop *loop = bound(job, true);
	return !loop || (is_free(job, loop) && unbind(job, loop));
}

int looped_below(struct layer_job *job, bool writes)
{
	struct stat status;
	const char *path = job->below.path;
	if (!path || !job->below.id) {
		layer_fail(job, false, NULL, "what is below is not there");
		return -1;
	}
	FD_SCOPED fd = open(path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &status) < 0) {
		layer_fail(job, false, NULL, "%s: %s", path, strerror(errno));
		return -1;
	}
	if (!text_equal(identity_from(job->arena, &status).id, job->below.id)) {
		layer_fail(job, false, NULL, "%s was replaced at this moment", path);
		return -1;
	}
	return fd_take(&fd);
}

bool looped_open(struct layer_job *job, uint64_t offset, uint64_t size)
{
	const char *below = job->below.path;
	if (!stale_release(job))
		return false;
	FD_SCOPED file = looped_below(job, !job->below.read_only);
	if (file < 0)
		return false;
	const struct loop_wish wish = {.file = file,
		.offset = offset,
		.limit = size,
		.read_only = job->below.read_only,
		.mark = mark_of(job)};
	if (loop_attach(job->root, &wish) < 0)
		return layer_fail(job, false,
			errno == ENOENT ? "is the kernel's module loop loaded? (modprobe loop)" : NULL,
			"no loop device could be bound to %s: %s", below, strerror(errno));
	const struct loop *loop = bound(job, false);
	const uint64_t whole = size ? size : (uint64_t)job->below.size - offset;
	const int64_t expected = (int64_t)(whole / SECTOR * SECTOR);
	if (!loop || !looped_observe(job))
		return layer_fail(job, false, NULL, "the loop device on %s went at once", below);
	if (loop->size == expected)
		return true;
	unbind(job, loop);
	return job->error ? false
			  : layer_fail(job, false, NULL, "%s on %s has %" PRId64 " bytes instead of %" PRId64,
				    loop->device, below, loop->size, expected);
}

bool looped_grow(struct layer_job *job)
{
	const struct loop *loop = bound(job, false);
	if (!loop)
		return layer_fail(job, false, NULL, "the loop device on %s went at once", job->below.path);
	const int64_t expected = (int64_t)(((uint64_t)job->below.size - loop->offset) / SECTOR * SECTOR);
	if (!loop_grow(loop))
		return layer_fail(
			job, false, NULL, "%s could not be grown: %s", loop->device, strerror(errno));
	if (!looped_observe(job) || job->found->size < expected)
		return layer_fail(job, false, NULL, "%s on %s has %" PRId64 " bytes instead of %" PRId64,
			loop->device, job->below.path, job->found->size, expected);
	return true;
}

/* Goes on with sync(1) as soon as nobody uses it. */
static bool sync_unused(struct layer_job *job, const struct loop *loop)
{
	const struct device_at device = {job->root, loop->device, loop->id};
	const enum unused unused = device_unused(job, &device, 0);
	if (unused != UNUSED)
		return unused == UNUSED_PERHAPS;
	job->stage = SYNCING;
	return layer_run(job, "sync", loop->device);
}

bool looped_close(struct layer_job *job)
{
	const struct loop *loop = bound(job, false);
	return !loop || sync_unused(job, loop);
}

bool looped_closed(struct layer_job *job)
{
	const struct loop *loop = bound(job, false);
	if (!loop)
		return true;
	if (job->stage != SYNCING)
		return sync_unused(job, loop);
	/* time has passed since its users were looked for */
	if (!is_free(job, loop) || !unbind(job, loop))
		return false;
	loop = bound(job, false);
	return !loop || layer_fail(job, false, NULL, "%s is unbound when the last that has it open closes it",
				loop->device);
}

void looped_give(struct layer_job *job, struct link *link)
{
	link->read_only = job->below.read_only;
}
