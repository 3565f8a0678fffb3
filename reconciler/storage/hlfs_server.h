/* The nbd server of HLFS. One serves every volume of a run folder, a child per client: two cannot run side by
 * side on a host (each makes /tmp/nbd-0- and gives up where that is there). Ours carries the run folder as a
 * mark in its environment, and is known by that and by the socket that it listens on, never by the words of a
 * command line. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>
#include <stdint.h>

struct hlfs_server {
	int64_t process; /* 0: there is none */
	uint16_t port;   /* 0: it does not listen (yet) */
	bool busy;       /* it has children: clients are connected */
};
/* `root` stands before /proc: "" but in tests. */
struct hlfs_server hlfs_server_find(struct arena *, const char *root, const char *run_dir);
/* What its environment says: "K=V" texts and a NULL. */
const char *const *hlfs_server_environment(struct arena *, const char *run_dir);
/* A TCP port of the loopback that nobody listens on at this moment; 0 with errno set. */
uint16_t hlfs_server_port(void);
/* Asks it to end (SIGTERM, on which it takes away what it made in /tmp), if it still carries the marks. */
void hlfs_server_end(struct arena *, const char *root, const char *run_dir, const struct hlfs_server *);
