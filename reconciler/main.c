/* xensteer: makes a Xen host be what a folder of YAML says. The commands are rows of face/command.c. */
#include "face/command.h"
#include <fcntl.h>
#include <unistd.h>

/* A standard stream that the caller closed is opened in the direction that it is not used in: a file opened
 * later must not take its number and what is printed with it, and writing a result fails and is noticed. */
static bool occupy_streams(void)
{
	for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
		if (fcntl(stream, F_GETFD) < 0 &&
			open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream)
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	(void)argc;
	return occupy_streams() ? command_main(argv) : EXIT_ERROR;
}
