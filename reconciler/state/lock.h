/* One writer per host: flock on a file that also holds the writer's pid. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* The descriptor, close-on-exec, whose closing gives the lock back; or -1: *holder is then the other's pid (0
 * if not known) or errno is set and *holder is -1. Makes the folder that the file stands in. */
int lock_take(const char *path, pid_t *holder);
/* The pid of the process that holds it now, as the kernel tells; 0: nobody does, or it cannot be told. Takes
 * nothing, so it is in nobody's way. */
pid_t lock_holder(const char *path);
