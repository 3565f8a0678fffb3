#include "base/file.h"
#include "base/text.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static char folder[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

/* Every test runs in a folder of its own. */
static void folder_enter(void)
{
	strcpy(folder, "/tmp/xensteer-file-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
}

static void folder_leave(void)
{
	cr_assert_eq(chdir("/"), 0);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

TestSuite(file, .init = folder_enter, .fini = folder_leave);

static unsigned entries(const char *path)
{
	unsigned count = 0;
	DIR *stream = opendir(path);
	while (readdir(stream))
		count++;
	closedir(stream);
	return count - 2;
}

Test(file, what_is_written_is_read)
{
	ARENA_SCOPED arena = arena_new();
	size_t size = 0;
	cr_assert(file_write("one", "a\0b", 3, 0640));
	const char *text = file_read(arena, "one", 3, &size);
	cr_assert_eq(size, 3);
	cr_assert_eq(memcmp(text, "a\0b", 4), 0);
	struct stat status;
	cr_assert_eq(stat("one", &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0640);

	cr_assert(file_write("one", "", 0, 0600));
	text = file_read(arena, "one", 0, &size);
	cr_assert_str_eq(text, "");
	cr_assert_eq(size, 0);
	cr_assert_eq(stat("one", &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0600);
	cr_assert_eq(entries("."), 1);
}

Test(file, large_files_come_whole)
{
	ARENA_SCOPED arena = arena_new();
	size_t length = 1 << 20, size = 0;
	char *bytes = arena_alloc(arena, length);
	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(i * 7);
	cr_assert(file_write("large", bytes, length, 0600));
	const char *text = file_read(arena, "large", length, &size);
	cr_assert_eq(size, length);
	cr_assert_eq(memcmp(text, bytes, length), 0);
	cr_assert_null(file_read(arena, "large", length - 1, &size));
	cr_assert_eq(errno, EFBIG);
}

Test(file, files_of_proc_are_read_though_their_size_is_0)
{
	ARENA_SCOPED arena = arena_new();
	size_t size = 0;
	const char *text = file_read(arena, "/proc/self/status", 1 << 16, &size);
	cr_assert_not_null(text);
	cr_assert(text_starts(text, "Name:"));
	cr_assert_eq(strlen(text), size);
}

Test(file, only_regular_files_are_read)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert_eq(mkfifo("fifo", 0600), 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "socket"};
	FD_SCOPED fd = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	static const char *const paths[] = {"fifo", "socket", "/dev/zero", "."};
	for (size_t i = 0; i < 4; i++) {
		errno = 0;
		cr_assert_null(file_read(arena, paths[i], 100, NULL));
		cr_assert_eq(errno, EINVAL, "%s: %s", paths[i], strerror(errno));
	}
	cr_assert_null(file_read(arena, "absent", 100, NULL));
	cr_assert_eq(errno, ENOENT);
}

Test(file, a_leftover_of_a_killed_writer_is_replaced)
{
	cr_assert_eq(symlink("/dev/full", ".one.tmp"), 0);
	cr_assert(file_write("one", "new", 3, 0600));
	ARENA_SCOPED arena = arena_new();
	cr_assert_str_eq(file_read(arena, "one", 10, NULL), "new");
	cr_assert_eq(entries("."), 1);
}

Test(file, a_failed_write_leaves_the_earlier_text_and_nothing_else)
{
	cr_assert(file_write("one", "earlier", 7, 0600));
	static char bytes[8192];
	signal(SIGXFSZ, SIG_IGN);
	struct rlimit limit = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY}, before;
	getrlimit(RLIMIT_FSIZE, &before);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	bool written = file_write("one", bytes, sizeof(bytes), 0600);
	int error = errno;
	setrlimit(RLIMIT_FSIZE, &before);
	cr_assert_not(written);
	cr_assert_eq(error, EFBIG);
	ARENA_SCOPED arena = arena_new();
	cr_assert_str_eq(file_read(arena, "one", 10, NULL), "earlier");
	cr_assert_eq(entries("."), 1);
}

Test(file, writing_onto_a_folder_fails_without_a_trace)
{
	cr_assert_eq(mkdir("sub", 0700), 0);
	cr_assert_not(file_write("sub", "x", 1, 0600));
	cr_assert_eq(errno, EISDIR);
	cr_assert_not(file_write("sub/", "x", 1, 0600));
	cr_assert_not(file_write("absent/one", "x", 1, 0600));
	cr_assert_eq(errno, ENOENT);
	cr_assert_not(file_write("", "x", 1, 0600));
	cr_assert_eq(entries("."), 1);
	cr_assert_eq(entries("sub"), 0);
}

Test(file, folders_are_made_along_the_path)
{
	char path[128];
	snprintf(path, sizeof(path), "%s//a/b/../c/", folder);
	cr_assert(file_folders(path, 0700));
	cr_assert(file_folders(path, 0700));
	cr_assert(file_folders("x/y", 0750));
	cr_assert(file_folders("/", 0700));
	struct stat status;
	cr_assert_eq(stat("a/c", &status), 0);
	cr_assert_eq(stat("x", &status), 0);
	cr_assert_eq(status.st_mode & 07777, 0750);
	cr_assert(file_write("plain", "", 0, 0600));
	cr_assert_not(file_folders("plain/below", 0700));
	cr_assert_eq(errno, ENOTDIR);
	cr_assert_not(file_folders("plain", 0700));
	cr_assert_eq(errno, ENOTDIR);
}

Test(file, removal)
{
	cr_assert(file_write("one", "x", 1, 0600));
	cr_assert(file_remove("one"));
	cr_assert_eq(access("one", F_OK), -1);
	cr_assert(file_remove("one"));
	cr_assert(file_remove("absent/one"));
	cr_assert_eq(mkdir("sub", 0700), 0);
	cr_assert_not(file_remove("sub"));
	cr_assert_eq(errno, EISDIR);
	cr_assert_not(file_remove(""));
}

Test(file, absolute_paths)
{
	static const struct {
		const char *given, *want;
	} cases[] = {
		{"/a/b", "/a/b"},
		{"//a///b/", "/a/b"},
		{"/a/./b/.", "/a/b"},
		{"/a/../b", "/b"},
		{"/a/b/..", "/a"},
		{"/../..", "/"},
		{"/a/...", "/a/..."},
		{"/.a/..b", "/.a/..b"},
		{"/", "/"},
	};
	ARENA_SCOPED arena = arena_new();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_str_eq(file_absolute(arena, cases[i].given), cases[i].want);
	cr_assert_str_eq(file_absolute(arena, ""), folder);
	cr_assert_str_eq(file_absolute(arena, "."), folder);
	cr_assert_str_eq(file_absolute(arena, "../x"), "/tmp/x");
	cr_assert_str_eq(file_absolute(arena, "m/web.yaml"), arena_format(arena, "%s/m/web.yaml", folder));
}
