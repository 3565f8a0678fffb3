/* One writer per host. The kernel holds the lock and gives it back when the holder dies, so there is no age
 * to judge and nothing to clean; the pid in the file is only for the message of the one who came second. */
#include "state/lock.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool parent_make(const char *path)
{
	ARENA_SCOPED arena = arena_new();
	const char *slash = strrchr(path, '/');
	return !slash || slash == path || file_folders(arena_copy(arena, path, (size_t)(slash - path)), 0700);
}

/* The pid that the holder wrote; 0 where it has not done so yet and an earlier one's is still there. */
static pid_t holder_read(int fd)
{
	char text[32];
	ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
	if (size <= 0)
		return 0;
	text[size] = '\0';
	char *end;
	long pid = strtol(text, &end, 10);
	if (*end != '\n' || pid <= 0 || pid > INT32_MAX)
		return 0;
	return kill((pid_t)pid, 0) < 0 && errno == ESRCH ? 0 : (pid_t)pid;
}

static bool holder_write(int fd)
{
	char text[32];
	int size = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	return ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)size, 0) == size;
}

int lock_take(const char *path, pid_t *holder)
{
	*holder = -1;
	if (!parent_make(path))
		return -1;
	FD_SCOPED fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -1;
	if (TEMP_FAILURE_RETRY(flock(fd, LOCK_EX | LOCK_NB)) < 0) {
		if (errno == EWOULDBLOCK)
			*holder = holder_read(fd);
		return -1;
	}
	/* a full disk costs the pid in the message, not the lock */
	if (!holder_write(fd) && errno != ENOSPC && errno != EDQUOT)
		return -1;
	return fd_take(&fd);
}

static void file_drop(FILE **file)
{
	if (*file)
		fclose(*file);
}

/* A line of proc_locks(5): "1: FLOCK  ADVISORY  WRITE 812 fe:01:1234 0 EOF"; one who waits has an arrow in
 * it. The device is not compared: some file systems tell another one there. */
static bool names_lock(const char *line, pid_t holder, ino_t inode)
{
	char words[96];
	(void)snprintf(words, sizeof(words), "FLOCK  ADVISORY  WRITE %d ", (int)holder);
	const char *at = strstr(line, words);
	if (!at || strstr(line, "->"))
		return false;
	(void)snprintf(words, sizeof(words), ":%ju ", (uintmax_t)inode);
	return strstr(at, words) != NULL;
}

pid_t lock_holder(const char *path)
{
	struct stat found;
	__attribute__((cleanup(file_drop))) FILE *locks = fopen("/proc/locks", "re");
	FD_SCOPED fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const pid_t holder = fd < 0 ? 0 : holder_read(fd);
	char line[256];
	if (!locks || !holder || fstat(fd, &found) != 0)
		return 0;
	while (fgets(line, sizeof(line), locks))
		if (names_lock(line, holder, found.st_ino))
			return holder;
	return 0;
}
