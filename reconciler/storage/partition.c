/* Layer `partition`: one partition of the device below, by its number. The table is read with libblkid, and
 * the partition's bytes are shown by a loop device: so it works alike on every device, whether the kernel
 * scans it for partitions or not, and nothing of the kernel's own partition devices is used. Where the
 * partition lies is read when it is opened; the table is what a guest may have written, so every number in it
 * is judged. */
#include "base/file.h"
#include "model/quantity.h"
#include "storage/device.h"
#include "storage/looped.h"
#include <blkid/blkid.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const char key[] = "partition";
enum { SECTOR = 512 };

static void probe_drop(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}

static void expect(struct layer_job *job)
{
	looped_expect(job, key);
}

static bool none_fail(struct layer_job *job, blkid_partlist list, int64_t number)
{
	BUFFER_SCOPED words = {0};
	const int count = blkid_partlist_numof_partitions(list);
	for (int i = 0; i < count; i++) {
		blkid_partition part = blkid_partlist_get_partition(list, i);
		char size[32];
		buffer_format(&words, "%s%d (%s)", i ? ", " : "", blkid_partition_get_partno(part),
			size_text(blkid_partition_get_size(part) * SECTOR, size));
	}
	return layer_fail(job, true, "correct the number, or make the partition",
		"%s has no partition %" PRId64 ": there %s %s", job->below.path, number,
		count == 1 ? "is" : "are", count ? buffer_string(&words) : "none");
}

/* Where it begins and how long it is, in bytes. */
static bool find(struct layer_job *job, int fd, int64_t number, uint64_t *offset, uint64_t *size)
{
	__attribute__((cleanup(probe_drop))) blkid_probe probe = blkid_new_probe();
	const char *path = job->below.path;
	const int64_t whole = device_size(fd);
	if (!probe || whole < 0 || blkid_probe_set_device(probe, fd, 0, 0) < 0 ||
		blkid_probe_enable_partitions(probe, 1) < 0)
		return layer_fail(job, false, NULL, "%s cannot be read: %s", path, strerror(errno));
	errno = 0;
	blkid_partlist list = blkid_probe_get_partitions(probe);
	if (!list)
		return errno ? layer_fail(job, false, NULL, "%s cannot be read: %s", path, strerror(errno))
			     : layer_fail(job, true, "make one (sfdisk), or take the layer partition away",
				       "there is no partition table on %s", path);
	blkid_partition part = blkid_partlist_get_partition_by_partno(list, (int)number);
	if (!part)
		return none_fail(job, list, number);
	if (blkid_partition_is_extended(part))
		return layer_fail(job, true, "those in it have the numbers from 5 on",
			"partition %" PRId64 " of %s is an extended one: it holds others", number, path);
	const uint64_t most = (uint64_t)whole / SECTOR;
	const blkid_loff_t first = blkid_partition_get_start(part), count = blkid_partition_get_size(part);
	if (first < 0 || count <= 0 || (uint64_t)first >= most || (uint64_t)count > most - (uint64_t)first)
		return layer_fail(job, true, "look at its table (sfdisk -d)",
			"partition %" PRId64 " of %s does not lie within it: sectors %" PRId64 " + %" PRId64
			" of %" PRIu64,
			number, path, (int64_t)first, (int64_t)count, most);
	*offset = (uint64_t)first * SECTOR;
	*size = (uint64_t)count * SECTOR;
	return true;
}

static bool open_begin(struct layer_job *job)
{
	uint64_t offset = 0, size = 0;
	FD_SCOPED fd = looped_below(job, false);
	return fd >= 0 && find(job, fd, job->want->partition->number, &offset, &size) &&
	       looped_open(job, offset, size);
}

const struct layer_driver layer_partition = {
	.key = key,
	.expect = expect,
	.observe = looped_observe,
	.give = looped_give,
	.open = {.begin = open_begin},
	.close = {.begin = looped_close, .end = looped_closed},
};
