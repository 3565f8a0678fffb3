/* The programs that a host is moved by. Ends are learned from pidfds, so there is no SIGCHLD handler and no
 * thread; pipes are drained while their owner waits and once more when the program has ended, never until end
 * of file, because a daemon that it left behind may hold them open for ever.
 *
 *   state           meaning                              leaves by
 *   CHILD_RUNS      within its deadline                  end; deadline: SIGTERM -> CHILD_ASKED
 *   CHILD_ASKED     was sent SIGTERM                     end; TERM_GRACE: SIGKILL -> CHILD_KILLED
 *   CHILD_KILLED    was sent SIGKILL, dies by itself     end
 *   CHILD_ENDED     collected, its result stands         child_drop
 */
#include "base/run.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TERM_GRACE = 2000, /* ms between SIGTERM and SIGKILL */
	DRAIN_LIMIT =
		1
		<< 20, /* bytes taken from a pipe at once: no pipe holds more, and a flood must not hold us */
	COMMAND_SHOWN = 100,   /* bytes of the command line in run_failure */
	ERRORS_SHOWN = 260,    /* and of standard error */
	FAILURE_LONGEST = 400, /* and of the whole, once escaped */
};

enum child_state { CHILD_RUNS, CHILD_ASKED, CHILD_KILLED, CHILD_ENDED };

struct child {
	struct runner *runner;
	struct child *next;
	enum child_state state;
	bool told;    /* runner_wait has returned true for its end */
	bool dropped; /* nobody wants its result */
	pid_t pid;    /* also its group */
	int pidfd, output_fd, errors_fd;
	int64_t begun;
	int64_t signal_at; /* when the next signal is due */
	struct buffer output, errors;
	struct run_result result;
};

struct runner {
	struct child *first;
	unsigned count;       /* children in the chain */
	struct pollfd *polls; /* three of each child, and one more */
	int attended;         /* a descriptor, plus one */
};

int64_t runner_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void fd_close(int *fd)
{
	fd_drop(fd);
	*fd = -1;
}

struct runner *runner_new(void)
{
	struct runner *runner = calloc(1, sizeof(*runner));
	if (!runner || !(runner->polls = calloc(1, sizeof(*runner->polls))))
		memory_ended();
	return runner;
}

static void child_free(struct child *child)
{
	fd_close(&child->pidfd);
	fd_close(&child->output_fd);
	fd_close(&child->errors_fd);
	buffer_free(&child->output);
	buffer_free(&child->errors);
	free(child);
}

/* Ours without what is set here, the extras, and LC_ALL=C, because messages of programs are read. */
static char **environment_make(struct arena *arena, const char *const *extras)
{
	struct list set = {0};
	for (; extras && *extras; extras++)
		list_add(arena, &set, arena_text(arena, *extras));
	list_add(arena, &set, arena_text(arena, "LC_ALL=C"));
	uint32_t own = set.count;
	for (char **ours = environ; ours && *ours; ours++) {
		size_t key = strcspn(*ours, "=") + 1;
		bool replaced = false;
		for (uint32_t i = 0; i < own && !replaced; i++)
			replaced = strncmp(set.item[i], *ours, key) == 0;
		if (!replaced)
			list_add(arena, &set, *ours);
	}
	list_add(arena, &set, NULL);
	return (char **)set.item;
}

static int spawn_actions(posix_spawn_file_actions_t *actions, int output, int errors)
{
	int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(actions, output, STDOUT_FILENO);
	if (!error)
		error = posix_spawn_file_actions_adddup2(actions, errors, STDERR_FILENO);
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
	return error;
}

static int spawn_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, all; /* what we ignore, or were told to, is not the child's business */
	sigemptyset(&none);
	sigfillset(&all);
	int error = posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	if (!error)
		error = posix_spawnattr_setpgroup(attributes, 0);
	if (!error)
		error = posix_spawnattr_setsigmask(attributes, &none);
	if (!error)
		error = posix_spawnattr_setsigdefault(attributes, &all);
	return error;
}

/* Starts the program with the two descriptors as its outputs. 0 or an errno. */
static int child_spawn(
	struct child *child, const char *const *argv, const char *const *extras, int output, int errors)
{
	ARENA_SCOPED arena = arena_new();
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error = posix_spawn_file_actions_init(&actions);
	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (!error) {
		error = spawn_actions(&actions, output, errors);
		if (!error)
			error = spawn_attributes(&attributes);
		if (!error)
			error = posix_spawnp(&child->pid, argv[0], &actions, &attributes, (char *const *)argv,
				environment_make(arena, extras));
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		return error;

	child->pidfd = pidfd_open(child->pid, 0);
	if (child->pidfd < 0) {
		error = errno;
		kill(-child->pid, SIGKILL);
		TEMP_FAILURE_RETRY(waitpid(child->pid, NULL, 0));
	}
	return error;
}

/* A pipe whose reading end does not block; the writing end does, as programs expect. */
static int pipe_open(int *reader, int *writer)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	*reader = ends[0];
	*writer = ends[1];
	return fcntl(*reader, F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
}

struct child *runner_start(
	struct runner *runner, const char *const *argv, const char *const *environment, int64_t deadline_ms)
{
	struct child *child = calloc(1, sizeof(*child));
	struct pollfd *polls =
		reallocarray(runner->polls, ((size_t)runner->count + 1) * 3 + 1, sizeof(*polls));
	if (!child || !polls)
		memory_ended();
	runner->polls = polls;
	child->runner = runner;
	child->pidfd = child->output_fd = child->errors_fd = -1;
	child->begun = runner_now();
	if (__builtin_add_overflow(child->begun, deadline_ms, &child->signal_at))
		child->signal_at = deadline_ms < 0 ? 0 : INT64_MAX;
	child->next = runner->first;
	runner->first = child;
	runner->count++;

	FD_SCOPED output = -1;
	FD_SCOPED errors = -1;
	int error = pipe_open(&child->output_fd, &output);
	if (!error)
		error = pipe_open(&child->errors_fd, &errors);
	if (!error)
		error = child_spawn(child, argv, environment, output, errors);
	child->result = (struct run_result){.started = !error, .error = error, .output = "", .errors = ""};
	if (error) {
		fd_close(&child->output_fd);
		fd_close(&child->errors_fd);
		child->state = CHILD_ENDED;
	}
	return child;
}

static void child_take_output(struct child *child, const char *bytes, size_t size)
{
	size_t room = RUN_OUTPUT_LIMIT - child->output.size;
	if (size > room) {
		child->result.truncated = true;
		size = room;
	}
	buffer_bytes(&child->output, bytes, size);
}

/* The newest bytes count: a program says at the end why it failed. */
static void errors_trim(struct buffer *errors)
{
	if (errors->size <= RUN_ERROR_LIMIT)
		return;
	/* with the NUL */
	memmove(errors->text, errors->text + errors->size - RUN_ERROR_LIMIT, RUN_ERROR_LIMIT + 1);
	errors->size = RUN_ERROR_LIMIT;
}

static void child_take_errors(struct child *child, const char *bytes, size_t size)
{
	buffer_bytes(&child->errors, bytes, size);
	if (child->errors.size > 4 * (size_t)RUN_ERROR_LIMIT)
		errors_trim(&child->errors);
}

static void pipe_drain(struct child *child, int *fd, void (*take)(struct child *, const char *, size_t))
{
	char part[16 << 10];
	for (size_t taken = 0; *fd >= 0 && taken < DRAIN_LIMIT;) {
		ssize_t count = TEMP_FAILURE_RETRY(read(*fd, part, sizeof(part)));
		if (count > 0) {
			take(child, part, (size_t)count);
			taken += (size_t)count;
		} else if (count < 0 && errno == EAGAIN) {
			return;
		} else {
			fd_close(fd);
		}
	}
}

static void child_drain(struct child *child)
{
	pipe_drain(child, &child->output_fd, child_take_output);
	pipe_drain(child, &child->errors_fd, child_take_errors);
}

/* Collects the child if it has ended; with `block`, waits for that. */
static void child_collect(struct child *child, bool block)
{
	siginfo_t info = {0};
	int options = WEXITED | WNOWAIT | (block ? 0 : WNOHANG);
	int failed = TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)child->pidfd, &info, options));
	if (!failed && !info.si_pid)
		return;
	/* while it is not reaped, its number cannot have become another group's */
	if (!failed && child->state != CHILD_RUNS)
		kill(-child->pid, SIGKILL);
	if (!failed)
		failed = TEMP_FAILURE_RETRY(waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED));
	int error = failed ? errno : 0;

	child_drain(child);
	errors_trim(&child->errors);
	struct run_result *result = &child->result;
	result->started = !failed;
	result->error = error;
	result->timed_out = child->state != CHILD_RUNS;
	result->signaled = !failed && info.si_code != CLD_EXITED;
	result->status = failed ? 0 : info.si_status;
	result->output = buffer_string(&child->output);
	result->output_size = child->output.size;
	result->errors = buffer_string(&child->errors);
	result->milliseconds = runner_now() - child->begun;
	fd_close(&child->pidfd);
	fd_close(&child->output_fd);
	fd_close(&child->errors_fd);
	child->state = CHILD_ENDED;
}

/* Sends what is due; returns when the next signal is, INT64_MAX if none. */
static int64_t child_signal(struct child *child, int64_t now)
{
	if (child->state <= CHILD_ASKED && child->signal_at <= now) {
		bool asked = child->state == CHILD_ASKED;
		kill(-child->pid, asked ? SIGKILL : SIGTERM);
		child->state = asked ? CHILD_KILLED : CHILD_ASKED;
		child->signal_at = now + TERM_GRACE;
	}
	return child->state <= CHILD_ASKED ? child->signal_at : INT64_MAX;
}

/* Takes the child that *at names out of the chain and frees it. */
static void chain_remove(struct runner *runner, struct child **at)
{
	struct child *child = *at;
	*at = child->next;
	runner->count--;
	child_free(child);
}

/* Drains and collects all, frees those that were dropped. True if an end is news. */
static bool runner_collect(struct runner *runner)
{
	bool news = false;
	for (struct child **at = &runner->first, *child; (child = *at);) {
		if (child->state != CHILD_ENDED) {
			child_drain(child);
			child_collect(child, false);
		}
		if (child->state == CHILD_ENDED && child->dropped) {
			chain_remove(runner, at);
			continue;
		}
		if (child->state == CHILD_ENDED && !child->told)
			news = child->told = true;
		at = &child->next;
	}
	return news;
}

bool runner_wait(struct runner *runner, int64_t until)
{
	for (;;) {
		/* before the deadlines: one that ended in time keeps its result though we look late */
		if (runner_collect(runner))
			return true;
		int64_t now = runner_now(), wake = until;
		for (struct child *child = runner->first; child; child = child->next) {
			int64_t next = child_signal(child, now);
			if (next < wake)
				wake = next;
		}
		nfds_t count = 0;
		for (struct child *child = runner->first; child; child = child->next) {
			if (child->state == CHILD_ENDED)
				continue;
			runner->polls[count++] = (struct pollfd){.fd = child->pidfd, .events = POLLIN};
			runner->polls[count++] = (struct pollfd){.fd = child->output_fd, .events = POLLIN};
			runner->polls[count++] = (struct pollfd){.fd = child->errors_fd, .events = POLLIN};
		}
		struct pollfd *attended = &runner->polls[count++];
		*attended = (struct pollfd){.fd = runner->attended - 1, .events = POLLIN};
		int64_t left = wake > now ? wake - now : 0;
		int ready = poll(runner->polls, count, left > INT_MAX ? INT_MAX : (int)left);
		if (ready < 0 || attended->revents || runner_now() >= until)
			return runner_collect(runner);
	}
}

void runner_attend(struct runner *runner, int descriptor)
{
	runner->attended = descriptor + 1;
}

unsigned runner_busy(const struct runner *runner)
{
	unsigned busy = 0;
	for (const struct child *child = runner->first; child; child = child->next)
		busy += !child->dropped;
	return busy;
}

bool child_ended(const struct child *child)
{
	return child->state == CHILD_ENDED;
}

const struct run_result *child_result(const struct child *child)
{
	return &child->result;
}

void child_drop(struct child *child)
{
	if (!child)
		return;
	if (child->state != CHILD_ENDED) {
		kill(-child->pid, SIGKILL);
		child->state = CHILD_KILLED;
		fd_close(&child->output_fd);
		fd_close(&child->errors_fd);
	}
	child->dropped = true;
	if (child->state != CHILD_ENDED)
		return;
	struct child **at = &child->runner->first;
	while (*at != child)
		at = &(*at)->next;
	chain_remove(child->runner, at);
}

void runner_free(struct runner *runner)
{
	if (!runner)
		return;
	for (struct child *child = runner->first; child; child = child->next) {
		if (child->state != CHILD_ENDED)
			kill(-child->pid, SIGKILL);
	}
	for (struct child *child = runner->first, *next; child; child = next) {
		next = child->next;
		if (child->state != CHILD_ENDED) {
			child->state = CHILD_KILLED;
			child_collect(child, true);
		}
		child_free(child);
	}
	free(runner->polls);
	free(runner);
}

bool run_wait(struct arena *arena, const char *const *argv, int64_t deadline_ms, struct run_result *result)
{
	struct runner *runner = runner_new();
	struct child *child = runner_start(runner, argv, NULL, deadline_ms);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): waiting frees only children that were dropped */
	while (!child_ended(child))
		runner_wait(runner, INT64_MAX);
	*result = *child_result(child);
	result->output = arena_copy(arena, result->output, result->output_size);
	result->errors = arena_copy(arena, result->errors, child->errors.size);
	runner_free(runner);
	return result->started && !result->signaled && !result->timed_out && result->status == 0;
}

/* The last lines that are not blank, as many as fit, in their order. */
static void append_last_lines(struct buffer *out, const char *text)
{
	enum { LINES = 8 };
	struct {
		const char *start;
		size_t size;
	} lines[LINES];
	int count = 0;
	size_t total = 0;
	const char *end = text + strlen(text);
	while (end > text && count < LINES) {
		const char *start = end;
		while (start > text && start[-1] != '\n' && start[-1] != '\r')
			start--;
		const char *first = start, *last = end;
		while (first < last && (*first == ' ' || *first == '\t'))
			first++;
		while (last > first && (last[-1] == ' ' || last[-1] == '\t'))
			last--;
		size_t size = (size_t)(last - first);
		if (size) {
			if (count && total + size > ERRORS_SHOWN)
				break;
			lines[count].start = first;
			lines[count++].size = size;
			total += size;
		}
		end = start > text ? start - 1 : text;
	}
	while (count--) {
		buffer_escaped(out, lines[count].start, lines[count].size, ERRORS_SHOWN);
		buffer_text(out, count ? " | " : "");
	}
}

char *run_failure(struct arena *arena, const char *const *argv, const struct run_result *result)
{
	BUFFER_SCOPED command = {0};
	for (size_t i = 0; argv[i]; i++)
		buffer_format(&command, "%s%s", i ? " " : "", argv[i]);
	BUFFER_SCOPED line = {0};
	buffer_escaped(&line, buffer_string(&command), command.size, COMMAND_SHOWN);
	buffer_text(&line, ": ");
	if (!result->started)
		buffer_format(&line, "cannot start: %s", strerror(result->error));
	else if (result->timed_out)
		buffer_format(&line, "timed out after %.1f s", (double)result->milliseconds / 1000);
	else if (result->signaled)
		buffer_format(&line, "killed by signal %d (%s)", result->status, strsignal(result->status));
	else
		buffer_format(&line, "exit %d", result->status);

	BUFFER_SCOPED reason = {0};
	append_last_lines(&reason, result->errors);
	if (reason.size) {
		buffer_text(&line, ": ");
		size_t room = line.size < FAILURE_LONGEST ? FAILURE_LONGEST - line.size : 0;
		buffer_escaped(&line, reason.text, reason.size, room);
	}
	return arena_copy(arena, buffer_string(&line), line.size);
}
