/* What dom0 itself uses: files and devices that it has mounted or swaps on. A loop device stands for the file
 * behind it. A loop alone is no use: xl's own hotplug scripts leave such behind, and guests have theirs. */
#include "host/xen/dom0.h"
#include "base/file.h"
#include "host/xen/store.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void file_drop(FILE **file)
{
	if (*file)
		fclose(*file);
}

static void line_drop(char **line)
{
	free(*line);
}

const char *path_id(struct arena *arena, const char *path)
{
	struct stat found;
	if (stat(path, &found) != 0)
		return NULL;
	if (S_ISBLK(found.st_mode))
		return arena_format(arena, "b:%u:%u", major(found.st_rdev), minor(found.st_rdev));
	return arena_format(
		arena, "%u:%u:%" PRIu64, major(found.st_dev), minor(found.st_dev), (uint64_t)found.st_ino);
}

int64_t block_size(struct arena *arena, const char *root, const char *path)
{
	enum { SECTOR = 512, WORD_LIMIT = 64 };
	struct stat found;
	if (!path || stat(path, &found) != 0 || !S_ISBLK(found.st_mode))
		return -1;
	char *sectors = file_read(arena,
		arena_format(arena, "%s/sys/dev/block/%u:%u/size", root, major(found.st_rdev),
			minor(found.st_rdev)),
		WORD_LIMIT, NULL);
	if (sectors)
		sectors[strcspn(sectors, "\n")] = '\0';
	const int64_t count = sectors ? store_decimal(sectors) : -1;
	return count < 0 ? -1 : count * SECTOR;
}

/* mountinfo and swaps write blanks and backslashes as \040 and the like (proc(5)). */
static void unescape(char *text)
{
	char *out = text;
	for (const char *at = text; *at; out++) {
		if (at[0] == '\\' && strspn(at + 1, "01234567") >= 3) {
			const char digits[] = {at[1], at[2], at[3], '\0'};
			const unsigned char byte = (unsigned char)strtoul(digits, NULL, 8);
			memcpy(out, &byte, 1);
			at += 4;
		} else
			*out = *at++;
	}
	*out = '\0';
}

/* The first line of a file below root; NULL if there is none. */
static char *first_line(struct arena *arena, const char *path)
{
	__attribute__((cleanup(file_drop))) FILE *file = fopen(path, "re");
	__attribute__((cleanup(line_drop))) char *line = NULL;
	size_t room = 0;
	if (!file || getline(&line, &room, file) <= 0)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return arena_text(arena, line);
}

/* /dev/loop3 or /dev/loop3p1 to the file behind it; any other path stays. */
static const char *behind_loop(struct arena *arena, const char *root, const char *path)
{
	static const char loop[] = "/dev/loop";
	const size_t digits = text_starts(path, loop) ? strspn(path + strlen(loop), "0123456789") : 0;
	if (!digits)
		return path;
	const char *file = first_line(arena, arena_format(arena, "%s/sys/block/%.*s/loop/backing_file", root,
						     (int)(digits + strlen("loop")), path + strlen("/dev/")));
	return file ? file : path;
}

static void know_use(struct have *have, const char *root, const char *device, const char *place, bool writes)
{
	const char *path = behind_loop(have->arena, root, device), *id = path_id(have->arena, path);
	if (!id)
		return;
	struct HostUse *use = type_new(have->arena, &type_HostUse);
	KNOW(use, HostUse, id, id);
	KNOW(use, HostUse, path, arena_text(have->arena, path));
	KNOW(use, HostUse, what,
		place ? arena_format(have->arena, "mounted on %s", place) : "it swaps there");
	if (place)
		KNOW(use, HostUse, place, arena_text(have->arena, place));
	KNOW(use, HostUse, writes, writes);
	list_add(have->arena, &have->found->uses, use);
	have->found->at[Observation_uses] = &mark_observed;
}

/* "36 35 98:0 / /mnt rw,noatime master:1 - ext4 /dev/loop0 rw": what stands before the " - " varies in
 * length. */
static void know_mount(struct have *have, const char *root, char *line)
{
	char *end = strstr(line, " - "), *rest = line, *field[6];
	if (!end)
		return;
	*end = '\0';
	for (int i = 0; i < 6; i++)
		if (!(field[i] = strsep(&rest, " ")))
			return;
	char *behind = end + 3;
	strsep(&behind, " "); /* the kind of filesystem */
	char *device = behind ? strsep(&behind, " ") : NULL;
	if (!device || *device != '/')
		return;
	unescape(device);
	unescape(field[4]);
	/* a mount that is read-only here may still be written through another one of the same filesystem */
	const bool writes = !behind || strncmp(behind, "ro", 2) != 0;
	know_use(have, root, device, field[4], writes);
}

static void know_swap(struct have *have, const char *root, char *line)
{
	char *rest = line, *device = strsep(&rest, " \t");
	if (!device || *device != '/')
		return;
	unescape(device);
	know_use(have, root, device, NULL, true);
}

static void each_line(struct have *have, const char *root, const char *path,
	void (*line_of)(struct have *, const char *root, char *line))
{
	__attribute__((cleanup(file_drop))) FILE *file =
		fopen(arena_format(have->arena, "%s%s", root, path), "re");
	__attribute__((cleanup(line_drop))) char *line = NULL;
	size_t room = 0;
	while (file && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		line_of(have, root, line);
	}
}

void dom0_uses(struct have *have, const char *root)
{
	each_line(have, root, "/proc/self/mountinfo", know_mount);
	each_line(have, root, "/proc/swaps", know_swap);
}
