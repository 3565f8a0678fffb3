/* Programs: started by argv without a shell, with no descriptor but 0 to 2, standard input from /dev/null,
 * both outputs captured and bounded, in a process group of their own, each with a deadline. A runner holds
 * those in flight; its owner asks it to wait. When the deadline passes the group gets SIGTERM, 2 s later
 * SIGKILL; what is left of the group when its first process ends by that is killed then. A program that ended
 * in time may leave processes behind, which go on, but find their outputs closed (SIGPIPE) when they write.
 * Descriptors 0 to 2 of this process must be open and SIGCHLD must not be ignored. */
#pragma once
#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct runner;
struct child;

enum { RUN_OUTPUT_LIMIT = 64 << 20, RUN_ERROR_LIMIT = 64 << 10 };

struct run_result {
	bool started; /* false: `error` says why (errno) */
	int error;
	bool timed_out; /* killed by its deadline */
	bool signaled;
	int status;         /* exit status, or the signal's number */
	bool truncated;     /* output was longer than its limit */
	const char *output; /* standard output, NUL-terminated; the first RUN_OUTPUT_LIMIT bytes */
	size_t output_size;
	const char *errors; /* standard error, NUL-terminated; the last RUN_ERROR_LIMIT bytes */
	int64_t milliseconds;
};

struct runner *runner_new(void);
/* Kills what still runs, waits for it, frees with all children. NULL is allowed. */
void runner_free(struct runner *);

/* Starts argv (argv[0] looked up in PATH; NULL-terminated; extra "K=V" environment may be NULL; the rest is
 * ours, with LC_ALL=C). Never fails by itself: a program that cannot be started is a child that has ended
 * with started = false. */
struct child *runner_start(struct runner *, const char *const *argv, const char *const *environment,
	int64_t deadline_ms /* from now */);
/* Waits until a child ends or `until` (monotonic ms, as runner_now) passes; 0 only looks. True if one or more
 * ended that nobody has been told of. A signal that this process catches ends the wait early, with false.
 * Deadlines are kept only while somebody waits. */
bool runner_wait(struct runner *, int64_t until);
/* From now on a wait also ends, with false, when this descriptor has something to read; -1: no longer. */
void runner_attend(struct runner *, int descriptor);
/* Children in flight or ended and not yet dropped. */
unsigned runner_busy(const struct runner *);
bool child_ended(const struct child *);
const struct run_result *child_result(const struct child *); /* after it ended */
/* Kills it with its group if it still runs; the runner collects it later. NULL is allowed. Its result is
 * gone. */
void child_drop(struct child *);
int64_t runner_now(void); /* CLOCK_MONOTONIC, ms */

/* Runs one program to its end. The result's texts lie in `arena`. True if it exited with 0. */
bool run_wait(struct arena *, const char *const *argv, int64_t deadline_ms, struct run_result *result);
/* One line for people: "xl create web-1.cfg: exit 3: LAST | LINES OF STDERR", bounded and escaped. */
char *run_failure(struct arena *, const char *const *argv, const struct run_result *);
