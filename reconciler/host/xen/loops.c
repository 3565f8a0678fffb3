/* Loop devices and the scripts that make them: what /sys/block, /proc and xenstore say goes in, lists of what
 * may be released come out. Nothing is released here. Whatever cannot be told counts as in use. */
#include "host/xen/loops.h"
#include "base/file.h"
#include "base/loop.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LIMIT = 4096, ENVIRONMENT_LIMIT = 64 << 10, PARAMS_LIMIT = 1024 /* bytes */ };

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

/* The kernel's path of a file that has no name any more. */
static const char deleted[] = " (deleted)";

/* Layers of volumes have loop devices of their own, which are there though no guest runs. */
static bool is_layer(const struct list *bound, int64_t number)
{
	for (uint32_t i = 0; i < bound->count; i++) {
		const struct loop *loop = bound->item[i];
		if (loop->number == number)
			return *loop->mark;
	}
	return false;
}

void loops_read(struct arena *arena, const char *root, struct list *loops)
{
	struct list bound = {0};
	loop_list(arena, root, &bound);
	DIR_SCOPED blocks = opendir(arena_format(arena, "%s/sys/block", root));
	for (struct dirent *entry; blocks && (entry = readdir(blocks));) {
		const int64_t number =
			text_starts(entry->d_name, "loop") ? store_decimal(entry->d_name + 4) : -1;
		if (number < 0 || is_layer(&bound, number))
			continue;
		char *file = file_read(arena,
			arena_format(arena, "%s/sys/block/%s/loop/backing_file", root, entry->d_name),
			FILE_LIMIT, NULL);
		if (!file || !*file)
			continue;
		file[strcspn(file, "\n")] = '\0';
		const size_t size = strlen(file), tail = strlen(deleted);
		if (size > tail && strcmp(file + size - tail, deleted) == 0)
			file[size - tail] = '\0';
		struct loop_device *loop = arena_make(arena, struct loop_device);
		*loop = (struct loop_device){.number = number,
			.device = arena_format(arena, "/dev/loop%lld", (long long)number),
			.file = file};
		list_add(arena, loops, loop);
	}
}

static void keep_where(
	struct list *loops, bool (*keep)(const struct loop_device *, const void *), const void *with)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < loops->count; i++)
		if (keep(loops->item[i], with))
			loops->item[kept++] = loops->item[i];
	loops->count = kept;
}

struct place {
	const char *folder;
	const struct list *files;
};

static bool is_in_place(const struct loop_device *loop, const void *with)
{
	const struct place *place = with;
	const size_t size = place->folder ? strlen(place->folder) : 0;
	if (size && strncmp(loop->file, place->folder, size) == 0 && loop->file[size] == '/')
		return true;
	for (uint32_t i = 0; place->files && i < place->files->count; i++)
		if (strcmp(loop->file, place->files->item[i]) == 0)
			return true;
	return false;
}

void loops_keep(struct list *loops, const char *folder, const struct list *files)
{
	keep_where(loops, is_in_place, &(struct place){.folder = folder, .files = files});
}

static bool is_other_device(const struct loop_device *loop, const void *device)
{
	return strcmp(loop->device, device) != 0;
}

void loops_spare(struct list *loops, struct store *store, struct arena *arena, const struct list *domids)
{
	if (loops->count && !store_reachable(store))
		loops->count = 0;
	for (uint32_t i = 0; loops->count && i < domids->count; i++) {
		const long long domid = (long long)*(const int64_t *)domids->item[i];
		const struct list disks =
			store_names(store, arena, "/local/domain/0/backend/vbd/%lld", domid);
		for (uint32_t k = 0; k < disks.count; k++) {
			const char *device = store_read(store, arena, PARAMS_LIMIT,
				"/local/domain/0/backend/vbd/%lld/%s/node", domid,
				(const char *)disks.item[k]);
			if (device)
				keep_where(loops, is_other_device, device);
		}
	}
}

/* Whoever claims a block device claims it for himself alone: a second one is told EBUSY. */
static bool is_unclaimed(const struct loop_device *loop, const void *with)
{
	(void)with;
	FD_SCOPED fd = open(loop->device, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	return fd >= 0;
}

void loops_spare_claimed(struct list *loops)
{
	keep_where(loops, is_unclaimed, NULL);
}

const char *const *loop_release(struct arena *arena, const struct loop_device *loop)
{
	const char **argv = arena_array(arena, const char *, 4);
	argv[0] = "losetup";
	argv[1] = "-d";
	argv[2] = loop->device;
	return argv;
}

void loops_files(struct store *store, struct arena *arena, int64_t domid, struct list *files)
{
	const struct list disks =
		store_names(store, arena, "/local/domain/0/backend/vbd/%lld", (long long)domid);
	for (uint32_t i = 0; i < disks.count; i++) {
		const char *file =
			store_read(store, arena, PARAMS_LIMIT, "/local/domain/0/backend/vbd/%lld/%s/params",
				(long long)domid, (const char *)disks.item[i]);
		char *whole = file && *file == '/' ? realpath(file, NULL) : NULL;
		if (whole)
			list_add(arena, files, arena_text(arena, whole));
		free(whole);
	}
}

/* XENBUS_PATH=backend/vbd/5/51712, with or without /local/domain/0/ before it. */
int64_t hotplug_domid(const char *environment, size_t size)
{
	static const char key[] = "XENBUS_PATH=";
	for (size_t at = 0; at < size; at += strlen(environment + at) + 1) {
		const char *path = environment + at, *kind;
		if (!text_starts(path, key) || !(kind = strstr(path, "backend/")))
			continue;
		kind += strlen("backend/");
		const char *domid = kind + strcspn(kind, "/");
		char *end;
		long long value = *domid ? strtoll(domid + 1, &end, 10) : -1;
		return value > 0 && *end == '/' ? value : -1;
	}
	return -1;
}

int64_t hotplug_runs(const char *root, int64_t domid)
{
	ARENA_SCOPED arena = arena_new();
	DIR_SCOPED proc = opendir(arena_format(arena, "%s/proc", root));
	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		const int64_t pid = store_decimal(entry->d_name);
		size_t size = 0;
		if (pid <= 0)
			continue;
		arena_reset(arena);
		const char *arguments = file_read(arena,
			arena_format(arena, "%s/proc/%s/cmdline", root, entry->d_name), FILE_LIMIT, &size);
		/* the interpreter first, then the script */
		const char *script =
			arguments && strlen(arguments) + 1 < size ? arguments + strlen(arguments) + 1 : "";
		if (!text_starts(script, "/etc/xen/scripts/") &&
			!(arguments && text_starts(arguments, "/etc/xen/scripts/")))
			continue;
		const char *environment =
			file_read(arena, arena_format(arena, "%s/proc/%s/environ", root, entry->d_name),
				ENVIRONMENT_LIMIT, &size);
		const int64_t found = environment ? hotplug_domid(environment, size) : -1;
		if (domid < 0 ? environment != NULL : found == domid)
			return pid;
	}
	return 0;
}
