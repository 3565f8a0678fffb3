/* Mounts. A place comes in; what is mounted on it leaves, from statx and its line in /proc/self/mountinfo,
 * and who uses it, from the links in /proc and /sys. Nothing is opened below the place: a dead filesystem
 * there cannot hold the caller up. */
#include "storage/mounted.h"
#include "base/file.h"
#include "base/text.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { USERS = 4 };

static void file_drop(FILE **file)
{
	if (*file)
		fclose(*file);
}
#define FILE_SCOPED __attribute__((cleanup(file_drop))) FILE *

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

/* A line of mountinfo, as proc(5) has it: ID PARENT MAJOR:MINOR ROOT PLACE OPTIONS [MORE...] - TYPE SOURCE
 * OPTIONS. */
static bool line_read(struct arena *arena, char *line, uint64_t id, struct mounted *mounted)
{
	enum { ID, PARENT, DEVICE, ROOT, PLACE, OPTIONS, WORDS };
	char *word[WORDS], *rest = line;
	for (int i = 0; i < WORDS; i++)
		if (!(word[i] = strsep(&rest, " ")))
			return false;
	if (strtoull(word[ID], NULL, 10) != id)
		return false;
	const char *more;
	while ((more = strsep(&rest, " ")) && !text_equal(more, "-"))
		;
	mounted->type = arena_text(arena, strsep(&rest, " "));
	if (!mounted->type || !strsep(&rest, " ") || !rest)
		return false;
	mounted->device = arena_text(arena, word[DEVICE]);
	mounted->root = arena_text(arena, word[ROOT]);
	/* of the mount, or of the filesystem as a whole after an error */
	mounted->read_only = text_equal(word[OPTIONS], "ro") || text_starts(word[OPTIONS], "ro,") ||
			     text_starts(rest, "ro,") || text_equal(rest, "ro\n");
	return true;
}

bool mounted_at(struct arena *arena, const char *place, struct mounted *mounted)
{
	struct statx status;
	*mounted = (struct mounted){0};
	if (statx(AT_FDCWD, place, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		    STATX_TYPE | STATX_MNT_ID, &status) < 0)
		return errno == ENOENT;
	if (!S_ISDIR(status.stx_mode)) {
		errno = ENOTDIR;
		return false;
	}
	mounted->folder = true;
	if (!(status.stx_mask & STATX_MNT_ID) || !(status.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)) {
		errno = ENOSYS; /* a kernel before 5.8 */
		return false;
	}
	if (!(status.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return true;
	FILE_SCOPED file = fopen("/proc/self/mountinfo", "re");
	if (!file)
		return false;
	char *line = NULL;
	size_t room = 0;
	while (!mounted->there && getline(&line, &room, file) > 0)
		mounted->there = line_read(arena, line, status.stx_mnt_id, mounted);
	free(line);
	if (!mounted->there)
		errno = EAGAIN; /* taken away while we looked */
	return mounted->there;
}

/* Does the link /proc/PID/NAME lead to the place or below it? */
static bool leads_below(int folder, const char *name, const char *place)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(folder, name, target, sizeof(target) - 1);
	if (size < 0)
		return false;
	target[size] = '\0';
	return text_beneath(target, place);
}

/* Has the process of this folder in /proc anything of the place open, or its root or current folder there? */
static bool process_uses(int process, const char *place)
{
	if (leads_below(process, "cwd", place) || leads_below(process, "root", place))
		return true;
	int fd = openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR_SCOPED dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	for (const struct dirent *entry; (entry = readdir(dir));)
		if (leads_below(dirfd(dir), entry->d_name, place))
			return true;
	return false;
}

static void user_add(struct buffer *users, unsigned *count, const char *text)
{
	if (++*count <= USERS)
		buffer_format(users, "%s%s", users->size ? ", " : "", text);
}

static void processes_find(struct arena *arena, const char *place, struct buffer *users, unsigned *count)
{
	DIR_SCOPED dir = opendir("/proc");
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		size_t size;
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		FD_SCOPED process = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (process < 0 || !process_uses(process, place))
			continue;
		const char *name = file_read_at(arena, process, "comm", 64, &size);
		BUFFER_SCOPED words = {0};
		buffer_escaped(&words, name ? name : "", name ? strcspn(name, "\n") : 0, 32);
		buffer_format(&words, "%s(pid %s)", words.size ? " " : "", entry->d_name);
		user_add(users, count, buffer_string(&words));
	}
}

/* Loop devices hold their file without a process. */
static void loops_find(struct arena *arena, const char *place, struct buffer *users, unsigned *count)
{
	DIR_SCOPED dir = opendir("/sys/block");
	for (const struct dirent *entry; dir && (entry = readdir(dir));) {
		if (!text_starts(entry->d_name, "loop"))
			continue;
		char *file = file_read_at(arena, dirfd(dir),
			arena_format(arena, "%s/loop/backing_file", entry->d_name), PATH_MAX, NULL);
		if (!file)
			continue;
		file[strcspn(file, "\n")] = '\0';
		if (text_beneath(file, place))
			user_add(users, count, entry->d_name);
	}
}

const char *mounted_users(struct arena *arena, const char *place)
{
	BUFFER_SCOPED users = {0};
	unsigned count = 0;
	char *real = realpath(place, NULL);
	if (!real)
		return NULL;
	processes_find(arena, real, &users, &count);
	loops_find(arena, real, &users, &count);
	free(real);
	if (count > USERS)
		buffer_format(&users, " and %u more", count - USERS);
	return count ? arena_text(arena, buffer_string(&users)) : NULL;
}
