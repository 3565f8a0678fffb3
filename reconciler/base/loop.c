/* Loop devices by ioctl. losetup can neither set a mark nor tell one, and would leave a device unmarked
 * between two calls. */
#include "base/loop.h"
#include "base/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

enum {
	SECTOR = 512,
	RACES = 64, /* others take free devices, too */
};

const char loop_mark_prefix[] = "xensteer:";

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

static int device_open(const char *path, int flags)
{
	return open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* What is behind the device that `fd` is. */
static bool status_read(int fd, struct loop_info64 *info)
{
	*info = (struct loop_info64){0};
	if (ioctl(fd, LOOP_GET_STATUS64, info) < 0)
		return false;
	info->lo_file_name[LO_NAME_SIZE - 1] = '\0';
	return true;
}

static struct loop *loop_look(struct arena *arena, const char *root, const char *name)
{
	struct loop_info64 info;
	struct stat status;
	uint64_t size;
	char *end;
	const unsigned long number = strtoul(name + strlen("loop"), &end, 10);
	const char *device = arena_format(arena, "%s/dev/%s", root, name);
	FD_SCOPED fd = *end ? -1 : device_open(device, O_RDONLY);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISBLK(status.st_mode) || !status_read(fd, &info) ||
		ioctl(fd, BLKGETSIZE64, &size) < 0)
		return NULL;
	const dev_t file = (dev_t)info.lo_device, behind = (dev_t)info.lo_rdevice;
	const char *mark = (const char *)info.lo_file_name;
	struct loop *loop = arena_make(arena, struct loop);
	*loop = (struct loop){.number = (unsigned)number,
		.device = device,
		.id = arena_format(arena, "b:%u:%u", major(status.st_rdev), minor(status.st_rdev)),
		.behind = behind ? arena_format(arena, "b:%u:%u", major(behind), minor(behind))
				 : arena_format(arena, "%u:%u:%llu", major(file), minor(file),
					   (unsigned long long)info.lo_inode),
		.mark = text_starts(mark, loop_mark_prefix) ? arena_text(arena, mark) : "",
		.offset = info.lo_offset,
		.limit = info.lo_sizelimit,
		.size = (int64_t)size,
		.read_only = info.lo_flags & LO_FLAGS_READ_ONLY};
	return loop;
}

void loop_list(struct arena *arena, const char *root, struct list *loops)
{
	const char *folder = arena_format(arena, "%s/sys/block", root);
	DIR_SCOPED blocks = opendir(folder);
	for (struct dirent *entry; blocks && (entry = readdir(blocks));) {
		struct stat status;
		if (!text_starts(entry->d_name, "loop") ||
			fstatat(dirfd(blocks), arena_format(arena, "%s/loop", entry->d_name), &status, 0) < 0)
			continue;
		struct loop *loop = loop_look(arena, root, entry->d_name);
		if (loop)
			list_add(arena, loops, loop);
	}
}

int loop_attach(const char *root, const struct loop_wish *wish)
{
	ARENA_SCOPED arena = arena_new();
	struct loop_config config = {
		.fd = (uint32_t)wish->file,
		.block_size = SECTOR,
		.info = {.lo_offset = wish->offset,
			.lo_sizelimit = wish->limit,
			.lo_flags = LO_FLAGS_DIRECT_IO | (wish->read_only ? LO_FLAGS_READ_ONLY : 0)},
	};
	const size_t length = strlen(wish->mark);
	if (length > LOOP_MARK_LIMIT || !text_starts(wish->mark, loop_mark_prefix)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(config.info.lo_file_name, wish->mark, length);
	FD_SCOPED control = device_open(arena_format(arena, "%s/dev/loop-control", root), O_RDWR);
	for (int race = 0; control >= 0 && race < RACES; race++) {
		const int number = ioctl(control, LOOP_CTL_GET_FREE);
		FD_SCOPED fd =
			number < 0 ? -1
				   : device_open(arena_format(arena, "%s/dev/loop%d", root, number), O_RDWR);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config) == 0)
			return number;
		if (errno != EBUSY)
			return -1;
	}
	return -1;
}

/* The device, opened, if it is still bound and carries the same mark; -1 with errno set. */
static int loop_open(const struct loop *loop)
{
	struct loop_info64 info;
	FD_SCOPED fd = device_open(loop->device, O_RDONLY);
	if (fd < 0 || !status_read(fd, &info))
		return -1;
	if (!*loop->mark || !text_equal((const char *)info.lo_file_name, loop->mark)) {
		errno = ENXIO;
		return -1;
	}
	return fd_take(&fd);
}

bool loop_grow(const struct loop *loop)
{
	FD_SCOPED fd = loop_open(loop);
	return fd >= 0 && ioctl(fd, LOOP_SET_CAPACITY) == 0;
}

bool loop_detach(const struct loop *loop)
{
	FD_SCOPED fd = loop_open(loop);
	return fd >= 0 && ioctl(fd, LOOP_CLR_FD) == 0;
}
