/* How a simulated domain comes to be: its configuration is judged, what Xen will describe of it is put
 * together from what is wanted and the files behind its disks, and it is refused where real Xen refuses it.
 * It is half built while that lasts. */
#include "host/sim/verb.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { CREATE_DISK_MS = 1500, CREATE_NIC_MS = 1300 };

/* The format that the file behind a disk has, or will have. */
static enum disk_format format_of(const struct wanted_volume *volume, const struct links *links)
{
	const struct link *link = links ? links_find(links, volume->uid) : NULL;
	const struct Layer *top =
		volume->chain.count ? volume->chain.item[volume->chain.count - 1] : &(struct Layer){0};
	if (link && link->path)
		return link->format;
	return top->overlay ? disk_format_qcow2
	       : top->file  ? (enum disk_format)top->file->format
			    : disk_format_raw;
}

/* The configuration alone, as `xl create -n` and a comparison with what was meant would find it. */
void config_judge(struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world;
	const struct DomainSpec *spec = action->domain->spec;
	bool needs_kernel = !KNOWN(spec, DomainSpec, type) || spec->type != domain_type_hvm;
	if (KNOWN(spec, DomainSpec, maxMemory) && spec->memory > spec->maxMemory)
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 3: memory is above maxmem");
	if (KNOWN(spec, DomainSpec, maxVcpus) && spec->vcpus > spec->maxVcpus)
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 3: vcpus is above maxvcpus");
	if (needs_kernel && !(spec->boot && (spec->boot->kernel || spec->boot->bootloader)))
		op_fail(op, OUTCOME_TERMINAL, "set spec.boot.kernel or spec.boot.bootloader",
			"exit 1: neither kernel nor bootloader specified");
	for (uint32_t i = 0; i < action->domain->disks.count; i++)
		for (uint32_t k = 0; k < i; k++) {
			const struct wanted_disk *one = action->domain->disks.item[k];
			const struct wanted_disk *two = action->domain->disks.item[i];
			if (text_equal(one->disk->vdev, two->disk->vdev))
				op_fail(op, OUTCOME_TERMINAL, NULL, "exit 3: two disks are %s",
					one->disk->vdev);
		}
	for (uint32_t i = 0; i < action->domain->disks.count; i++) {
		const struct wanted_disk *disk = action->domain->disks.item[i];
		if (disk->volume && disk->disk->access == access_ro &&
			format_of(disk->volume, links) == disk_format_qcow2)
			op_fail(op, OUTCOME_TERMINAL, "give it a raw file, or access: rw",
				"disk %s: QEMU cannot open a qcow2 read-only for a guest", disk->disk->vdev);
	}
}

static const char *text_or_none(const char *text)
{
	return text ? text : "";
}

/* All four are known, also where they are not there. */
static struct Boot *boot_found(struct arena *arena, const struct Boot *want)
{
	struct Boot *boot = arena_make(arena, struct Boot);
	KNOW(boot, Boot, kernel, arena_text(arena, want ? text_or_none(want->kernel) : ""));
	KNOW(boot, Boot, ramdisk, arena_text(arena, want ? text_or_none(want->ramdisk) : ""));
	KNOW(boot, Boot, cmdline, arena_text(arena, want ? text_or_none(want->cmdline) : ""));
	KNOW(boot, Boot, bootloader, arena_text(arena, want ? text_or_none(want->bootloader) : ""));
	return boot;
}

struct Disk *disk_found(struct arena *arena, const struct Disk *want, const struct link *link)
{
	struct Disk *disk = arena_make(arena, struct Disk);
	KNOW(disk, Disk, vdev, arena_text(arena, want->vdev));
	KNOW(disk, Disk, access, want->access);
	KNOW(disk, Disk, device, want->device);
	KNOW(disk, Disk, connected, false);
	KNOW(disk, Disk, target, arena_text(arena, link->path));
	KNOW(disk, Disk, format, (int)link->format);
	if (link->id)
		KNOW(disk, Disk, id, arena_text(arena, link->id));
	/* what a QEMU has found, only that knows */
	if (link->size && link->format == disk_format_raw)
		KNOW(disk, Disk, size, link->size);
	return disk;
}

struct Nic *nic_found(struct arena *arena, const struct Nic *want, int64_t device)
{
	struct Nic *nic = arena_make(arena, struct Nic);
	KNOW(nic, Nic, bridge, arena_text(arena, want->bridge ? want->bridge : "xenbr0"));
	if (want->mac)
		KNOW(nic, Nic, mac, arena_text(arena, want->mac));
	KNOW(nic, Nic, device, device);
	KNOW(nic, Nic, connected, false);
	return nic;
}

/* What its configuration says, or what is written there where the author said nothing. */
static struct Events *events_found(struct arena *arena, const struct Events *want)
{
	struct Events *events = arena_make(arena, struct Events);
	for (int i = 0; i < Events_FIELDS; i++) {
		const struct field *field = &type_Events.fields[i];
		*(int *)field_value(field, events) = want && want->at[i]  ? *(int *)field_value(field, want)
						     : i == Events_reboot ? event_action_restart
									  : event_action_preserve;
		events->at[i] = &mark_observed;
	}
	return events;
}

/* What Xen describes of a domain: the fields that are compared; of the rest it knows nothing. */
static struct DomainSpec *spec_found(struct arena *arena, const struct wanted_domain *domain)
{
	const struct DomainSpec *want = domain->spec;
	struct DomainSpec bare = {0};
	for (int i = 0; i < type_DomainSpec.count; i++) {
		const struct field *field = &type_DomainSpec.fields[i];
		const bool apart = i == DomainSpec_disks || i == DomainSpec_nics || i == DomainSpec_boot ||
				   i == DomainSpec_domainName || i == DomainSpec_events || i == DomainSpec_xl;
		const bool said =
			want->at[i] || field->has_default; /* what is left out stands at its default */
		if (field->role != ROLE_COMPARED || apart || !said)
			continue;
		static const size_t sizes[] = {[SHAPE_Text] = sizeof(char *),
			[SHAPE_Int] = sizeof(int64_t),
			[SHAPE_Bool] = sizeof(bool),
			[SHAPE_Size] = sizeof(int64_t),
			[SHAPE_Duration] = sizeof(int64_t),
			[SHAPE_Choice] = sizeof(int),
			[SHAPE_One] = sizeof(void *),
			[SHAPE_Many] = sizeof(struct list),
			[SHAPE_Texts] = sizeof(struct texts),
			[SHAPE_Map] = sizeof(struct map),
			[SHAPE_Secret] = sizeof(char *)};
		bare.at[i] = &mark_observed;
		memcpy(field_value(field, &bare), field_value(field, want), sizes[field->shape]);
	}
	struct DomainSpec *spec = object_copy(arena, &type_DomainSpec, &bare);
	found_marks(&type_DomainSpec, spec);
	KNOW(spec, DomainSpec, type, KNOWN(want, DomainSpec, type) ? want->type : domain_type_pv);
	KNOW(spec, DomainSpec, vcpus, KNOWN(want, DomainSpec, vcpus) ? want->vcpus : 1);
	if (!KNOWN(want, DomainSpec, maxVcpus))
		KNOW(spec, DomainSpec, maxVcpus, spec->vcpus);
	if (!KNOWN(want, DomainSpec, maxMemory))
		KNOW(spec, DomainSpec, maxMemory, spec->memory);
	if (!KNOWN(want, DomainSpec, cpus))
		KNOW(spec, DomainSpec, cpus, "all");
	if (!spec->scheduler)
		KNOW(spec, DomainSpec, scheduler, arena_make(arena, struct Scheduler));
	if (!KNOWN(spec->scheduler, Scheduler, weight))
		KNOW(spec->scheduler, Scheduler, weight, 256);
	if (!KNOWN(spec->scheduler, Scheduler, cap))
		KNOW(spec->scheduler, Scheduler, cap, 0);
	KNOW(spec, DomainSpec, boot, boot_found(arena, want->boot));
	KNOW(spec, DomainSpec, events, events_found(arena, want->events));
	KNOW(spec, DomainSpec, domainName, arena_text(arena, domain->xen_name));
	spec->at[DomainSpec_disks] = spec->at[DomainSpec_nics] = &mark_observed;
	spec->at[DomainSpec_graphics] = &mark_observed; /* NULL: known to have none */
	if (spec->graphics && spec->graphics->vnc)
		spec->graphics->vnc->at[Vnc_listen] = &mark_observed; /* the default, where it was not said */
	return spec;
}

/* The file behind a disk; NULL, and the op has failed, where there is none. */
const struct link *link_needed(const struct world *world, struct op *op, const struct links *links,
	const struct wanted_volume *volume, const char *vdev)
{
	const struct link *link = volume && links ? links_find(links, volume->uid) : NULL;
	bool there = link && link->path && (world_simulates_storage(world) || access(link->path, F_OK) == 0);
	if (there)
		return link;
	op_fail(op, OUTCOME_TERMINAL, NULL, "exit 3: there is no file behind disk %s", vdev);
	return NULL;
}

static void devices_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct wanted_domain *want = action->domain;
	struct DomainSpec *spec = op->made->spec;
	bool device_model = spec->type == domain_type_hvm || want->spec->graphics;
	for (uint32_t i = 0; i < want->disks.count; i++) {
		const struct wanted_disk *disk = want->disks.item[i];
		const struct link *link = link_needed(world, op, links, disk->volume, disk->disk->vdev);
		if (!link)
			continue;
		device_model = device_model || link->format != disk_format_raw;
		list_add(op->arena, &spec->disks, disk_found(op->arena, disk->disk, link));
	}
	const struct wanted_config *config = action->config;
	const struct link *drive =
		config ? link_needed(world, op, links, &config->volume, config->disk->vdev) : NULL;
	if (drive)
		list_add(op->arena, &spec->disks, disk_found(op->arena, config->disk, drive));
	for (uint32_t i = 0; i < want->spec->nics.count; i++) {
		const struct Nic *nic = want->spec->nics.item[i];
		struct Nic *found = nic_found(op->arena, nic, i);
		if (!world_has_bridge(world, found->bridge))
			op_fail(op, OUTCOME_TERMINAL, "make the bridge in dom0, or name another one",
				"exit 3: there is no bridge %s", found->bridge);
		list_add(op->arena, &spec->nics, found);
	}
	KNOW(op->made, HaveDomain, deviceModel, device_model);
}

/* What real Xen trips over once it builds the guest. */
static void build_judge(struct world *world, struct op *op, const struct wanted_domain *want)
{
	const struct Boot *boot = want->spec->boot;
	const char *const paths[] = {
		boot ? boot->kernel : NULL, boot ? boot->ramdisk : NULL, boot ? boot->bootloader : NULL};
	const int64_t smallest =
		state_number(world, SimState_smallestGuest, &world->state->smallestGuest, 4 * MiB);
	struct guest probe = {.have = op->made};
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (paths[i] && world_lacks(world, paths[i]))
			op_fail(op, OUTCOME_TERMINAL, "boot.kernel or boot.ramdisk is missing",
				"exit 3: failed to open file %s", paths[i]);
	if (guest_holds(&probe) > world_free(world)) {
		char needed[32], left[32];
		size_text(guest_holds(&probe) / MiB * MiB, needed);
		size_text(world_free(world) > 0 ? world_free(world) / MiB * MiB : 0, left);
		op_fail(op, OUTCOME_TRANSIENT, "take memory from another guest",
			"exit 3: memory is short: %s needed, %s free", needed, left);
	}
	if (want->spec->memory < smallest)
		op_fail(op, OUTCOME_TERMINAL, "spec.memory is too small for this kernel",
			"exit 3: segment kernel too large");
}

/* Who has the name or the UUID already; looked for before anything is begun. */
static void namesakes_judge(const struct world *world, struct op *op)
{
	const struct guest *same = guest_find(world, op->uid, op->domid);
	if (same)
		op_fail(op, OUTCOME_TRANSIENT, NULL,
			"a domain with its UUID is there already: domain %" PRId64, same->have->domid);
	if (guest_named(world, op->xen_name))
		op_fail(op, OUTCOME_TERMINAL, "look for it with xl list", "a domain named %s exists",
			op->xen_name);
}

void create_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct revival *revival = revival_find(world, op->uid);
	op->awaits = revival;
	if (revival) {
		op->ends = revival->time;
		return;
	}
	namesakes_judge(world, op);
	const bool begun = !op->failure;
	config_judge(world, op, action, links);
	op->made = arena_make(op->arena, struct HaveDomain);
	KNOW(op->made, HaveDomain, uuid, op->uid);
	KNOW(op->made, HaveDomain, name, op->xen_name);
	KNOW(op->made, HaveDomain, owned, op->record != NULL);
	KNOW(op->made, HaveDomain, power, found_power_Paused);
	KNOW(op->made, HaveDomain, halfBuilt, false);
	if (op->record)
		KNOW(op->made, HaveDomain, mark, op->record);
	KNOW(op->made, HaveDomain, spec, spec_found(op->arena, action->domain));
	devices_prepare(world, op, action, links);
	op->ends += CREATE_DISK_MS * (int64_t)op->made->spec->disks.count +
		    CREATE_NIC_MS * (int64_t)op->made->spec->nics.count;
	build_judge(world, op, action->domain);
	if (!begun)
		return;
	/* a creation that is refused has used up a number all the same */
	op->domid = world->next_domid++;
	KNOW(op->made, HaveDomain, domid, op->domid);
	world_touched(world);
}

/* A paused domain that nobody describes: what is left if `xl create` is killed. */
void create_start(struct world *world, struct op *op)
{
	if (op->awaits)
		return;
	struct arena *arena = arena_new();
	struct HaveDomain *have = arena_make(arena, struct HaveDomain);
	*have = *op->made;
	have->spec = NULL;
	have->at[HaveDomain_spec] = NULL;
	KNOW(have, HaveDomain, halfBuilt, true);
	struct guest probe = {.have = op->made};
	struct guest *guest = guest_add(world, arena, object_copy(arena, &type_HaveDomain, have));
	guest->holds = guest_holds(&probe);
	world_acted(world);
}

void create_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (op->awaits) {
		if (!guest)
			op_fail(op, OUTCOME_TRANSIENT, NULL, "xl's monitor has not brought it back");
		return;
	}
	if (!guest || guest->have->domid != op->domid) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "exit 3: the domain was destroyed while it was built");
		return;
	}
	struct arena *arena = arena_new();
	guest_move(guest, arena, object_copy(arena, &type_HaveDomain, op->made));
	guest_runs(world, guest);
	guest->unmonitored = !world->monitors;
	world_acted(world);
}
