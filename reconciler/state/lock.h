/* One writer per host: flock on a file that also holds the writer's pid. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

/* The descriptor, or -1: *holder is then the other's pid (0 if not known) or errno is set and *holder is -1. */
int lock_take(const char *path, pid_t *holder);
