/* A signal handler reaches nothing but what has static storage, so this is the one place that has it. */
#include "face/stop.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static volatile int stop_asked;
static int stop_event = -1;

static void wake(int number)
{
	const uint64_t one = 1;
	const int error = errno;

	(void)number;
	if (stop_event >= 0)
		(void)!write(stop_event, &one, sizeof one);
	errno = error;
}

static void ask_stop(int number)
{
	stop_asked = 1;
	wake(number);
}

volatile const int *stop_catch(bool stays)
{
	struct sigaction stop = {.sa_handler = ask_stop, .sa_flags = (int)SA_RESETHAND};
	struct sigaction look = {.sa_handler = wake};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (stop_event < 0)
		stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sigemptyset(&stop.sa_mask);
	sigemptyset(&look.sa_mask);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, stays ? &look : &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	return &stop_asked;
}

int stop_descriptor(void)
{
	return stop_event;
}

void stop_drain(void)
{
	uint64_t count;

	if (stop_event >= 0)
		(void)!read(stop_event, &count, sizeof count);
}
