/* The driver of real Xen: acts through `xl`, which every Xen ships, and reads what xl does not say from
 * xenstore. */
#include "host/xen/listener.h"
#include "host/xen/xen.h"
#include <string.h>

static struct host *xen_open(const struct host_options *options, struct report *report)
{
	(void)report;
	const int supervision = options->spec->supervision;
	struct arena *arena = arena_new();
	struct xen_host *xen = arena_make(arena, struct xen_host);
	*xen = (struct xen_host){.host = {.driver = &host_xen},
		.arena = arena,
		.runner = options->runner,
		.store = store_new(),
		.watch = watch_new(),
		.listener = listener_new(),
		.cache = cache_new(),
		.owner = arena_text(arena, options->owner),
		.state_dir = arena_text(arena, options->state_dir),
		.run_dir = arena_text(arena, options->run_dir ? options->run_dir : "/run/xensteer"),
		.memory_floor = options->spec->memoryFloor,
		.monitors = supervision == supervision_xl ||
			    (supervision == supervision_auto && !options->supervises)};
	return &xen->host;
}

const char *xen_cfg_path(struct arena *arena, const struct xen_host *xen, const char *uuid)
{
	return arena_format(arena, "%s/cfg/%s.cfg", xen->run_dir, uuid);
}

static void xen_close(struct host *host)
{
	struct xen_host *xen = (struct xen_host *)host;
	xen_jobs_free(xen);
	store_free(xen->store);
	watch_free(xen->watch);
	listener_free(xen->listener);
	cache_free(xen->cache);
	arena_free(xen->arena);
}

static int xen_watch(struct host *host)
{
	return watch_descriptor(((struct xen_host *)host)->watch);
}

static bool xen_drain(struct host *host, struct arena *arena, struct list *changed)
{
	return watch_drain(((struct xen_host *)host)->watch, arena, changed);
}

static int64_t xen_now(struct host *host)
{
	(void)host;
	return runner_now();
}

/* Real layers are meant. */
static struct storage *xen_storage(struct host *host)
{
	(void)host;
	return NULL;
}

const struct host_driver host_xen = {
	.name = "xen",
	.open = xen_open,
	.observe = xen_observe,
	.watch = xen_watch,
	.drain = xen_drain,
	.begin = xen_begin,
	.reap = xen_reap,
	.forget = xen_forget,
	.sweep = xen_sweep,
	.now = xen_now,
	.storage = xen_storage,
	.close = xen_close,
};
