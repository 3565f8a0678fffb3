/* xensteer: makes a Xen host be what a folder of YAML says. The commands are rows of face/command.c. */
#include "face/command.h"

int main(int argc, char **argv)
{
	(void)argc;
	return command_main(argv);
}
