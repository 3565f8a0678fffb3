/* Layer `filesystem`: a folder on the device below. A device comes in; a place for files leaves. It is made
 * once and never over anything: a device is taken that is blank at both ends, or that carries the UUID which
 * this layer of this volume always has. While mkfs runs, a file in the volume's folder says that the device
 * was blank before, so that what an interrupted one left is told from somebody's data. It is mounted in the
 * volume's own folder, and taken away without force.
 *
 *   .INDEX-filesystem.part   on the device          it is
 *   absent                   nothing                not made: mkfs
 *   absent                   our UUID               made
 *   absent                   anything else          refused
 *   there                    our UUID, or no sign   begun: mkfs once more
 *   there                    another sign           refused */
#include "base/file.h"
#include "model/identity.h"
#include "model/quantity.h"
#include "storage/artefact.h"
#include "storage/mounted.h"
#include "storage/superblock.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char key[] = "filesystem", prefix[] = "fs:";
/* what a filesystem leaves unused at the end of its device, because a last group of its own would be too
 * small */
enum { UNUSED = 16 << 20 };

/* "ext4", of the manifest or of the label. */
static const char *type_of(const struct layer_job *job)
{
	return job->want ? choice_filesystem[job->want->filesystem->type] : job->recorded->source;
}

static const char *uuid_of(const struct layer_job *job)
{
	char *uuid = arena_alloc(job->arena, UID_SIZE);
	uid_of_layer(job->uid, job->index, uuid);
	return uuid;
}

static void describe(struct layer_job *job)
{
	KNOW(job->found, LayerFound, layer, key);
	KNOW(job->found, LayerFound, path, artefact_place(job, key));
	KNOW(job->found, LayerFound, source, type_of(job));
}

static void identify(struct layer_job *job)
{
	KNOW(job->found, LayerFound, id, arena_format(job->arena, "%s%s", prefix, uuid_of(job)));
}

static void give(struct layer_job *job, struct link *link)
{
	*link = (struct link){.place = job->found->path};
}

/* The device below, checked to be the one that the link means; -1 with job->error. */
static int device_open(struct layer_job *job, int flags)
{
	const struct link *below = &job->below;
	struct stat status;
	if (!below->path || !below->block) {
		layer_fail(job, true, NULL, "there is no device below the filesystem");
		return -1;
	}
	FD_SCOPED fd = open(below->path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 && errno == EBUSY) {
		layer_fail(job, false, "lsblk and fuser say by whom",
			"%s is in use on this host: mounted, or part of another device", below->path);
		return -1;
	}
	if (fd < 0 || fstat(fd, &status) < 0) {
		artefact_fail(job, errno, below->path);
		return -1;
	}
	if (!text_equal(identity_from(job->arena, &status).id, below->id)) {
		layer_fail(job, false, NULL, "%s is another device than it was a moment ago", below->path);
		return -1;
	}
	return fd_take(&fd);
}

static bool device_read(struct layer_job *job, int fd, struct superblock *device)
{
	return superblock_read(job->arena, fd, device) ||
	       layer_fail(job, false, "dmesg says more", "%s cannot be read: %s", job->below.path,
		       strerror(errno));
}

static bool is_ours(const struct layer_job *job, const struct superblock *device)
{
	return device->kind == SUPERBLOCK_FILESYSTEM && text_equal(device->type, type_of(job)) &&
	       text_equal(device->uuid, uuid_of(job));
}

static bool other_fail(struct layer_job *job, const struct superblock *device)
{
	return layer_fail(job, true,
		"nothing was written; if it may be lost, `wipefs -a` and zeros over its first and last MiB "
		"make it blank",
		"%s holds %s, and not the %s filesystem %s of this volume", job->below.path,
		superblock_words(job->arena, device), type_of(job), uuid_of(job));
}

/* Making it. */

static bool is_begun(const struct layer_job *job)
{
	return access(artefact_begun(job, key), F_OK) == 0;
}

static bool begun_write(struct layer_job *job)
{
	const char *path = artefact_begun(job, key);
	FD_SCOPED fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || !folder_sync(arena_format(job->arena, "%s/volumes/%s", job->state_dir, job->uid)))
		return artefact_fail(job, errno, path);
	return true;
}

static void expect(struct layer_job *job)
{
	describe(job);
}

static const char *const *mkfs(struct layer_job *job, bool again)
{
	const char **argv = arena_array(job->arena, const char *, 8);
	int count = 0;
	if (text_equal(type_of(job), "xfs")) {
		argv[count++] = "mkfs.xfs";
		argv[count++] = "-q";
		if (again)
			argv[count++] = "-f";
		argv[count++] = "-m";
		argv[count++] = arena_format(job->arena, "uuid=%s", uuid_of(job));
	} else {
		argv[count++] = "mkfs.ext4";
		argv[count++] = "-q";
		argv[count++] = "-U";
		argv[count++] = uuid_of(job);
	}
	argv[count] = job->below.path;
	return argv;
}

static bool create(struct layer_job *job)
{
	struct superblock device;
	const bool begun = is_begun(job);
	/* exclusively: not while it is mounted, swapped on, or part of another device */
	FD_SCOPED fd = device_open(job, O_RDONLY | O_EXCL);
	if (fd < 0 || !device_read(job, fd, &device))
		return false;
	const bool ours = is_ours(job, &device);
	if (ours && !begun)
		return true;
	if (begun ? !ours && device.kind != SUPERBLOCK_NONE && device.kind != SUPERBLOCK_UNKNOWN
		  : device.kind != SUPERBLOCK_NONE)
		return other_fail(job, &device);
	if (!begun && !begun_write(job))
		return false;
	job->argv = mkfs(job, begun);
	return true;
}

static bool created(struct layer_job *job)
{
	struct superblock device;
	FD_SCOPED fd = device_open(job, O_RDONLY);
	if (fd < 0 || !device_read(job, fd, &device))
		return false;
	if (!is_ours(job, &device))
		return layer_fail(job, false, NULL, "%s holds %s after mkfs, and not %s with UUID %s",
			job->below.path, superblock_words(job->arena, &device), type_of(job), uuid_of(job));
	describe(job);
	identify(job);
	return file_remove(artefact_begun(job, key)) || artefact_fail(job, errno, artefact_begun(job, key));
}

static bool made(struct layer_job *job)
{
	struct superblock device;
	if (is_begun(job))
		return false;
	FD_SCOPED fd = device_open(job, O_RDONLY);
	if (fd < 0 || !device_read(job, fd, &device))
		return false;
	if (is_ours(job, &device)) {
		identify(job);
		return true;
	}
	/* what was there and is blank now is lost; before it was made, creation is to say what stands in its
	 * way */
	return device.kind == SUPERBLOCK_NONE || !KNOWN(job->recorded, LayerFound, id)
		       ? false
		       : other_fail(job, &device);
}

/* Mounting it. */

static bool place_fail(struct layer_job *job, const char *place)
{
	return errno == ENOTDIR ? layer_fail(job, true, "remove it, if it is not needed",
					  "%s is no folder, so nothing can be mounted there", place)
				: artefact_fail(job, errno, place);
}

/* Is it mounted, as it should be? false without job->error: nothing is. */
static bool is_mounted(struct layer_job *job, const char *place)
{
	struct mounted mounted;
	if (!mounted_at(job->arena, place, &mounted))
		return place_fail(job, place);
	if (!mounted.there)
		return false;
	const char *id = arena_format(job->arena, "b:%s", mounted.device);
	if (!text_equal(id, job->below.id) || !text_equal(mounted.root, "/") ||
		!text_equal(mounted.type, type_of(job)))
		return layer_fail(job, true, arena_format(job->arena, "umount %s", place),
			"on %s is mounted %s of device %s (%s) instead of %s", place, mounted.root,
			mounted.device, mounted.type, job->below.path);
	if (mounted.read_only)
		return layer_fail(job, true,
			arena_format(job->arena, "dmesg says why; umount %s, then fsck %s", place,
				job->below.path),
			"%s was mounted read-only after an error on %s", place, job->below.path);
	return true;
}

/* The size of the device below if the filesystem fills that, else its own; 0: not known. */
static int64_t size_of(struct layer_job *job, const char *place)
{
	struct superblock device = {0};
	struct statvfs status;
	FD_SCOPED fd = open(job->below.path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || !superblock_size(fd, type_of(job), &device))
		return 0;
	if (text_equal(type_of(job), "xfs") && statvfs(place, &status) == 0)
		device.size = (int64_t)(status.f_blocks * status.f_frsize) + device.journal;
	return device.size + UNUSED > device.device ? device.device : device.size;
}

static bool observe(struct layer_job *job)
{
	const char *place = artefact_place(job, key);
	if (!is_mounted(job, place))
		return false;
	describe(job);
	identify(job);
	int64_t size = size_of(job, place);
	if (size)
		KNOW(job->found, LayerFound, size, size);
	return true;
}

/* A folder of ours, empty: what lay there would be hidden by the mount. */
static bool place_make(struct layer_job *job, const char *place)
{
	if (mkdir(place, 0700) < 0 && errno != EEXIST)
		return artefact_fail(job, errno, place);
	FD_SCOPED folder = folder_open(place);
	if (folder < 0)
		return place_fail(job, place);
	if (rmdir(place) < 0)
		return errno == ENOTEMPTY || errno == EEXIST
			       ? layer_fail(job, true, "look at what it is, and move it away",
					 "%s is not empty though nothing is mounted there", place)
			       : artefact_fail(job, errno, place);
	return mkdir(place, 0700) == 0 || artefact_fail(job, errno, place);
}

static bool mount_begin(struct layer_job *job)
{
	const char *place = artefact_place(job, key);
	if (!made(job)) {
		if (job->error)
			return false;
		return layer_fail(job, true, NULL, "%s does not hold the filesystem %s of this volume",
			job->below.path, uuid_of(job));
	}
	if (!place_make(job, place))
		return false;
	return layer_run(job, "mount", "-t", type_of(job), "-o", "nodev,nosuid,noexec", "--source",
		job->below.path, "--target", place);
}

static bool mount_end(struct layer_job *job)
{
	if (observe(job))
		return true;
	return job->error ? false
			  : layer_fail(job, false, NULL, "nothing is mounted on %s after mount",
				    artefact_place(job, key));
}

static void mount_failed(struct layer_job *job)
{
	const char *check = text_equal(type_of(job), "xfs") ? "xfs_repair" : "fsck";
	if (job->ran->started)
		layer_fail(job, false,
			arena_format(job->arena, "dmesg says more; %s %s, if it is damaged", check,
				job->below.path),
			"the filesystem on %s cannot be mounted: %s", job->below.path,
			run_failure(job->arena, job->argv, job->ran));
}

/* Taking it away. */

static bool unmount_begin(struct layer_job *job)
{
	return layer_run(job, "umount", artefact_place(job, key));
}

static bool unmount_end(struct layer_job *job)
{
	struct mounted mounted;
	const char *place = artefact_place(job, key);
	if (!mounted_at(job->arena, place, &mounted))
		return place_fail(job, place);
	return !mounted.there || layer_fail(job, false, NULL, "%s is still mounted", place);
}

static void unmount_failed(struct layer_job *job)
{
	const char *place = artefact_place(job, key);
	if (!job->ran->started || !strstr(job->ran->errors, "busy"))
		return;
	const char *users = mounted_users(job->arena, place);
	layer_fail(job, false, "end what uses it; the next pass tries again", "%s is in use%s%s", place,
		users ? " by " : ", and nobody shows who uses it", users ? users : "");
}

/* Nothing but its signs are taken away: the data below goes with what is below, or is overwritten by the
 * next. */
static bool erase(struct layer_job *job)
{
	struct superblock device;
	const char *part = artefact_begun(job, key);
	if (!job->below.path)
		return true;
	FD_SCOPED fd = device_open(job, O_RDWR | O_EXCL);
	if (fd < 0 || !device_read(job, fd, &device))
		return false;
	if (is_ours(job, &device) && !superblock_erase(fd))
		return artefact_fail(job, errno, job->below.path);
	return file_remove(part) || artefact_fail(job, errno, part);
}

/* Both grow while they are mounted, to the end of the device below. */
static bool grow(struct layer_job *job)
{
	return text_equal(type_of(job), "xfs") ? layer_run(job, "xfs_growfs", artefact_place(job, key))
					       : layer_run(job, "resize2fs", job->below.path);
}

static bool grown(struct layer_job *job)
{
	const int64_t wanted = KNOWN(job->found, LayerFound, size) ? job->found->size : 0;
	char is[32], least[32];
	if (!mount_end(job))
		return false;
	return job->found->size >= wanted ||
	       layer_fail(job, false, NULL, "the filesystem on %s has %s after it grew, instead of %s",
		       job->below.path, size_text(job->found->size, is), size_text(wanted, least));
}

const struct layer_driver layer_filesystem = {
	.key = key,
	.expect = expect,
	.observe = observe,
	.made = made,
	.give = give,
	.create = {.begin = create, .end = created},
	.open = {.begin = mount_begin, .end = mount_end, .failed = mount_failed},
	.close = {.begin = unmount_begin, .end = unmount_end, .failed = unmount_failed},
	.remove = {.begin = erase},
	.grow = {.begin = grow, .end = grown},
};
