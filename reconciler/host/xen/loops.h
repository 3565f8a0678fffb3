/* Loop devices. xl's block script gives each raw file one, and tells xenstore which when it has it: an xl or
 * a script that is killed in between leaves a loop device that nobody will ever release. */
#pragma once
#include "base/arena.h"
#include "base/text.h"
#include "host/xen/store.h"

struct loop_device {
	int64_t number;     /* N of /dev/loopN */
	const char *device; /* /dev/loopN */
	const char *file;   /* behind it; where that was removed, the path it had */
};
/* Adds every loop device that has a file and is not bound for a layer of a volume (struct loop_device).
 * `root` stands before /sys: "" but in tests. */
void loops_read(struct arena *, const char *root, struct list *);

/* Leaves only those whose file lies below this folder (canonical, no slash at its end; NULL: none does) or is
 * one of these files. */
void loops_keep(struct list *loops, const char *folder, const struct list *files);
/* Takes out those that serve one of these domains (int64_t *, not dom0), as xenstore tells. */
void loops_spare(struct list *loops, struct store *, struct arena *, const struct list *domids);
/* Takes out those that the kernel has claimed: mounted, swapped on, under a device mapper. */
void loops_spare_claimed(struct list *loops);
/* The command that releases it. */
const char *const *loop_release(struct arena *, const struct loop_device *);
/* Files behind the disks of a domain, as its backends name them (const char *). */
void loops_files(struct store *, struct arena *, int64_t domid, struct list *files);

/* A hotplug script of Xen that runs for a device of this domain, or of any domain (domid -1): its process id,
 * 0 if there is none. */
int64_t hotplug_runs(const char *root, int64_t domid);
/* Of which domain the text of a script's environment says it works for; -1 if it is none. */
int64_t hotplug_domid(const char *environment, size_t size);
