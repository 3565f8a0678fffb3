/* What /sys/block/nbdN and /proc say. A task may end at any moment: whatever cannot be read is not marked,
 * and before one is sent a signal it is held by a pidfd, so that its number means nobody else. */
#include "storage/served.h"
#include "base/file.h"
#include "storage/identity.h"
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

enum { SECTOR = 512, WORD_LIMIT = 4096, ENVIRONMENT_LIMIT = 1 << 20 };

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

/* The number in a text of nothing else, with or without a line break; -1: it is none. */
static int64_t number_of(const char *text)
{
	char *end;
	if (!text || strchr("0123456789", *text) == NULL || !*text)
		return -1;
	const int64_t number = strtoll(text, &end, 10);
	return *end && strcmp(end, "\n") != 0 ? -1 : number;
}

static char *word_read(struct arena *arena, const char *path)
{
	char *word = file_read(arena, path, WORD_LIMIT, NULL);
	if (word)
		word[strcspn(word, "\n")] = '\0';
	return word;
}

static int by_number(const void *a, const void *b)
{
	const struct served *one = *(void *const *)a, *other = *(void *const *)b;
	return (one->number > other->number) - (one->number < other->number);
}

void served_list(struct arena *arena, const char *root, struct list *devices)
{
	const char *folder = arena_format(arena, "%s/sys/block", root);
	DIR_SCOPED dir = opendir(folder);
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		const int64_t number =
			text_starts(entry->d_name, "nbd") ? number_of(entry->d_name + strlen("nbd")) : -1;
		if (number < 0)
			continue;
		const char *name = arena_text(arena, entry->d_name);
		const char *here = arena_format(arena, "%s/%s", folder, name);
		const char *dev = word_read(arena, arena_format(arena, "%s/dev", here));
		const int64_t sectors = number_of(word_read(arena, arena_format(arena, "%s/size", here)));
		const int64_t task = number_of(word_read(arena, arena_format(arena, "%s/pid", here)));
		if (!dev || sectors < 0)
			continue;
		struct served *served = arena_make(arena, struct served);
		*served = (struct served){.number = (unsigned)number,
			.name = name,
			.device = arena_format(arena, "%s/dev/%s", root, name),
			.id = arena_format(arena, "b:%s", dev),
			.size = sectors * SECTOR,
			.task = task > 0 ? task : 0};
		list_add(arena, devices, served);
	}
	list_sort(devices, by_number);
}

const char *const *server_environment(
	struct arena *arena, const struct server_marks *marks, const char *export)
{
	const char **environment = arena_array(arena, const char *, 4);
	environment[0] = arena_format(arena, "XENSTEER_VOLUME=%s", marks->uid);
	environment[1] = arena_format(arena, "XENSTEER_LAYER=%u", marks->index);
	environment[2] = export ? arena_format(arena, "XENSTEER_EXPORT=%s", export) : NULL;
	return environment;
}

/* Is this "K=V" in the environment of the task, as it was when its program began? */
static bool has_variable(const char *environment, size_t size, const char *variable)
{
	for (size_t at = 0; at < size; at += strlen(environment + at) + 1)
		if (strcmp(environment + at, variable) == 0)
			return true;
	return false;
}

static char *environment_read(struct arena *arena, const char *root, int64_t task, size_t *size)
{
	*size = 0;
	return task > 0 ? file_read(arena, arena_format(arena, "%s/proc/%" PRId64 "/environ", root, task),
				  ENVIRONMENT_LIMIT, size)
			: NULL;
}

bool server_is_marked(struct arena *arena, const char *root, int64_t task, const struct server_marks *marks)
{
	size_t size;
	const char *environment = environment_read(arena, root, task, &size);
	const char *const *wanted = server_environment(arena, marks, NULL);
	return environment && has_variable(environment, size, wanted[0]) &&
	       has_variable(environment, size, wanted[1]);
}

bool server_has_export(struct arena *arena, const char *root, int64_t task, const char *export)
{
	size_t size;
	const char *environment = environment_read(arena, root, task, &size);
	return environment &&
	       has_variable(environment, size, arena_format(arena, "XENSTEER_EXPORT=%s", export));
}

bool server_has_file(struct arena *arena, const char *root, int64_t task, const char *id)
{
	DIR_SCOPED dir = opendir(arena_format(arena, "%s/proc/%" PRId64 "/fd", root, task));
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		struct stat status;
		if (entry->d_name[0] != '.' && fstatat(dirfd(dir), entry->d_name, &status, 0) == 0 &&
			text_equal(identity_from(arena, &status).id, id))
			return true;
	}
	return false;
}

int64_t server_find(struct arena *arena, const char *root, const struct server_marks *marks)
{
	ARENA_SCOPED scratch = arena_new();
	DIR_SCOPED dir = opendir(arena_format(arena, "%s/proc", root));
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		const int64_t process = number_of(entry->d_name);
		arena_reset(scratch);
		if (process > 0 && server_is_marked(scratch, root, process, marks))
			return process;
	}
	return 0;
}

int64_t server_process(struct arena *arena, const char *root, int64_t task)
{
	static const char key[] = "\nTgid:";
	const char *status = file_read(arena, arena_format(arena, "%s/proc/%" PRId64 "/status", root, task),
		ENVIRONMENT_LIMIT, NULL);
	const char *at = status ? strstr(status, key) : NULL;
	return at ? strtoll(at + strlen(key), NULL, 10) : 0;
}

void server_end(struct arena *arena, const char *root, int64_t process, const struct server_marks *marks)
{
	FD_SCOPED fd = pidfd_open((pid_t)process, 0);
	if (fd >= 0 && server_is_marked(arena, root, process, marks))
		(void)pidfd_send_signal(fd, SIGKILL, NULL, 0);
}
