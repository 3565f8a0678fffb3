/* The watch on a tree, with the kernel's own inotify: what must wake its owner, what must not, and that
 * nothing is lost between a look and the next. The kernel queues an event before the call that caused it
 * returns, so nothing here waits. */
#include "want/watch.h"
#include "scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct source_watch *watch;

static void end(void)
{
	source_watch_free(watch);
	scratch_leave();
}

TestSuite(watch, .init = scratch_enter, .fini = end);

static void folder(const char *path)
{
	cr_assert(file_folders(path, 0755), "%s", path);
}

static void moved(const char *from, const char *to)
{
	cr_assert_eq(rename(from, to), 0, "%s", from);
}

static void made(const char *path)
{
	cr_assert_eq(mkdir(path, 0755), 0, "%s", path);
}

static void gone(const char *path)
{
	cr_assert_eq(remove(path), 0, "%s", path);
}

static void linked(const char *target, const char *path)
{
	cr_assert_eq(symlink(target, path), 0, "%s", path);
}

/* As `ln -sfn`, but at once: by rename. */
static void link_swap(const char *target, const char *path)
{
	cr_assert_eq(symlink(target, ".swapped"), 0);
	cr_assert_eq(rename(".swapped", path), 0);
}

static void begin(const char *path)
{
	watch = source_watch_new(&path, 1);
	cr_assert_eq(source_watch_descriptor(watch), -1);
	cr_assert(source_watch_renew(watch), "the first time");
	cr_assert_null(source_watch_why(watch));
	cr_assert_geq(source_watch_descriptor(watch), 0);
	cr_assert_not(source_watch_renew(watch));
	cr_assert_not(source_watch_drain(watch));
}

static bool readable(void)
{
	struct pollfd waiting = {.fd = source_watch_descriptor(watch), .events = POLLIN};
	return poll(&waiting, 1, 0) == 1;
}

/* Something that must wake, then all is watched again. */
#define expect_wakes(...)                                                                                    \
	do {                                                                                                 \
		__VA_ARGS__;                                                                                 \
		cr_expect(readable(), "%s", #__VA_ARGS__);                                                   \
		cr_expect(source_watch_drain(watch), "%s", #__VA_ARGS__);                                    \
		(void)!source_watch_renew(watch);                                                            \
		cr_expect_not(source_watch_drain(watch), "%s: twice", #__VA_ARGS__);                         \
	} while (0)

/* Something that no load reads. */
#define expect_sleeps(...)                                                                                   \
	do {                                                                                                 \
		__VA_ARGS__;                                                                                 \
		cr_expect_not(source_watch_drain(watch), "%s", #__VA_ARGS__);                                \
		cr_expect_not(source_watch_renew(watch), "%s", #__VA_ARGS__);                                \
	} while (0)

Test(watch, files_that_come_change_and_go)
{
	folder("m/sub");
	begin("m");
	expect_wakes(scratch_write("m/a.yaml", "a"));
	expect_wakes(scratch_write("m/a.yaml", "b"));
	expect_wakes(scratch_write("m/sub/b.json", "b"));
	expect_wakes(moved("m/a.yaml", "m/c.yml"));
	expect_wakes(cr_assert_eq(truncate("m/c.yml", 0), 0));
	expect_wakes(cr_assert_eq(chmod("m/c.yml", 0), 0));
	expect_wakes(moved("m/c.yml", "out.yaml"));
	expect_wakes(moved("out.yaml", "m/in.yaml"));
	expect_wakes(gone("m/in.yaml"));
	scratch_write("m/.new.tmp", "a");
	cr_expect_not(source_watch_drain(watch));
	expect_wakes(moved("m/.new.tmp", "m/new.yaml"));
}

Test(watch, names_that_no_load_reads)
{
	folder("m/.git");
	scratch_write("m/a.yaml", "a");
	begin("m");
	expect_sleeps(scratch_write("m/.a.yaml.swp", "a"));
	expect_sleeps(scratch_write("m/a.yaml~", "a"));
	expect_sleeps(scratch_write("m/notes.txt", "a"));
	expect_sleeps(moved("m/notes.txt", "m/notes.md"));
	expect_sleeps(gone("m/notes.md"));
	expect_sleeps(scratch_write("m/.git/x.yaml", "a"));
	expect_sleeps(made("m/.new"));
	scratch_write("outside.yaml", "a");
	made("n");
	cr_expect_not(readable(), "beside the way to the tree: its owner is not even woken");
	expect_sleeps(close(open("m/a.yaml", O_RDONLY)));
}

Test(watch, folders_that_come_and_go)
{
	folder("m");
	begin("m");
	expect_wakes(made("m/new"));
	expect_wakes(scratch_write("m/new/a.yaml", "a"));
	/* with something in it before anybody looked */
	folder("away/deep");
	scratch_write("away/deep/b.yaml", "b");
	expect_wakes(moved("away", "m/back"));
	expect_wakes(scratch_write("m/back/deep/b.yaml", "c"));
	expect_wakes(moved("m/back", "m/moved"));
	expect_wakes(scratch_write("m/moved/deep/b.yaml", "d"));
	expect_wakes(moved("m/moved", "away"));
	expect_sleeps(scratch_write("away/deep/b.yaml", "e"));
	expect_wakes(gone("m/new/a.yaml"));
	expect_wakes(gone("m/new"));
	expect_wakes(made("m/new"));
	expect_wakes(scratch_write("m/new/a.yaml", "a"));
}

Test(watch, a_tree_that_is_swapped_by_its_link_fifty_times)
{
	folder("tree-0");
	link_swap("tree-0", "m");
	begin("m");
	for (int i = 1; i <= 50; i++) {
		char path[32], before[48];
		snprintf(before, sizeof(before), "tree-%d/a.yaml", i - 1);
		snprintf(path, sizeof(path), "tree-%d", i);
		folder(path);
		expect_wakes(link_swap(path, "m"));
		expect_sleeps(scratch_write(before, "late"));
		expect_wakes(scratch_write("m/a.yaml", path));
	}
}

Test(watch, a_component_of_the_path_is_a_link)
{
	folder("v1/etc/m");
	folder("v2/etc/m");
	link_swap("v1", "current");
	begin("current/etc/m");
	expect_wakes(link_swap("v2", "current"));
	expect_wakes(scratch_write("v2/etc/m/a.yaml", "a"));
	expect_sleeps(scratch_write("v1/etc/m/a.yaml", "a"));
	/* by way of an absolute link, and of one with dots in it */
	char target[128];
	snprintf(target, sizeof(target), "%s/v1/../v1/.", scratch);
	expect_wakes(link_swap(target, "current"));
	expect_wakes(scratch_write("v1/etc/m/a.yaml", "b"));
	expect_wakes(gone("current"));
	expect_wakes(link_swap("../../../../../../../proc/self/cwd/v2", "current"));
	expect_wakes(scratch_write("v2/etc/m/a.yaml", "b"));
}

Test(watch, a_folder_on_the_way_is_moved)
{
	folder("a/b/c/m");
	folder("other/c/m");
	begin("a/b/c/m");
	expect_wakes(moved("a/b", "a/away"));
	expect_sleeps(scratch_write("a/away/c/m/a.yaml", "a"));
	expect_wakes(moved("other", "a/b"));
	expect_wakes(scratch_write("a/b/c/m/a.yaml", "a"));
	cr_assert_eq(renameat2(AT_FDCWD, "a/b", AT_FDCWD, "a/away", RENAME_EXCHANGE), 0);
	expect_wakes();
	expect_wakes(scratch_write("a/b/c/m/a.yaml", "b"));
}

/* As Kubernetes projects a ConfigMap: files are links through ..data, which is swapped. */
Test(watch, links_through_a_hidden_link)
{
	folder("m/..2026_1");
	folder("m/..2026_2");
	scratch_write("m/..2026_1/a.yaml", "1");
	scratch_write("m/..2026_2/a.yaml", "2");
	linked("..2026_1", "m/..data");
	linked("..data/a.yaml", "m/a.yaml");
	begin("m");
	linked("..2026_2", "m/..data_tmp");
	cr_expect_not(source_watch_drain(watch));
	expect_wakes(moved("m/..data_tmp", "m/..data"));
	expect_wakes(scratch_write("m/..2026_2/a.yaml", "3"));
	expect_sleeps(scratch_write("m/..2026_1/a.yaml", "4"));
	expect_wakes(linked("..data/b.yaml", "m/b.yaml"));
	expect_wakes(scratch_write("m/..2026_2/b.yaml", "5"));
	expect_wakes(gone("m/..data"));
	expect_wakes(linked("..2026_1", "m/..data"));
	expect_wakes(scratch_write("m/..2026_1/a.yaml", "6"));
}

Test(watch, links_in_the_tree_that_lead_out_of_it)
{
	folder("m");
	folder("far/deep");
	scratch_write("far/x.txt", "x");
	begin("m");
	expect_wakes(linked("../far/deep", "m/deep"));
	expect_wakes(scratch_write("far/deep/a.yaml", "a"));
	expect_wakes(linked("../far/x.txt", "m/x.yaml"));
	expect_wakes(scratch_write("far/x.txt", "y"));
	expect_wakes(moved("far/deep", "far/away"));
	expect_wakes(made("far/deep"));
	expect_wakes(scratch_write("far/deep/a.yaml", "a"));
	expect_wakes(gone("m/deep"));
	expect_sleeps(scratch_write("far/deep/a.yaml", "b"));
}

Test(watch, links_in_circles)
{
	folder("m/sub");
	linked("..", "m/sub/up");
	linked("self.yaml", "m/self.yaml");
	linked("two", "m/one");
	linked("one", "m/two");
	begin("m");
	expect_wakes(scratch_write("m/sub/a.yaml", "a"));
	expect_wakes(gone("m/two"));
	expect_wakes(made("m/two"));
	expect_wakes(scratch_write("m/two/a.yaml", "a"));
}

Test(watch, a_path_that_is_not_there_yet)
{
	begin("a/b/m");
	expect_sleeps(scratch_write("other.yaml", "x"));
	expect_wakes(made("a"));
	expect_wakes(made("a/b"));
	expect_wakes(made("a/b/m"));
	expect_wakes(scratch_write("a/b/m/a.yaml", "a"));
}

Test(watch, a_path_that_comes_while_it_is_looked_for)
{
	begin("a/b/m");
	folder("a/b/m");
	scratch_write("a/b/m/a.yaml", "a");
	expect_wakes();
	expect_wakes(scratch_write("a/b/m/a.yaml", "b"));
}

Test(watch, a_path_that_is_removed_and_made_again)
{
	folder("m");
	scratch_write("m/a.yaml", "a");
	begin("m");
	expect_wakes(gone("m/a.yaml"));
	expect_wakes(gone("m"));
	expect_wakes(made("m"));
	expect_wakes(scratch_write("m/a.yaml", "a"));
	/* all at once */
	gone("m/a.yaml");
	gone("m");
	made("m");
	expect_wakes();
	expect_wakes(scratch_write("m/a.yaml", "b"));
}

Test(watch, a_single_file)
{
	scratch_write("a.yaml", "a");
	begin("a.yaml");
	expect_wakes(scratch_write("a.yaml", "b"));
	expect_sleeps(scratch_write("b.yaml", "b"));
	expect_wakes(moved("b.yaml", "a.yaml"));
	expect_wakes(scratch_write("a.yaml", "c"));
	expect_wakes(gone("a.yaml"));
	expect_wakes(scratch_write("a.yaml", "d"));
}

Test(watch, a_file_that_manifests_name)
{
	ARENA_SCOPED arena = arena_new();
	struct list named = {0};
	folder("m");
	folder("secrets");
	scratch_write("m/a.yaml", "# nothing");
	scratch_write("secrets/pw", "one");
	scratch_write("secrets/other", "one");
	begin("m");
	expect_sleeps(scratch_write("secrets/pw", "two"));
	list_add(arena, &named, arena_format(arena, "%s/secrets/pw", scratch));
	cr_expect(source_watch_also(watch, &named));
	cr_expect_not(source_watch_also(watch, &named), "the same again");
	cr_expect(source_watch_renew(watch), "it was not watched before");
	cr_expect_not(source_watch_renew(watch));
	expect_wakes(scratch_write("secrets/pw", "three"));
	expect_wakes(gone("secrets/pw"));
	expect_wakes(scratch_write("secrets/pw", "four"));
	expect_sleeps(scratch_write("secrets/other", "two"));
	named.count = 0;
	cr_expect(source_watch_also(watch, &named));
	cr_expect(source_watch_renew(watch));
	expect_sleeps(scratch_write("secrets/pw", "five"));
}

Test(watch, several_paths_one_in_the_other)
{
	folder("m/sub");
	folder("n");
	const char *const paths[] = {"m", "n", "m/sub", "./m/../m"};
	watch = source_watch_new(paths, 4);
	cr_assert(source_watch_renew(watch));
	expect_wakes(scratch_write("m/sub/a.yaml", "a"));
	expect_wakes(scratch_write("n/a.yaml", "a"));
	expect_wakes(scratch_write("m/a.yaml", "a"));
}

Test(watch, more_events_than_the_kernel_holds)
{
	int most = 0;
	FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%d", &most), 1);
	fclose(file);
	folder("m");
	begin("m");
	/* none of these matters by itself */
	for (int i = 0; i < most; i++) {
		char path[32];
		snprintf(path, sizeof(path), "m/.%d", i % 2);
		cr_assert_eq(mknod(path, S_IFREG | 0644, 0), 0);
		cr_assert_eq(unlink(path), 0);
	}
	/* lost */
	scratch_write("m/a.yaml", "a");
	cr_expect(source_watch_drain(watch));
	cr_expect(source_watch_renew(watch), "what ended meanwhile is not known: all is watched anew");
	expect_sleeps(scratch_write("m/.0", "a"));
	expect_wakes(scratch_write("m/a.yaml", "b"));
}

Test(watch, its_descriptor_is_closed_on_exec)
{
	folder("m");
	begin("m");
	cr_expect_eq(fcntl(source_watch_descriptor(watch), F_GETFD), FD_CLOEXEC);
	int descriptor = source_watch_descriptor(watch);
	source_watch_free(watch);
	watch = NULL;
	cr_expect_eq(fcntl(descriptor, F_GETFD), -1);
}

Test(watch, a_second_watch_after_the_first_begins_empty)
{
	folder("m");
	folder("n");
	begin("m");
	for (int i = 0; i < 10; i++)
		scratch_write("m/a.yaml", "a");
	source_watch_free(watch);
	begin("n");
	expect_sleeps(scratch_write("m/a.yaml", "b"));
	expect_wakes(scratch_write("n/a.yaml", "b"));
}

Test(watch, without_a_descriptor_it_says_why_and_tries_again)
{
	folder("m");
	struct rlimit all, none;
	const char *path = "m";
	watch = source_watch_new(&path, 1);
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	int lowest = open("/dev/null", O_RDONLY);
	close(lowest);
	/* one for the folder that is read, none beside the queue's probe */
	none = (struct rlimit){.rlim_cur = (rlim_t)lowest, .rlim_max = all.rlim_max};
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_expect(source_watch_renew(watch));
	cr_expect_eq(source_watch_descriptor(watch), -1);
	cr_assert_not_null(source_watch_why(watch));
	cr_expect_not_null(strstr(source_watch_why(watch), "limit of open files"));
	cr_expect_not(source_watch_drain(watch));
	cr_expect_not(source_watch_renew(watch), "as before");
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
	cr_expect(source_watch_renew(watch), "something may have happened");
	cr_expect_null(source_watch_why(watch));
	expect_wakes(scratch_write("m/a.yaml", "a"));
}

static bool write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	bool done = file && fputs(text, file) >= 0;
	return file && fclose(file) == 0 && done;
}

/* In a process of its own, because only one without threads can have a user namespace, which has limits of
 * its own. The number of the first expectation that failed, 0 if none did. */
enum { NO_NAMESPACE = 77 };

static int watch_beyond_the_limit(void)
{
	char own[32];
	snprintf(own, sizeof(own), "0 %u 1", geteuid());
	if (unshare(CLONE_NEWUSER) != 0 || !write_text("/proc/self/uid_map", own))
		return NO_NAMESPACE;
	if (!write_text("/proc/sys/user/max_inotify_watches", "6"))
		return 1;
	const char *path = "m";
	watch = source_watch_new(&path, 1);
	if (!source_watch_renew(watch))
		return 2;
	const char *why = source_watch_why(watch);
	if (!why || !strstr(why, "fs.inotify.max_user_watches is reached"))
		return 3;
	if (source_watch_descriptor(watch) < 0)
		return 4;
	if (source_watch_renew(watch))
		return 5;
	if (!write_text("/proc/sys/user/max_inotify_watches", "100"))
		return 6;
	if (!source_watch_renew(watch) || source_watch_why(watch))
		return 7;
	if (source_watch_drain(watch) || !write_text("m/19/a.yaml", "a") || !source_watch_drain(watch))
		return 8;
	return 0;
}

Test(watch, beyond_the_limit_of_watches_it_watches_what_it_can)
{
	for (int i = 0; i < 20; i++) {
		char path[32];
		snprintf(path, sizeof(path), "m/%d", i);
		folder(path);
	}
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (!child)
		_exit(watch_beyond_the_limit());
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_NAMESPACE)
		cr_skip_test("no user namespaces here");
	cr_expect_eq(WEXITSTATUS(status), 0, "step %d", WEXITSTATUS(status));
}

/* The number in m/a.yaml, as a load finds it; -1 between two trees. */
static int number_read(void)
{
	char text[16] = "";
	FD_SCOPED file = open("m/sub/a.yaml", O_RDONLY);
	return file >= 0 && read(file, text, sizeof(text) - 1) > 0 ? atoi(text) : -1;
}

enum { ROUNDS = 60, CHANGES = 5 };

/* Puts the number into the tree: by swapping it, by moving its folder away and back, or in place. */
static void tree_change(int number)
{
	char path[32], file[64], text[16];
	snprintf(text, sizeof(text), "%d", number);
	snprintf(path, sizeof(path), "tree-%d/sub", number / 3);
	snprintf(file, sizeof(file), "%s/a.yaml", path);
	folder(path);
	scratch_write(file, text);
	path[strlen(path) - strlen("/sub")] = '\0';
	if (number % 3 == 0) {
		link_swap(path, "m");
	} else if (number % 3 == 1) {
		moved("m/sub", "m/.gone");
		moved("m/.gone", "m/sub");
	}
}

/* Another process changes the tree as fast as it can, then waits until its last state was seen, and again.
 * Whoever watches sees it each time without ever looking unasked. */
Test(watch, the_last_state_is_seen_without_a_slow_poll)
{
	enum { PATIENCE_MS = 30000 };
	int seen_pipe[2];
	folder("tree-0/sub");
	linked("tree-0", "m");
	begin("m");
	cr_assert_eq(pipe(seen_pipe), 0);
	pid_t child = fork();
	cr_assert_geq(child, 0);
	if (!child) {
		char byte;
		close(seen_pipe[1]);
		for (int i = 1; i <= ROUNDS * CHANGES; i++) {
			tree_change(i);
			if (i % CHANGES == 0 && read(seen_pipe[0], &byte, 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	for (int round = 1; round <= ROUNDS; round++) {
		for (int seen;;) {
			(void)!source_watch_renew(watch);
			if ((seen = number_read()) == round * CHANGES)
				break;
			struct pollfd waiting = {.fd = source_watch_descriptor(watch), .events = POLLIN};
			do
				cr_assert_eq(poll(&waiting, 1, PATIENCE_MS), 1, "asleep at %d in round %d",
					seen, round);
			while (!source_watch_drain(watch));
		}
		cr_assert_eq(write(seen_pipe[1], "", 1), 1);
	}
	int status;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect_eq(status, 0);
	close(seen_pipe[0]);
	close(seen_pipe[1]);
}
