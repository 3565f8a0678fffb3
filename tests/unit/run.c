#include "base/run.h"
#include "base/file.h"
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { LONG = 60000 }; /* a deadline that is not meant to pass */

#define SHELL(script) ((const char *const[]){"sh", "-c", (script), NULL})

/* Waits until the process is gone or a zombie; false if it is not after 10 s. */
static bool process_ends(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < 1000; i++) {
		ARENA_SCOPED arena = arena_new();
		const char *text = file_read(arena, path, 4096, NULL);
		if (!text || strstr(text, ") Z "))
			return true;
		usleep(10000);
	}
	return false;
}

Test(run, both_outputs_and_the_status_come_back)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert_not(run_wait(arena, SHELL("echo out; echo bad >&2; exit 3"), LONG, &result));
	cr_assert(result.started);
	cr_assert_eq(result.status, 3);
	cr_assert_not(result.signaled);
	cr_assert_not(result.timed_out);
	cr_assert_str_eq(result.output, "out\n");
	cr_assert_eq(result.output_size, 4);
	cr_assert_str_eq(result.errors, "bad\n");
	cr_assert(run_wait(arena, SHELL("true"), LONG, &result));
	cr_assert_str_eq(result.output, "");
	cr_assert_str_eq(result.errors, "");
}

Test(run, a_program_that_is_not_there)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	const char *const argv[] = {"xensteer-no-such-program", NULL};
	cr_assert_not(run_wait(arena, argv, LONG, &result));
	cr_assert_not(result.started);
	cr_assert_eq(result.error, ENOENT);
	cr_assert_str_eq(run_failure(arena, argv, &result),
		"xensteer-no-such-program: cannot start: No such file or directory");
}

Test(run, the_child_has_three_descriptors_and_default_signals)
{
	/* held open on purpose, and without close-on-exec */
	FD_SCOPED held = open("/dev/null", O_RDONLY);
	cr_assert_geq(held, 3);
	signal(SIGPIPE, SIG_IGN);
	sigset_t blocked;
	sigfillset(&blocked);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	/* a pattern would open the folder: each number is asked for by itself */
	const char *script =
		"i=0; while [ $i -lt 64 ]; do test -e /proc/$$/fd/$i && echo $i; i=$((i+1)); done; "
		"readlink /proc/$$/fd/0";
	cr_assert(run_wait(arena, SHELL(script), LONG, &result), "%s", result.errors);
	cr_assert_str_eq(result.output, "0\n1\n2\n/dev/null\n");

	/* of sed itself: a shell blocks signals while it waits */
	const char *const status[] = {"sed", "-n", "s/^Sig\\(Blk\\|Ign\\):\\t//p", "/proc/self/status", NULL};
	cr_assert(run_wait(arena, status, LONG, &result), "%s", result.errors);
	unsigned long long blocking, ignoring;
	cr_assert_eq(sscanf(result.output, "%llx %llx", &blocking, &ignoring), 2, "%s", result.output);
	cr_assert_eq(blocking, 0);
	/* 32 and 33 are the C library's own, which it ignores in what it spawns */
	cr_assert_eq(ignoring & 0x7fffffff, 0);
}

Test(run, the_child_leads_a_group_of_its_own)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert(run_wait(arena,
		SHELL("read pid name state parent group rest </proc/$$/stat; "
		      "test $group = $$ && test $parent = $PPID"),
		LONG, &result));
}

Test(run, environment_is_ours_with_extras_and_the_plain_locale)
{
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	setenv("XENSTEER_KEPT", "kept", 1);
	setenv("XENSTEER_SET", "ours", 1);
	struct runner *runner = runner_new();
	const char *const extras[] = {"XENSTEER_SET=extra", NULL};
	struct child *child = runner_start(runner,
		SHELL("echo $LC_ALL $XENSTEER_KEPT $XENSTEER_SET; tr '\\0' '\\n' </proc/$$/environ "
		      "| grep -c -e ^LC_ALL= -e ^XENSTEER_SET="),
		extras, LONG);
	while (!child_ended(child))
		runner_wait(runner, INT64_MAX);
	cr_assert_str_eq(child_result(child)->output, "C kept extra\n2\n");
	runner_free(runner);
}

Test(run, output_keeps_its_beginning_and_errors_their_end)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert(run_wait(arena,
		SHELL("head -c 68157440 /dev/zero; "
		      "i=0; while [ $i -lt 40000 ]; do echo line-$i; i=$((i+1)); done >&2"),
		LONG, &result));
	cr_assert(result.truncated);
	cr_assert_eq(result.output_size, RUN_OUTPUT_LIMIT);
	cr_assert_eq(strlen(result.errors), RUN_ERROR_LIMIT);
	cr_assert_not_null(strstr(result.errors, "line-39998\nline-39999\n"));
	cr_assert_null(strstr(result.errors, "line-100\n"));
	cr_assert(text_ends(run_failure(arena, SHELL("x"), &result), "line-39998 | line-39999"));
}

Test(run, a_daemon_left_behind_is_not_waited_for)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert(run_wait(arena, SHELL("sleep 600 & echo $!"), LONG, &result));
	pid_t daemon_pid = atoi(result.output);
	cr_assert_gt(daemon_pid, 1);
	cr_assert_eq(kill(daemon_pid, 0), 0, "it goes on");
	kill(daemon_pid, SIGKILL);
}

Test(run, the_deadline_ends_the_whole_group)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert_not(run_wait(arena, SHELL("sleep 600 & echo $!; wait"), 200, &result));
	cr_assert(result.timed_out);
	cr_assert(result.signaled);
	cr_assert_eq(result.status, SIGTERM);
	cr_assert_geq(result.milliseconds, 200);
	cr_assert(process_ends(atoi(result.output)));
	cr_assert(text_starts(run_failure(arena, SHELL("x"), &result), "sh -c x: timed out after "));
}

Test(run, sigterm_reaches_the_group_and_leaves_it_time)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert_not(run_wait(arena,
		SHELL("(trap 'sleep 0.2; echo cleaned; exit 0' TERM; while :; do sleep 0.05; done) & "
		      "trap : TERM; wait; wait"),
		500, &result));
	cr_assert(result.timed_out);
	cr_assert_str_eq(result.output, "cleaned\n");
}

Test(run, who_ignores_sigterm_is_killed)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert_not(run_wait(arena, SHELL("trap '' TERM; echo ready; sleep 600"), 200, &result));
	cr_assert(result.timed_out);
	cr_assert(result.signaled);
	cr_assert_eq(result.status, SIGKILL);
	cr_assert_str_eq(result.output, "ready\n");
}

Test(run, what_outlives_its_leader_after_the_deadline_is_killed)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert_not(run_wait(arena,
		SHELL("(trap '' TERM; exec sleep 600) & echo $!; trap 'exit 0' TERM; "
		      "while :; do sleep 0.05; done"),
		500, &result));
	cr_assert(result.timed_out);
	cr_assert_not(result.signaled);
	cr_assert(process_ends(atoi(result.output)));
}

Test(run, a_flood_does_not_pass_the_deadline)
{
	ARENA_SCOPED arena = arena_new();
	struct run_result result;
	cr_assert_not(run_wait(arena, SHELL("exec yes >&2"), 300, &result));
	cr_assert(result.timed_out);
	cr_assert_eq(strlen(result.errors), RUN_ERROR_LIMIT);
}

Test(run, an_end_in_time_counts_though_it_is_seen_late)
{
	struct runner *runner = runner_new();
	struct child *child = runner_start(runner, SHELL("exit 0"), NULL, 300);
	usleep(600000);
	cr_assert(runner_wait(runner, 0));
	cr_assert_not(child_result(child)->timed_out);
	cr_assert_eq(child_result(child)->status, 0);
	runner_free(runner);
}

Test(runner, several_in_flight_each_told_once)
{
	struct runner *runner = runner_new();
	struct child *children[10];
	for (int i = 0; i < 10; i++) {
		const char *const argv[] = {
			"sh", "-c", "echo $0; exit $0", (char[]){(char)('0' + i), 0}, NULL};
		children[i] = runner_start(runner, argv, NULL, LONG);
	}
	cr_assert_eq(runner_busy(runner), 10);
	int ended = 0;
	while (ended < 10) {
		cr_assert(runner_wait(runner, INT64_MAX));
		int before = ended;
		ended = 0;
		for (int i = 0; i < 10; i++)
			ended += child_ended(children[i]);
		cr_assert_gt(ended, before);
	}
	cr_assert_not(runner_wait(runner, 0));
	for (int i = 0; i < 10; i++) {
		cr_assert_eq(child_result(children[i])->status, i);
		cr_assert_eq(child_result(children[i])->output[0], '0' + i);
		child_drop(children[i]);
		cr_assert_eq(runner_busy(runner), 9 - (unsigned)i);
	}
	runner_free(runner);
}

Test(runner, one_that_cannot_start_is_told_of)
{
	struct runner *runner = runner_new();
	struct child *child = runner_start(runner, (const char *const[]){"/no/such", NULL}, NULL, LONG);
	cr_assert(child_ended(child));
	cr_assert(runner_wait(runner, 0));
	cr_assert_not(runner_wait(runner, 0));
	cr_assert_not(child_result(child)->started);
	cr_assert_str_eq(child_result(child)->output, "");
	runner_free(runner);
}

static void ignore_signal(int number)
{
	(void)number;
}

Test(runner, waiting_ends_at_its_time_and_at_a_signal)
{
	struct runner *runner = runner_new();
	int64_t until = runner_now() + 50;
	cr_assert_not(runner_wait(runner, until));
	cr_assert_geq(runner_now(), until);

	struct sigaction action = {.sa_handler = ignore_signal};
	sigaction(SIGALRM, &action, NULL);
	struct itimerval timer = {.it_value = {.tv_usec = 50000}, .it_interval = {.tv_usec = 50000}};
	setitimer(ITIMER_REAL, &timer, NULL);
	cr_assert_not(runner_wait(runner, INT64_MAX));
	runner_free(runner);
}

Test(runner, dropping_kills_and_leaves_no_zombie)
{
	struct runner *runner = runner_new();
	struct child *child = runner_start(runner, SHELL("sleep 600 & echo $! >&2; wait"), NULL, LONG);
	cr_assert_not(runner_wait(runner, runner_now() + 100));
	child_drop(child);
	child_drop(NULL);
	cr_assert_eq(runner_busy(runner), 0);
	/* the end of a dropped one is nobody's news */
	cr_assert_not(runner_wait(runner, runner_now() + 200));
	runner_free(runner);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
}

Test(runner, freeing_ends_all)
{
	struct runner *runner = runner_new();
	for (int i = 0; i < 3; i++)
		runner_start(runner, SHELL("trap '' TERM; sleep 600"), NULL, LONG);
	runner_free(runner);
	runner_free(NULL);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1);
	cr_assert_eq(errno, ECHILD);
}

Test(runner, no_descriptor_is_left)
{
	FD_SCOPED before = dup(0);
	struct runner *runner = runner_new();
	for (int i = 0; i < 5; i++) {
		child_drop(runner_start(runner, SHELL("echo x"), NULL, LONG));
		child_drop(runner_start(runner, (const char *const[]){"/no/such", NULL}, NULL, LONG));
	}
	runner_free(runner);
	FD_SCOPED after = dup(0);
	cr_assert_eq(after, before + 1);
}

Test(run, failure_is_one_bounded_escaped_line)
{
	ARENA_SCOPED arena = arena_new();
	const char *const argv[] = {"xl", "create", "web-1.cfg", NULL};
	struct run_result result = {.started = true, .status = 3, .output = "", .errors = ""};
	cr_assert_str_eq(run_failure(arena, argv, &result), "xl create web-1.cfg: exit 3");
	result.errors = "\n  first \n\nsecond\033[0m\r\n \t\n";
	cr_assert_str_eq(
		run_failure(arena, argv, &result), "xl create web-1.cfg: exit 3: first | second\\x1b[0m");
	result.signaled = true;
	result.status = SIGSEGV;
	cr_assert(text_starts(run_failure(arena, argv, &result),
		"xl create web-1.cfg: killed by signal 11 (Segmentation fault): first"));

	char junk[5000];
	memset(junk, '\001', sizeof(junk) - 1);
	junk[sizeof(junk) - 1] = '\0';
	const char *const worse[] = {junk, junk, NULL};
	result.errors = junk;
	cr_assert_leq(strlen(run_failure(arena, worse, &result)), 500);
	cr_assert_leq(strlen(run_failure(arena, argv, &result)), 410);
	memset(junk, 'e', sizeof(junk) - 1);
	memcpy(junk + sizeof(junk) - 6, "\nlast", 5);
	cr_assert(text_ends(run_failure(arena, argv, &result), ": last"));
}
