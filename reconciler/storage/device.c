/* Who uses a block device: /sys, /proc and the kernel's own claim are asked in turn, the most telling first.
 * One question alone leaves a hole: a mount in another name space is in no mountinfo that we see, a qcow2
 * over the device is open in a QEMU and no backend of the kernel, a loop device is no holder. */
#include "storage/device.h"
#include "base/file.h"
#include "base/loop.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum { WORD_LIMIT = 4096, PARTS = 256, WAITS = 20 /* tenths of a second */ };

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

static void file_drop(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void line_drop(char **line)
{
	free(*line);
}

/* The first line of a file of the kernel; NULL if it cannot be read. */
static char *word_read(struct arena *arena, const char *path)
{
	char *word = file_read(arena, path, WORD_LIMIT, NULL);
	if (word)
		word[strcspn(word, "\n")] = '\0';
	return word;
}

/* "43:0", or "2b:0" in base 16, and nothing behind it. */
static bool numbers_parse(const char *text, int base, dev_t *device)
{
	char *colon, *end;
	if (!text || !*text)
		return false;
	const unsigned long high = strtoul(text, &colon, base);
	if (*colon != ':' || !colon[1])
		return false;
	const unsigned long low = strtoul(colon + 1, &end, base);
	*device = makedev((unsigned)high, (unsigned)low);
	return !*end;
}

static bool id_parse(const char *id, dev_t *device)
{
	return id && text_starts(id, "b:") && numbers_parse(id + strlen("b:"), 10, device);
}

/* The device and its partitions, which the kernel may have found in it. */
struct parts {
	dev_t *item;
	const char **folder; /* in /sys, beside each */
	uint32_t count;
};

static void part_add(struct parts *parts, dev_t device, const char *folder)
{
	if (parts->count == PARTS)
		return;
	parts->item[parts->count] = device;
	parts->folder[parts->count++] = folder;
}

static bool parts_find(struct arena *arena, const struct device_at *device, struct parts *parts)
{
	dev_t whole;
	if (!id_parse(device->id, &whole))
		return false;
	*parts = (struct parts){arena_array(arena, dev_t, PARTS), arena_array(arena, const char *, PARTS), 0};
	const char *folder =
		arena_format(arena, "%s/sys/dev/block/%u:%u", device->root, major(whole), minor(whole));
	part_add(parts, whole, folder);
	DIR_SCOPED dir = opendir(folder);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		const char *part = arena_format(arena, "%s/%s", folder, entry->d_name);
		struct stat status;
		dev_t number;
		if (entry->d_name[0] == '.' || stat(arena_format(arena, "%s/partition", part), &status) < 0 ||
			!numbers_parse(word_read(arena, arena_format(arena, "%s/dev", part)), 10, &number))
			continue;
		part_add(parts, number, part);
	}
	return true;
}

static bool is_part(const struct parts *parts, dev_t device)
{
	for (uint32_t i = 0; i < parts->count; i++)
		if (parts->item[i] == device)
			return true;
	return false;
}

static bool is_part_at(const struct parts *parts, const char *path)
{
	struct stat status;
	return *path == '/' && stat(path, &status) == 0 && S_ISBLK(status.st_mode) &&
	       is_part(parts, status.st_rdev);
}

static const char *held(struct arena *arena, const struct parts *parts)
{
	for (uint32_t i = 0; i < parts->count; i++) {
		const char *folder = arena_format(arena, "%s/holders", parts->folder[i]);
		DIR_SCOPED dir = opendir(folder);
		for (struct dirent *entry; dir && (entry = readdir(dir));) {
			if (entry->d_name[0] == '.')
				continue;
			const char *name =
				word_read(arena, arena_format(arena, "%s/%s/dm/name", folder, entry->d_name));
			return name ? arena_format(arena, "%s (%s) stands on it", entry->d_name, name)
				    : arena_format(arena, "%s stands on it", entry->d_name);
		}
	}
	return NULL;
}

/* Calls `use_of` for each line of a file until it says something. */
static const char *each_line(struct arena *arena, const char *path, const struct parts *parts,
	const char *(*use_of)(struct arena *, const struct parts *, char *line))
{
	__attribute__((cleanup(file_drop))) FILE *file = fopen(path, "re");
	__attribute__((cleanup(line_drop))) char *line = NULL;
	size_t room = 0;
	const char *use = NULL;
	while (file && !use && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		use = use_of(arena, parts, line);
	}
	return use;
}

/* "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/loop0 rw": the numbers are those of the filesystem,
 * which some (btrfs) make up, so the source is looked at, too. */
static const char *mounted(struct arena *arena, const struct parts *parts, char *line)
{
	char *end = strstr(line, " - "), *rest = line, *field[5];
	dev_t number;
	if (!end)
		return NULL;
	*end = '\0';
	for (int i = 0; i < 5; i++)
		if (!(field[i] = strsep(&rest, " ")))
			return NULL;
	char *behind = end + 3;
	strsep(&behind, " "); /* the kind of filesystem */
	char *source = behind ? strsep(&behind, " ") : NULL;
	if ((numbers_parse(field[2], 10, &number) && is_part(parts, number)) ||
		(source && is_part_at(parts, source)))
		return arena_format(arena, "it is mounted on %s", field[4]);
	return NULL;
}

static const char *swapped(struct arena *arena, const struct parts *parts, char *line)
{
	(void)arena;
	char *rest = line;
	return is_part_at(parts, strsep(&rest, " \t")) ? "dom0 swaps on it" : NULL;
}

static const char *dom0_use(struct arena *arena, const char *root, const struct parts *parts)
{
	const char *use =
		each_line(arena, arena_format(arena, "%s/proc/self/mountinfo", root), parts, mounted);
	if (!use)
		use = each_line(arena, arena_format(arena, "%s/proc/swaps", root), parts, swapped);
	return use ? use : held(arena, parts);
}

/* A disk of a guest, by the kernel's own backend: vbd-5-51712/physical_device holds "2b:0". */
static const char *backend(struct arena *arena, const char *root, const struct parts *parts)
{
	const char *folder = arena_format(arena, "%s/sys/bus/xen-backend/devices", root);
	DIR_SCOPED dir = opendir(folder);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		static const char kind[] = "vbd-";
		dev_t device;
		const char *number =
			word_read(arena, arena_format(arena, "%s/%s/physical_device", folder, entry->d_name));
		if (!numbers_parse(number, 16, &device) || !is_part(parts, device))
			continue;
		if (text_starts(entry->d_name, kind))
			return arena_format(arena, "it is a disk of the guest with domid %lu",
				strtoul(entry->d_name + strlen(kind), NULL, 10));
		return arena_format(arena, "it is a disk of a guest (%s)", entry->d_name);
	}
	return NULL;
}

static const char *looped(struct arena *arena, const char *root, const struct parts *parts)
{
	struct list loops = {0};
	loop_list(arena, root, &loops);
	for (uint32_t i = 0; i < loops.count; i++) {
		const struct loop *loop = loops.item[i];
		dev_t behind;
		if (id_parse(loop->behind, &behind) && is_part(parts, behind))
			return arena_format(arena, "%s stands on it", loop->device);
	}
	return NULL;
}

static bool process_has(struct arena *arena, const char *process, const struct parts *parts)
{
	DIR_SCOPED dir = opendir(arena_format(arena, "%s/fd", process));
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct stat status;
		if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &status, 0) == 0 &&
			S_ISBLK(status.st_mode) && is_part(parts, status.st_rdev))
			return true;
	}
	return false;
}

static const char *opened(struct arena *arena, const char *root, const struct parts *parts, int64_t server)
{
	DIR_SCOPED dir = opendir(arena_format(arena, "%s/proc", root));
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		char *end;
		const long pid = strtol(entry->d_name, &end, 10);
		const char *process = arena_format(arena, "%s/proc/%s", root, entry->d_name);
		if (*end || pid <= 0 || pid == server || !process_has(arena, process, parts))
			continue;
		const char *name = word_read(arena, arena_format(arena, "%s/comm", process));
		return arena_format(arena, "%s (process %ld) has it open", name ? name : "somebody", pid);
	}
	return NULL;
}

/* Whoever claims a block device claims it for himself alone: a second one is told EBUSY. */
static bool is_claimed(const char *path)
{
	FD_SCOPED fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	return fd < 0 && errno == EBUSY;
}

const char *device_dom0_use(struct arena *arena, const struct device_at *device)
{
	struct parts parts;
	return parts_find(arena, device, &parts) ? dom0_use(arena, device->root, &parts) : NULL;
}

const char *device_use(struct arena *arena, const struct device_at *device, int64_t server)
{
	struct parts parts;
	if (!parts_find(arena, device, &parts))
		return NULL;
	const char *use = dom0_use(arena, device->root, &parts);
	if (!use)
		use = backend(arena, device->root, &parts);
	if (!use)
		use = looped(arena, device->root, &parts);
	if (!use)
		use = opened(arena, device->root, &parts, server);
	if (!use && is_claimed(device->path))
		use = "the kernel has claimed it (it may be mounted in another name space)";
	return use;
}

enum unused device_unused(struct layer_job *job, const struct device_at *device, int64_t server)
{
	static const char *const wait[] = {"sleep", "0.1", NULL};
	const char *use = device_use(job->arena, device, server);
	if (!use)
		return UNUSED;
	if (job->waits++ < WAITS) {
		job->argv = wait;
		job->environment = NULL;
		return UNUSED_PERHAPS;
	}
	layer_fail(
		job, false, "it is closed when that has ended", "%s cannot be closed: %s", device->path, use);
	return USED;
}

int64_t device_size(int fd)
{
	uint64_t size;
	return ioctl(fd, BLKGETSIZE64, &size) < 0 ? -1 : (int64_t)size;
}
