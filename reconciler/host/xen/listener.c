/* Watches with their own path as token, so that a domain that several jobs wait for is simply watched twice.
 * A guest that writes without end moves the number as often: jobs pace themselves. */
#include "host/xen/listener.h"
#include "base/arena.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <xenstore.h>

static const char *const paths[] = {
	"/local/domain/%lld/data/xensteer/config", "/local/domain/%lld/iso_attach"};
static const char everybody[] = "@releaseDomain";
enum { PATHS = sizeof(paths) / sizeof(*paths), PATH_SIZE = 80 };

struct listener {
	struct xs_handle *handle;
	unsigned joined;
	uint64_t events;
};

struct listener *listener_new(void)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener)
		memory_ended();
	return listener;
}

static void hang_up(struct listener *listener)
{
	if (listener->handle)
		xs_close(listener->handle);
	listener->handle = NULL;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	hang_up(listener);
	free(listener);
}

static void path_of(char path[PATH_SIZE], int which, int64_t domid)
{
	/* the formats are ours, each with one number */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)snprintf(path, PATH_SIZE, paths[which], (long long)domid);
#pragma GCC diagnostic pop
}

bool listener_join(struct listener *listener, int64_t domid)
{
	char path[PATH_SIZE];
	listener->joined++;
	if (!listener->handle) {
		listener->handle = xs_open(XS_OPEN_SOCKETONLY);
		if (listener->handle && !xs_watch(listener->handle, everybody, everybody))
			hang_up(listener);
	}
	for (int i = 0; i < PATHS && listener->handle; i++) {
		path_of(path, i, domid);
		/* watched already for another job: EEXIST */
		if (!xs_watch(listener->handle, path, path) && errno != EEXIST)
			hang_up(listener);
	}
	return listener->handle != NULL;
}

void listener_leave(struct listener *listener, int64_t domid)
{
	char path[PATH_SIZE];
	for (int i = 0; i < PATHS && listener->handle; i++) {
		path_of(path, i, domid);
		(void)xs_unwatch(listener->handle, path, path);
	}
	if (--listener->joined == 0)
		hang_up(listener);
}

int listener_descriptor(const struct listener *listener)
{
	return listener->handle ? xs_fileno(listener->handle) : -1;
}

uint64_t listener_events(struct listener *listener)
{
	char **event;
	errno = EAGAIN;
	while (listener->handle && (event = xs_check_watch(listener->handle))) {
		listener->events++;
		free(event);
		errno = EAGAIN;
	}
	if (listener->handle && errno != EAGAIN) {
		/* a xenstored that died: who waits looks again, and joins anew */
		hang_up(listener);
		listener->events++;
	}
	return listener->events;
}
