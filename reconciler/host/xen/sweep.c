/* What killed programs left on a host beyond any one domain: loop devices on files of our volumes and config
 * drives that no domain uses. xl's block script makes such a device first and tells xenstore of it
 * afterwards: as long as any script runs, nothing is released. */
#include "base/file.h"
#include "host/xen/loops.h"
#include "host/xen/xen.h"
#include <stdlib.h>

enum { RELEASE_LIMIT = 10000 /* ms */ };

/* Loop devices on what lies in a folder of ours. */
static void loops_below(struct arena *arena, const char *path, struct list *loops)
{
	char *whole = realpath(path, NULL);
	struct list below = {0};
	if (whole)
		loops_read(arena, "", &below);
	loops_keep(&below, arena_text(arena, whole), NULL);
	for (uint32_t i = 0; i < below.count; i++)
		list_add(arena, loops, below.item[i]);
	free(whole);
}

/* Guests' disks are volumes and config drives. */
static void loops_of_ours(const struct xen_host *xen, struct arena *arena, struct list *loops)
{
	if (!xen->state_dir)
		return;
	loops_below(arena, arena_format(arena, "%s/volumes", xen->state_dir), loops);
	loops_below(arena, arena_format(arena, "%s/config", xen->state_dir), loops);
	loops_below(arena, arena_format(arena, "%s/config/%s", xen->run_dir, xen->owner), loops);
}

bool xen_sweep(struct host *host, const struct have *have, struct report *report)
{
	struct xen_host *xen = (struct xen_host *)host;
	ARENA_SCOPED arena = arena_new();
	struct list loops = {0}, listed, domids = {0};
	const char *error;
	loops_of_ours(xen, arena, &loops);
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		struct HaveDomain *domain = have->found->domains.item[i];
		if (KNOWN(domain, HaveDomain, domid))
			list_add(arena, &domids, &domain->domid);
	}
	loops_spare(&loops, xen->store, arena, &domids);
	/* the scripts of an xl that was killed go on: what they are about to make is not seen yet */
	if (hotplug_runs("", -1))
		return false;
	if (!loops.count)
		return true;
	/* the list begins after that: who has one of these by now is in it, and has told xenstore */
	if (!xen_list(arena, &listed, &error))
		return false;
	domids.count = 0;
	for (uint32_t i = 0; i < listed.count; i++)
		list_add(arena, &domids, &((struct listed *)listed.item[i])->domid);
	loops_spare(&loops, xen->store, arena, &domids);
	loops_spare_claimed(&loops);
	for (uint32_t i = 0; i < loops.count; i++) {
		const struct loop_device *loop = loops.item[i];
		const char *const *argv = loop_release(arena, loop);
		struct run_result result;
		if (run_wait(arena, argv, RELEASE_LIMIT, &result))
			report_note(report, NULL, NULL, NULL,
				"%s was released: a program that was killed had left it on %s", loop->device,
				loop->file);
		else
			report_warn(report, NULL, NULL, "release it by hand", "%s is left over on %s: %s",
				loop->device, loop->file, run_failure(arena, argv, &result));
	}
	return true;
}

bool xen_forget(struct host *host, const char *uuid)
{
	const struct xen_host *xen = (struct xen_host *)host;
	ARENA_SCOPED arena = arena_new();
	return store_unmark(xen->store, xen->owner, uuid) && file_remove(xen_cfg_path(arena, xen, uuid));
}
