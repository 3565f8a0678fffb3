/* measure GENERATE XENSTEER [ROUNDS]: how long `xensteer plan` takes as a whole, against bare libyaml over
 * the same files, and how much memory it holds.
 *
 * Every figure is that of a process of its own, so that all pay for their start: this program in its second
 * form (measure scan|parse FOLDER), which opens, reads and scans or parses every file and does nothing else,
 * and `xensteer plan` with its output thrown away. They take turns within a round, so that whatever else the
 * machine does meanwhile meets all of them; the medians of all rounds are compared. Time is the processor's,
 * user and system, because others may be at work on the machine; everything is single-threaded and the files
 * are in the page cache, so the clock on the wall shows the same when the machine is quiet. Nothing is
 * asserted: the aims stand beside the figures. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>

enum { ROUNDS = 5, ROUNDS_MOST = 99, FILE_MOST = 1 << 16, WORDS_MOST = 8 };

static void __attribute__((noreturn)) fail(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Bare libyaml: every token, or every event, of one text. */
static bool text_read(const unsigned char *text, size_t size, bool parse)
{
	yaml_parser_t parser;
	if (!yaml_parser_initialize(&parser))
		return false;
	yaml_parser_set_input_string(&parser, text, size);
	bool good = true;
	for (bool more = true; more && good;) {
		if (parse) {
			yaml_event_t event;
			good = yaml_parser_parse(&parser, &event);
			more = good && event.type != YAML_STREAM_END_EVENT;
			if (good)
				yaml_event_delete(&event);
		} else {
			yaml_token_t token;
			good = yaml_parser_scan(&parser, &token);
			more = good && token.type != YAML_STREAM_END_TOKEN;
			if (good)
				yaml_token_delete(&token);
		}
	}
	yaml_parser_delete(&parser);
	return good;
}

static int folder_read(const char *path, bool parse)
{
	static unsigned char text[FILE_MOST];
	DIR *folder = opendir(path);
	if (!folder)
		fail(path);
	struct dirent *entry;
	while ((entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		int fd = openat(dirfd(folder), entry->d_name, O_RDONLY | O_CLOEXEC);
		ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text);
		if (size < 0)
			fail(entry->d_name);
		close(fd);
		if (!text_read(text, (size_t)size, parse)) {
			fprintf(stderr, "measure: %s is not YAML\n", entry->d_name);
			return 1;
		}
	}
	closedir(folder);
	return 0;
}

struct cost {
	double cpu, wall; /* ms */
	long memory;      /* peak, KiB */
};

static double milliseconds(const struct timeval *time)
{
	return (double)time->tv_sec * 1e3 + (double)time->tv_usec / 1e3;
}

static struct cost run(char *const *words)
{
	extern char **environ;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	struct timespec begin, end;
	pid_t child;
	int status;
	struct rusage used;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	errno = posix_spawn(&child, words[0], &actions, NULL, words, environ);
	if (errno || wait4(child, &status, 0, &used) != child)
		fail(words[0]);
	clock_gettime(CLOCK_MONOTONIC, &end);
	posix_spawn_file_actions_destroy(&actions);
	if (status != 0) {
		fprintf(stderr, "measure: %s %s failed\n", words[0], words[1]);
		exit(1);
	}
	return (struct cost){.cpu = milliseconds(&used.ru_utime) + milliseconds(&used.ru_stime),
		.wall = (double)(end.tv_sec - begin.tv_sec) * 1e3 +
			(double)(end.tv_nsec - begin.tv_nsec) / 1e6,
		.memory = used.ru_maxrss};
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a, other = *(const double *)b;
	return (one > other) - (one < other);
}

static double median(double *figures, int count)
{
	qsort(figures, (size_t)count, sizeof *figures, by_size);
	return figures[count / 2];
}

/* What takes turns. The two of libyaml come first: the rest is compared with the first. */
static struct task {
	const char *name, *aim;
	const char *snapshot, *format; /* of a plan; NULL: libyaml */
} tasks[] = {
	{"libyaml scan", "", NULL, NULL},
	{"libyaml parse", "", NULL, NULL},
	{"plan, settled, text", "at most 2", "settled.json", "text"},
	{"plan, settled, json", "at most 3", "settled.json", "json"},
	{"plan, all to create, text", "at most 2", "empty.json", "text"},
	{"plan, all to create, json", "at most 3", "empty.json", "json"},
};
enum { TASKS = sizeof tasks / sizeof *tasks };

static struct cost task_run(const struct task *task, char *self, char *program, const char *folder)
{
	char manifests[96], host[96];
	snprintf(manifests, sizeof manifests, "%s/manifests", folder);
	if (!task->snapshot)
		return run((char *[]){self, task == tasks ? "scan" : "parse", manifests, NULL});
	snprintf(host, sizeof host, "snapshot:%s/%s", folder, task->snapshot);
	return run((char *[]){
		program, "plan", "-q", "--host", host, "-o", (char *)task->format, manifests, NULL});
}

/* Bytes of all manifests. */
static long folder_size(const char *folder)
{
	char path[96];
	snprintf(path, sizeof path, "%s/manifests", folder);
	DIR *opened = opendir(path);
	if (!opened)
		fail(path);
	long size = 0;
	struct dirent *entry;
	struct stat status;
	while ((entry = readdir(opened)))
		if (entry->d_name[0] != '.' && fstatat(dirfd(opened), entry->d_name, &status, 0) == 0)
			size += status.st_size;
	closedir(opened);
	return size;
}

static long snapshot_size(const char *scratch, int count, const char *name)
{
	char path[96];
	struct stat status;
	snprintf(path, sizeof path, "%s/%d/%s", scratch, count, name);
	return stat(path, &status) == 0 ? status.st_size : 0;
}

static void measure(char *self, char *program, const char *folder, int rounds, long memory[TASKS])
{
	double cpu[TASKS][ROUNDS_MOST], wall[TASKS][ROUNDS_MOST];
	memset(memory, 0, sizeof(long) * TASKS);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < TASKS; i++) {
			struct cost cost = task_run(&tasks[i], self, program, folder);
			cpu[i][round] = cost.cpu;
			wall[i][round] = cost.wall;
			if (cost.memory > memory[i])
				memory[i] = cost.memory;
		}
	double bare = median(cpu[0], rounds);
	printf("%-28s %9s %9s %7s  %s\n", "", "cpu ms", "wall ms", "ratio", "aim");
	for (int i = 0; i < TASKS; i++) {
		double here = median(cpu[i], rounds);
		printf("%-28s %9.1f %9.1f %7.2f  %s\n", tasks[i].name, here, median(wall[i], rounds),
			here / bare, tasks[i].aim);
	}
	printf("\n");
}

static void remove_folder(const char *folder)
{
	pid_t child;
	extern char **environ;
	char *words[] = {"/bin/rm", "-rf", (char *)folder, NULL};
	if (posix_spawn(&child, words[0], NULL, NULL, words, environ) == 0)
		waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	static const int counts[] = {1000, 10000};
	if (argc == 3 && (strcmp(argv[1], "scan") == 0 || strcmp(argv[1], "parse") == 0))
		return folder_read(argv[2], strcmp(argv[1], "parse") == 0);
	int rounds = argc == 4 ? atoi(argv[3]) : ROUNDS;
	if (argc < 3 || rounds < 1 || rounds > ROUNDS_MOST) {
		fprintf(stderr, "usage: measure GENERATE XENSTEER [ROUNDS]\n");
		return 64;
	}
	char scratch[] = "/tmp/xensteer-bench-XXXXXX";
	if (!mkdtemp(scratch))
		fail(scratch);
	long memory[2][TASKS], text[2];
	for (int i = 0; i < 2; i++) {
		char folder[64], count[16];
		snprintf(folder, sizeof folder, "%s/%d", scratch, counts[i]);
		snprintf(count, sizeof count, "%d", counts[i]);
		run((char *[]){argv[1], folder, count, NULL});
		text[i] = folder_size(folder);
		printf("%d domains, %d rounds, medians\n", counts[i], rounds);
		measure("/proc/self/exe", argv[2], folder, rounds, memory[i]);
		fflush(stdout);
	}
	const double more = counts[1] - counts[0];
	printf("peak memory, KiB %13d %9d   bytes per domain beyond its text (aim: under 4096)\n", counts[0],
		counts[1]);
	printf("%38s   %10s  %s\n", "", "manifest", "manifest and snapshot");
	for (int i = 0; i < TASKS; i++) {
		const double each = (double)(memory[1][i] - memory[0][i]) * 1024 / more;
		const char *snapshot = tasks[i].snapshot;
		printf("%-25s %4ld %9ld", tasks[i].name, memory[0][i], memory[1][i]);
		if (snapshot)
			printf("   %10.0f  %.0f", each - (double)(text[1] - text[0]) / more,
				each - (double)(text[1] - text[0] +
						snapshot_size(scratch, counts[1], snapshot) -
						snapshot_size(scratch, counts[0], snapshot)) /
						more);
		printf("\n");
	}
	remove_folder(scratch);
	return 0;
}
