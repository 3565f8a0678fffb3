/* The kernel's nbd devices and the programs that serve them. A program that xensteer starts to serve one
 * carries marks in its environment (XENSTEER_VOLUME, XENSTEER_LAYER, XENSTEER_EXPORT), which live and die
 * with it: the device is found again by them, with no record that could be lost, and never by the words of a
 * command line. `root` stands before /sys, /proc and /dev: "" but in tests. */
#pragma once
#include "base/text.h"
#include <stdint.h>

struct served {
	unsigned number;
	const char *name;   /* nbd3 */
	const char *device; /* /dev/nbd3 */
	const char *id;     /* "b:MAJOR:MINOR" */
	int64_t size;       /* bytes; 0: nothing is bound, or not yet */
	int64_t task;       /* that serves it; 0: none does */
};
/* Every nbd device that there is (struct served), by number. */
void served_list(struct arena *, const char *root, struct list *);

/* Whom a program serves. */
struct server_marks {
	const char *uid; /* of the volume */
	uint32_t index;  /* of the layer */
};
/* What its environment says, "K=V" texts and a NULL; `export` may be NULL. */
const char *const *server_environment(struct arena *, const struct server_marks *, const char *export);
/* Does this process or task carry them? */
bool server_is_marked(struct arena *, const char *root, int64_t task, const struct server_marks *);
/* Was it started for this export? */
bool server_has_export(struct arena *, const char *root, int64_t task, const char *export);
/* Has it this file open ("MAJOR:MINOR:INODE")? */
bool server_has_file(struct arena *, const char *root, int64_t task, const char *id);
/* A process that carries the marks; 0: there is none. */
int64_t server_find(struct arena *, const char *root, const struct server_marks *);
/* The process that the task belongs to; 0: it is gone. */
int64_t server_process(struct arena *, const char *root, int64_t task);
/* Ends it (SIGKILL: one that hangs hears nothing else), if it still is what carries the marks. */
void server_end(struct arena *, const char *root, int64_t process, const struct server_marks *);
