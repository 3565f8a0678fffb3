/* Layer `block`: a device that exists. It is never made, bound, written or removed; "creating" it checks that
 * the path leads to a block device beneath what the host allows, and that dom0 itself does nothing with it.
 * What a guest does with it is the business of the claims. */
#include "base/file.h"
#include "storage/device.h"
#include "storage/identity.h"
#include "storage/layer.h"
#include <blkid/blkid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

static const char key[] = "block";
static const char allow_hint[] = "the Host's policy.blockDevices lists those that are";

static void probe_drop(blkid_probe *probe)
{
	if (*probe)
		blkid_free_probe(*probe);
}

static void text_drop(char **text)
{
	free(*text);
}

static void expect(struct layer_job *job)
{
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	KNOW(job->found, LayerFound, path, job->want->block->path);
}

/* false without job->error: nothing is there. */
static bool describe(struct layer_job *job, const char *path)
{
	struct stat status;
	if (!path)
		return false;
	/* what is no device is not opened: a FIFO would wait, a socket would fail in its own words */
	if (stat(path, &status) < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? false
			       : layer_fail(job, false, NULL, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(status.st_mode))
		return layer_fail(job, true, "a file is taken by a layer of its own (image, file)",
			"%s is no block device", path);
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	const int64_t size = fd < 0 || fstat(fd, &status) < 0 ? -1 : device_size(fd);
	if (size < 0)
		return layer_fail(job, false, NULL, "%s: %s", path, strerror(errno));
	if (!size)
		return layer_fail(
			job, false, "is there a medium in it, is it bound?", "%s has no size", path);
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, path, path);
	KNOW(job->found, LayerFound, format, disk_format_raw);
	KNOW(job->found, LayerFound, size, size);
	KNOW(job->found, LayerFound, id, identity_from(job->arena, &status).id);
	return true;
}

static bool observe(struct layer_job *job)
{
	return describe(job, job->recorded->path);
}

static bool is_beneath_any(const struct texts *folders, const char *path)
{
	for (uint32_t i = 0; i < folders->count; i++)
		if (text_beneath(path, folders->item[i]))
			return true;
	return false;
}

/* Links in /dev are udev's, and its names stand all over it: they may lead anywhere within. Elsewhere a link
 * must stay beneath what is allowed. */
static bool is_allowed(struct layer_job *job, const char *path)
{
	const char *dev = arena_format(job->arena, "%s/dev", job->root);
	__attribute__((cleanup(text_drop))) char *whole = realpath(path, NULL);
	if (!is_beneath_any(job->devices, path))
		return layer_fail(job, true, allow_hint, "%s is not allowed on this host", path);
	if (!whole || is_beneath_any(job->devices, whole) ||
		(text_beneath(path, dev) && text_beneath(whole, dev)))
		return true;
	return layer_fail(
		job, true, allow_hint, "%s leads to %s, which is not allowed on this host", path, whole);
}

/* A member of a group or an array is dom0's even while nothing of that is active. A logical volume is not:
 * what a guest wrote on its disk is none of dom0's groups. */
static bool is_member(struct layer_job *job, const char *path, const char *id)
{
	static const char *const members[][2] = {{"LVM2_member", "a physical volume of LVM"},
		{"linux_raid_member", "a member of a RAID"}, {"zfs_member", "a member of a ZFS pool"}};
	const char *mapped =
		arena_format(job->arena, "%s/sys/dev/block/%s/dm/uuid", job->root, id + strlen("b:"));
	const char *uuid = file_read(job->arena, mapped, 4096, NULL), *type;
	if (uuid && text_starts(uuid, "LVM-"))
		return false;
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	__attribute__((cleanup(probe_drop))) blkid_probe probe = blkid_new_probe();
	if (fd < 0 || !probe || blkid_probe_set_device(probe, fd, 0, 0) < 0 ||
		blkid_probe_enable_superblocks(probe, 1) < 0 ||
		blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE) < 0 ||
		blkid_do_safeprobe(probe) != 0 || blkid_probe_lookup_value(probe, "TYPE", &type, NULL) < 0)
		return false;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (text_equal(type, members[i][0])) {
			layer_fail(job, true,
				"give another one, or take it out of there and wipe it (pvremove, wipefs)",
				"%s is in use by dom0: it is %s", path, members[i][1]);
			return true;
		}
	return false;
}

static bool create(struct layer_job *job)
{
	const char *path = job->want->block->path;
	if (!is_allowed(job, path))
		return false;
	if (!describe(job, path))
		return job->error ? false
				  : layer_fail(job, false, "is it plugged in, is its group active?",
					    "block device %s is not there", path);
	const struct device_at device = {job->root, path, job->found->id};
	const char *use = device_dom0_use(job->arena, &device);
	if (use)
		return layer_fail(job, true,
			"no guest gets what dom0 uses: give another one, or end that use",
			"%s is in use by dom0: %s", path, use);
	return !is_member(job, path, job->found->id);
}

const struct layer_driver layer_block = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.create = {.begin = create},
};
