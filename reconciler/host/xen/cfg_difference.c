/* What xl understood of a configuration, against what was meant. xl takes `memory="abc"`, `vif=["mac=zz"]` or
 * a misspelt disk without a word: its dry run says what it made of them, and here that is read back. */
#include "host/xen/cfg.h"
#include "host/xen/xl_describe.h"
#include "model/cpus.h"
#include "model/have.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char *differs(struct arena *arena, const char *what, const char *want, const char *have)
{
	BUFFER_SCOPED text = {0};
	buffer_format(&text, "%s: wanted ", what);
	buffer_escaped(&text, want ? want : "none", strlen(want ? want : "none"), 120);
	buffer_text(&text, ", xl understood ");
	buffer_escaped(&text, have ? have : "none", strlen(have ? have : "none"), 120);
	return arena_text(arena, buffer_string(&text));
}

static const char *text_differs(struct arena *arena, const char *what, const char *want, const char *have)
{
	want = want && *want ? want : NULL;
	have = have && *have ? have : NULL;
	return text_equal(want, have) ? NULL : differs(arena, what, want, have);
}

static const char *number_differs(struct arena *arena, const char *what, int64_t want, int64_t have)
{
	if (want == have)
		return NULL;
	return arena_format(arena, "%s: wanted %" PRId64 ", xl understood %" PRId64, what, want, have);
}

static const char *size_differs(
	struct arena *arena, const struct DomainSpec *want, const struct DomainSpec *have)
{
	const int64_t vcpus = want->vcpus ? want->vcpus : 1;
	const char *difference = number_differs(arena, "memory", want->memory, have->memory);
	if (!difference)
		difference = number_differs(arena, "maxMemory",
			want->at[DomainSpec_maxMemory] ? want->maxMemory : want->memory, have->maxMemory);
	if (!difference)
		difference = number_differs(arena, "vcpus", vcpus, have->vcpus);
	if (!difference)
		difference = number_differs(arena, "maxVcpus",
			want->at[DomainSpec_maxVcpus] ? want->maxVcpus : vcpus, have->maxVcpus);
	return difference;
}

static const char *cpus_differ(struct arena *arena, const char *want, const char *have)
{
	const char *canonical = want && *want ? cpus_canonical(arena, want) : "all";
	return text_equal(canonical, have) ? NULL : differs(arena, "cpus", want, have);
}

static const char *boot_differs(struct arena *arena, const struct Boot *want, const struct Boot *have)
{
	static const struct Boot nothing;
	if (!want)
		want = &nothing;
	const char *difference = text_differs(arena, "boot.kernel", want->kernel, have->kernel);
	if (!difference)
		difference = text_differs(arena, "boot.ramdisk", want->ramdisk, have->ramdisk);
	if (!difference)
		difference = text_differs(arena, "boot.bootloader", want->bootloader, have->bootloader);
	if (!difference)
		difference = text_differs(arena, "boot.cmdline", want->cmdline, have->cmdline);
	return difference;
}

static const char *scheduler_differs(
	struct arena *arena, const struct Scheduler *want, const struct Scheduler *have)
{
	static const struct Scheduler nothing;
	const struct Scheduler *found = have ? have : &nothing;
	const char *difference = NULL;
	if (want && want->at[Scheduler_weight])
		difference = number_differs(arena, "scheduler.weight", want->weight, found->weight);
	if (!difference && want && want->at[Scheduler_cap])
		difference = number_differs(arena, "scheduler.cap", want->cap, found->cap);
	return difference;
}

static const char *graphics_differ(
	struct arena *arena, const struct Graphics *want, const struct Graphics *have)
{
	const struct Vnc *one = want ? want->vnc : NULL, *two = have ? have->vnc : NULL;
	if (!one != !two)
		return differs(arena, "graphics", one ? "a screen" : NULL, two ? "a screen" : NULL);
	if (!one)
		return NULL;
	const char *difference = text_differs(
		arena, "graphics.vnc.listen", one->listen ? one->listen : "127.0.0.1", two->listen);
	return difference ? difference : number_differs(arena, "graphics.vnc.port", one->port, two->port);
}

static const char *disk_differs(struct arena *arena, const struct wanted_disk *wanted,
	const struct links *links, const struct Disk *have)
{
	const struct Disk *want = wanted->disk;
	const struct link *link = wanted->volume ? links_find(links, wanted->volume->uid) : NULL;
	const char *difference = text_differs(arena, "vdev of a disk", want->vdev, have->vdev);
	if (!difference)
		difference = text_differs(arena, want->vdev, link ? link->path : NULL, have->target);
	if (!difference && link)
		difference = text_differs(arena, want->vdev, choice_disk_format[link->format],
			KNOWN(have, Disk, format) ? choice_disk_format[have->format] : NULL);
	if (!difference)
		difference = text_differs(
			arena, want->vdev, choice_access[want->access], choice_access[have->access]);
	if (!difference)
		difference = text_differs(
			arena, want->vdev, choice_device[want->device], choice_device[have->device]);
	return difference;
}

static const char *nic_differs(struct arena *arena, const struct Nic *want, const struct Nic *have)
{
	const char *what = want->name ? want->name : "nic";
	if (!want->mac || !have->mac || strcasecmp(want->mac, have->mac) != 0)
		return differs(arena, what, want->mac, have->mac);
	const char *difference = text_differs(arena, what, want->bridge, have->bridge);
	return difference ? difference : text_differs(arena, what, want->ip, have->ip);
}

static const char *devices_differ(struct arena *arena, const struct wanted_domain *want,
	const struct links *links, const struct DomainSpec *have)
{
	const struct list *nics = &want->spec->nics;
	const struct link *drive = cfg_drive(want, links);
	const char *difference = number_differs(
		arena, "number of disks", want->disks.count + (drive ? 1 : 0), have->disks.count);
	if (!difference)
		difference = number_differs(arena, "number of nics", nics->count, have->nics.count);
	for (uint32_t i = 0; !difference && i < want->disks.count; i++)
		difference = disk_differs(arena, want->disks.item[i], links, have->disks.item[i]);
	if (!difference && drive && want->config) {
		const struct wanted_disk config = {
			want->config->disk, (struct wanted_volume *)(uintptr_t)&want->config->volume};
		difference = disk_differs(arena, &config, links, have->disks.item[want->disks.count]);
	}
	for (uint32_t i = 0; !difference && i < nics->count; i++)
		difference = nic_differs(arena, nics->item[i], have->nics.item[i]);
	return difference;
}

const char *cfg_difference(struct arena *arena, const struct wanted_domain *want, const struct links *links,
	const struct described *have)
{
	const struct DomainSpec *spec = want->spec, *found = have->spec;
	const char *difference = text_differs(arena, "name", want->xen_name, have->name);
	if (!difference)
		difference = text_differs(arena, "uuid", want->uid, have->uuid);
	if (!difference)
		difference = text_differs(arena, "type", choice_domain_type[spec->type],
			KNOWN(found, DomainSpec, type) ? choice_domain_type[found->type] : NULL);
	if (!difference)
		difference = size_differs(arena, spec, found);
	if (!difference)
		difference =
			cpus_differ(arena, spec->cpus, KNOWN(found, DomainSpec, cpus) ? found->cpus : NULL);
	if (!difference)
		difference = scheduler_differs(arena, spec->scheduler, found->scheduler);
	if (!difference)
		difference = boot_differs(arena, spec->boot, found->boot);
	if (!difference)
		difference = graphics_differ(arena, spec->graphics, found->graphics);
	return difference ? difference : devices_differ(arena, want, links, found);
}
