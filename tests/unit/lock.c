#include "state/lock.h"
#include "scratch.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

TestSuite(lock, .init = scratch_enter, .fini = scratch_leave);

/* A child that holds the lock until its standard input, the returned descriptor, is closed. */
static pid_t holder_start(const char *path, int *until)
{
	int said[2], end[2];
	cr_assert_eq(pipe2(said, O_CLOEXEC), 0);
	cr_assert_eq(pipe2(end, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		pid_t other;
		char byte = lock_take(path, &other) >= 0 ? 'y' : 'n';
		close(end[1]);
		if (write(said[1], &byte, 1) == 1)
			(void)!read(end[0], &byte, 1);
		_exit(0);
	}
	char byte = 0;
	close(said[1]);
	close(end[0]);
	cr_assert_eq(read(said[0], &byte, 1), 1);
	cr_assert_eq(byte, 'y');
	close(said[0]);
	*until = end[1];
	return pid;
}

Test(lock, the_second_is_told_who_was_first)
{
	int until;
	pid_t first = holder_start("lock", &until), holder = 0;
	cr_expect_eq(lock_take("lock", &holder), -1);
	cr_expect_eq(holder, first);

	close(until);
	cr_assert_eq(waitpid(first, NULL, 0), first);
	int fd = lock_take("lock", &holder);
	cr_assert_geq(fd, 0);
	cr_expect_neq(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	close(fd);
}

Test(lock, a_killed_holder_holds_nothing)
{
	int until;
	pid_t first = holder_start("lock", &until), holder;
	cr_assert_eq(kill(first, SIGKILL), 0);
	cr_assert_eq(waitpid(first, NULL, 0), first);
	int fd = lock_take("lock", &holder);
	cr_assert_geq(fd, 0);
	close(fd);
	close(until);
}

Test(lock, its_own_pid_replaces_a_longer_one)
{
	pid_t holder;
	scratch_write("lock", "99999999999999999999\n");
	int fd = lock_take("lock", &holder);
	cr_assert_geq(fd, 0);
	cr_expect_eq(lock_take("lock", &holder), -1);
	cr_expect_eq(holder, getpid());
	close(fd);
}

Test(lock, what_is_no_pid_is_not_known)
{
	pid_t holder;
	int fd = lock_take("lock", &holder);
	cr_assert_geq(fd, 0);
	static const char *const texts[] = {"", "12", "-4\n", "0\n", "x\n", "99999999999999999999\n"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		scratch_write("lock", texts[i]);
		cr_expect_eq(lock_take("lock", &holder), -1);
		cr_expect_eq(holder, 0, "'%s' gave %d", texts[i], (int)holder);
	}
	close(fd);
}

Test(lock, makes_its_folder)
{
	pid_t holder;
	struct stat status;
	int fd = lock_take("run/xensteer/lock", &holder);
	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert_eq(stat("run/xensteer", &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0700);
	cr_assert_eq(stat("run/xensteer/lock", &status), 0);
	cr_expect_eq(status.st_mode & 07777, 0600);
}

Test(lock, a_path_that_cannot_be_used_is_an_error_and_no_holder)
{
	pid_t holder = 0;
	scratch_write("file", "");
	cr_expect_eq(lock_take("file/lock", &holder), -1);
	cr_expect_eq(errno, ENOTDIR);
	cr_expect_eq(holder, -1);
	cr_assert_eq(symlink("file", "link"), 0);
	cr_expect_eq(lock_take("link", &holder), -1);
	cr_expect_eq(errno, ELOOP);
	cr_expect_eq(holder, -1);
}

Test(lock, who_holds_it_can_be_asked_without_taking_it)
{
	int until;
	cr_assert_eq(lock_holder("lock"), 0);
	pid_t first = holder_start("lock", &until);
	cr_assert_eq(lock_holder("lock"), first);
	close(until);
	cr_assert_eq(waitpid(first, NULL, 0), first);
	/* the file is still there and names a pid, but nobody holds it */
	cr_assert_eq(lock_holder("lock"), 0);
	scratch_write("lock", "1\n");
	cr_assert_eq(lock_holder("lock"), 0);
}
