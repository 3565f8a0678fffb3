/* A real xenstored under a test, in a folder of its own: Debian's C xenstored, or the oxenstored that Debian
 * prefers, with the imaginary Xen of shim.c. It dies with the test. */
#pragma once
#include "scratch.h"
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <xenstore.h>

enum xenstored_kind { XENSTORED_C, XENSTORED_OCAML };

struct xenstored {
	char folder[256]; /* of the programs and the shim: beside the folder of the tests */
	enum xenstored_kind kind;
	pid_t pid;
	struct xs_handle *other; /* a connection of the test's own, to look with */
};

/* Words for an imaginary domain: there, "dying" or "shutdown". */
static inline void xenstored_domain(int domid, const char *state)
{
	char name[32];
	snprintf(name, sizeof(name), "domain.%d", domid);
	scratch_write(name, state);
}

/* Xen says that something happened to a domain. */
static inline void xenstored_virq(void)
{
	scratch_write("virq", "!");
}

/* Waits at most 20 s for what another process or thread is about to do. */
#define XENSTORED_AWAIT(condition)                                                                           \
	do {                                                                                                 \
		int tries = 0;                                                                               \
		while (!(condition) && tries++ < 2000)                                                       \
			nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);                            \
		cr_assert(tries <= 2000, "waited in vain for " #condition);                                  \
	} while (0)

static inline void xenstored_start(struct xenstored *daemon)
{
	char program[300], shim[300], settings[300], log[] = "log", pid_file[] = "pid";
	snprintf(program, sizeof(program), "%s/%s", daemon->folder,
		daemon->kind == XENSTORED_C ? "xenstored" : "oxenstored");
	snprintf(shim, sizeof(shim), "%s/shim.so", daemon->folder);
	snprintf(settings, sizeof(settings), "%s/oxenstored.conf", daemon->folder);
	cr_assert_eq(access(program, X_OK), 0, "%s is not there: `make unit` gets it", program);
	cr_assert_eq(access(shim, R_OK), 0, "%s is not there: `make unit` builds it", shim);
	unlink("socket");
	daemon->pid = fork();
	cr_assert_geq(daemon->pid, 0);
	if (daemon->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("LD_PRELOAD", shim, 1);
		if (!freopen(log, "a", stdout) || !freopen(log, "a", stderr))
			_exit(126);
		if (daemon->kind == XENSTORED_C)
			execl(program, program, "--no-fork", "--pid-file", pid_file, (char *)NULL);
		else
			execl(program, program, "--no-fork", "--pid-file", pid_file, "--config-file",
				settings, (char *)NULL);
		_exit(127);
	}
	XENSTORED_AWAIT((daemon->other = xs_open(XS_OPEN_SOCKETONLY)) ||
			waitpid(daemon->pid, NULL, WNOHANG) == daemon->pid);
	cr_assert_not_null(daemon->other, "%s ended: %s/log", program, scratch);
}

/* As if it had crashed: what it held is lost. */
static inline void xenstored_kill(struct xenstored *daemon)
{
	if (daemon->other)
		xs_close(daemon->other);
	daemon->other = NULL;
	if (daemon->pid > 0) {
		kill(daemon->pid, SIGKILL);
		waitpid(daemon->pid, NULL, 0);
	}
	daemon->pid = 0;
}

/* Enters a folder of the test's own, where the daemon's socket will be; dom0 is there. */
static inline void xenstored_enter(struct xenstored *daemon, enum xenstored_kind kind)
{
	char self[200];
	ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);
	cr_assert_gt(size, 0);
	self[size] = '\0';
	for (int up = 0; up < 3; up++) /* B/tests/unit/NAME */
		*strrchr(self, '/') = '\0';
	*daemon = (struct xenstored){.kind = kind};
	snprintf(daemon->folder, sizeof(daemon->folder), "%s/xenstored", self);
	scratch_enter();
	setenv("XENSTORED_RUNDIR", scratch, 1);
	unsetenv("XENSTORED_PATH");
	xenstored_domain(0, "");
}

static inline void xenstored_leave(struct xenstored *daemon)
{
	xenstored_kill(daemon);
	scratch_leave();
}
