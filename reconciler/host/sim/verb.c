/* What each verb does to a simulated host. Where real Xen was seen to behave in a way that one would not
 * guess, so does this: a second domain with the same uuid is accepted, two writers of one file as well, a
 * memory target that is too small is accepted and kills the guest, a qcow2 can be hot-attached only where
 * there is a QEMU. Judged by state: what is gone already has been destroyed. */
#include "host/sim/world.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
	QUICK_MS = 100,
	OBEY_MS = 250,
	CREATE_MS = 700,
	CREATE_DISK_MS = 1500,
	CREATE_NIC_MS = 1300,
	DEVICE_MS = 1000,
	DESTROY_MS = 1000,
	ZOMBIE_MS = 30000,
};
static const int64_t smallest_guest = 16 * MiB; /* below it a guest dies of its balloon */

static struct guest *guest_of(const struct world *world, const struct op *op)
{
	return guest_find(world, op->uid, op->domid);
}

/* The guest of an action that needs one. */
static struct guest *guest_needed(const struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "there is no such domain");
	else if (!KNOWN(guest->have, HaveDomain, spec))
		op_fail(op, OUTCOME_TRANSIENT, NULL, "domain %" PRId64 " is not whole", guest->have->domid);
	else
		return guest;
	return NULL;
}

static struct guest *guest_running(const struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	if (guest && guest->have->power != found_power_Running) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "the guest does not run: it is %s",
			choice_found_power[guest->have->power]);
		return NULL;
	}
	return guest;
}

static void changed(struct world *world, struct guest *guest)
{
	guest_compact(guest);
	world_acted(world);
}

static void nothing(struct world *world, struct op *op)
{
	(void)world, (void)op;
}

/* Creation. */

/* The configuration alone, as `xl create -n` and a comparison with what was meant would find it. */
static void config_judge(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
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

static struct Disk *disk_found(struct arena *arena, const struct Disk *want, const struct link *link)
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
	return disk;
}

static struct Nic *nic_found(struct arena *arena, const struct Nic *want, int64_t device)
{
	struct Nic *nic = arena_make(arena, struct Nic);
	KNOW(nic, Nic, bridge, arena_text(arena, want->bridge ? want->bridge : "xenbr0"));
	if (want->mac)
		KNOW(nic, Nic, mac, arena_text(arena, want->mac));
	KNOW(nic, Nic, device, device);
	KNOW(nic, Nic, connected, false);
	return nic;
}

/* What Xen describes of a domain: the fields that are compared; of the rest it knows nothing. */
static struct DomainSpec *spec_found(struct arena *arena, const struct DomainSpec *want)
{
	struct DomainSpec bare = {0};
	for (int i = 0; i < type_DomainSpec.count; i++) {
		const struct field *field = &type_DomainSpec.fields[i];
		bool lists = i == DomainSpec_disks || i == DomainSpec_nics || i == DomainSpec_boot;
		if (field->role != ROLE_COMPARED || i == DomainSpec_domainName || lists || !want->at[i])
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
	spec->at[DomainSpec_xl] = spec->at[DomainSpec_disks] = spec->at[DomainSpec_nics] = &mark_observed;
	return spec;
}

/* The file behind a disk; NULL, and the op has failed, where there is none. */
static const struct link *link_needed(const struct world *world, struct op *op, const struct links *links,
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
	struct world *world, struct op *op, const struct wanted_domain *want, const struct links *links)
{
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

static void create_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	config_judge(world, op, action, links);
	op->made = arena_make(op->arena, struct HaveDomain);
	KNOW(op->made, HaveDomain, uuid, op->uid);
	KNOW(op->made, HaveDomain, name, op->xen_name);
	KNOW(op->made, HaveDomain, owned, op->record != NULL);
	KNOW(op->made, HaveDomain, power, found_power_Paused);
	KNOW(op->made, HaveDomain, halfBuilt, false);
	if (op->record)
		KNOW(op->made, HaveDomain, mark, op->record);
	KNOW(op->made, HaveDomain, spec, spec_found(op->arena, action->domain->spec));
	devices_prepare(world, op, action->domain, links);
	op->ends += CREATE_DISK_MS * (int64_t)op->made->spec->disks.count +
		    CREATE_NIC_MS * (int64_t)op->made->spec->nics.count;
	if (guest_named(world, op->xen_name))
		op_fail(op, OUTCOME_TERMINAL, "look for it with xl list", "exit 3: a domain named %s exists",
			op->xen_name);
	struct guest probe = {.have = op->made};
	if (guest_holds(&probe) > world_free(world)) {
		char needed[32], left[32];
		size_text(guest_holds(&probe) / MiB * MiB, needed);
		size_text(world_free(world) > 0 ? world_free(world) / MiB * MiB : 0, left);
		op_fail(op, OUTCOME_TRANSIENT, "take memory from another guest",
			"exit 3: memory is short: %s needed, %s free", needed, left);
	}
	/* a creation that is refused has used up a number all the same */
	op->domid = world->next_domid++;
	KNOW(op->made, HaveDomain, domid, op->domid);
	world_touched(world);
}

/* A paused domain that nobody describes: what is left if `xl create` is killed. */
static void create_start(struct world *world, struct op *op)
{
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

static void create_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || guest->have->domid != op->domid) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "exit 3: the domain was destroyed while it was built");
		return;
	}
	struct arena *arena = arena_new();
	guest_move(guest, arena, object_copy(arena, &type_HaveDomain, op->made));
	guest_runs(world, guest);
	world_acted(world);
}

static bool verify_met(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || !KNOWN(guest->have, HaveDomain, spec))
		return false;
	if (guest->have->power == found_power_Stopped || guest->have->power == found_power_Dying)
		return true;
	return guest->have->power == found_power_Running && guest_connected(guest);
}

static void verify_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	if (!guest)
		return;
	if (guest->have->power != found_power_Running)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "the guest does not run: it is %s%s%s",
			choice_found_power[guest->have->power],
			KNOWN(guest->have, HaveDomain, ended) ? ", " : "",
			KNOWN(guest->have, HaveDomain, ended) ? choice_ended[guest->have->ended] : "");
	else if (!guest_connected(guest))
		op_fail(op, OUTCOME_TRANSIENT, NULL, "its devices are not connected");
}

/* Changes. */

static void unpause_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || guest->have->power != found_power_Paused)
		return;
	guest_runs(world, guest);
	/* what was never built to the end does not live long */
	if (KNOWN(guest->have, HaveDomain, halfBuilt) && guest->have->halfBuilt)
		guest_ends(world, guest, ended_crash);
	world_acted(world);
}

static void memory_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	if (!guest)
		return;
	struct DomainSpec *spec = guest->have->spec;
	char text[32];
	if (KNOWN(spec, DomainSpec, maxMemory) && op->number > spec->maxMemory) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: above the limit of %s that it was created with",
			size_text(spec->maxMemory, text));
		return;
	}
	if (op->number - spec->memory > world_free(world)) {
		op_fail(op, OUTCOME_TRANSIENT, "take memory from another guest", "memory is short");
		return;
	}
	KNOW(spec, DomainSpec, memory, op->number);
	if (op->number < smallest_guest)
		guest_ends(world, guest, ended_crash);
	world_acted(world);
}

static void vcpus_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	if (!guest)
		return;
	struct DomainSpec *spec = guest->have->spec;
	if (op->number < 1 || (KNOWN(spec, DomainSpec, maxVcpus) && op->number > spec->maxVcpus)) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: outside of 1 to %" PRId64 " vcpus",
			spec->maxVcpus);
		return;
	}
	KNOW(spec, DomainSpec, vcpus, op->number);
	world_acted(world);
}

static void rename_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	struct guest *other = guest ? guest_named(world, op->xen_name) : NULL;
	if (other && other != guest)
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: a domain named %s exists", op->xen_name);
	if (op->failure)
		return;
	KNOW(guest->have, HaveDomain, name, arena_text(guest->arena, op->xen_name));
	changed(world, guest);
}

static void record_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "there is no such domain");
	else if (!op->record)
		op_fail(op, OUTCOME_TERMINAL, NULL, "there is no record to write");
	if (op->failure)
		return;
	KNOW(guest->have, HaveDomain, mark, object_copy(guest->arena, &type_Record, op->record));
	KNOW(guest->have, HaveDomain, owned, true);
	changed(world, guest);
}

/* Devices. */

static void attach_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct link *link = link_needed(world, op, links, action->disk_volume, action->disk->vdev);
	if (link)
		op->disk = disk_found(op->arena, action->disk, link);
}

static int64_t disk_index(const struct DomainSpec *spec, const char *vdev)
{
	for (uint32_t i = 0; i < spec->disks.count; i++)
		if (text_equal(((struct Disk *)spec->disks.item[i])->vdev, vdev))
			return i;
	return -1;
}

static void disk_add(struct world *world, struct op *op, bool connected)
{
	struct guest *guest = guest_running(world, op);
	if (!guest)
		return;
	struct HaveDomain *have = guest->have;
	bool device_model = KNOWN(have, HaveDomain, deviceModel) && have->deviceModel;
	if (disk_index(have->spec, op->disk->vdev) >= 0)
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: disk %s exists", op->disk->vdev);
	else if (op->disk->format != disk_format_raw && !device_model)
		op_fail(op, OUTCOME_TERMINAL, "it takes a restart",
			"exit 1: device model required but not running");
	if (op->failure)
		return;
	struct Disk *disk = object_copy(guest->arena, &type_Disk, op->disk);
	KNOW(disk, Disk, connected, connected);
	list_add(guest->arena, &have->spec->disks, disk);
	changed(world, guest);
}

static void attach_effect(struct world *world, struct op *op)
{
	disk_add(world, op, true);
}

static void attach_half(struct world *world, struct op *op)
{
	disk_add(world, op, false);
}

static void detach_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
	op->disk = object_copy(op->arena, &type_Disk, action->disk);
}

static void list_remove(struct list *list, uint32_t index)
{
	memmove(list->item + index, list->item + index + 1, sizeof(*list->item) * (--list->count - index));
}

static void detach_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	if (index < 0 || !guest_running(world, op))
		return;
	list_remove(&guest->have->spec->disks, (uint32_t)index);
	changed(world, guest);
}

static void detach_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_running(world, op);
	int64_t index = guest ? disk_index(guest->have->spec, op->disk->vdev) : -1;
	if (index < 0)
		return;
	KNOW((struct Disk *)guest->have->spec->disks.item[index], Disk, connected, false);
	world_acted(world);
}

static void nic_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)links;
	if (op->verb == verb_nic_detach) {
		op->nic = object_copy(op->arena, &type_Nic, action->nic);
		return;
	}
	op->nic = nic_found(op->arena, action->nic, 0);
	if (!world_has_bridge(world, op->nic->bridge))
		op_fail(op, OUTCOME_TERMINAL, "make the bridge in dom0, or name another one",
			"exit 1: there is no bridge %s", op->nic->bridge);
}

/* Each call adds one more, also where there is one with that address. */
static void nic_add(struct world *world, struct op *op, bool connected)
{
	struct guest *guest = guest_running(world, op);
	if (!guest)
		return;
	struct list *nics = &guest->have->spec->nics;
	int64_t device = 0;
	for (uint32_t i = 0; i < nics->count; i++)
		if (((struct Nic *)nics->item[i])->device >= device)
			device = ((struct Nic *)nics->item[i])->device + 1;
	struct Nic *nic = object_copy(guest->arena, &type_Nic, op->nic);
	KNOW(nic, Nic, device, device);
	KNOW(nic, Nic, connected, connected);
	list_add(guest->arena, nics, nic);
	changed(world, guest);
}

static void nic_attach_effect(struct world *world, struct op *op)
{
	nic_add(world, op, true);
}

static void nic_attach_half(struct world *world, struct op *op)
{
	nic_add(world, op, false);
}

static int64_t nic_index(const struct DomainSpec *spec, const struct Nic *nic)
{
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *found = spec->nics.item[i];
		bool same_device = KNOWN(nic, Nic, device) && found->device == nic->device;
		bool same_mac = !KNOWN(nic, Nic, device) && nic->mac && text_equal(found->mac, nic->mac);
		if (same_device || same_mac)
			return i;
	}
	return -1;
}

static void nic_detach_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	int64_t index = guest ? nic_index(guest->have->spec, op->nic) : -1;
	if (index < 0)
		return;
	list_remove(&guest->have->spec->nics, (uint32_t)index);
	changed(world, guest);
}

static void nic_detach_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_needed(world, op);
	int64_t index = guest ? nic_index(guest->have->spec, op->nic) : -1;
	if (index < 0)
		return;
	KNOW((struct Nic *)guest->have->spec->nics.item[index], Nic, connected, false);
	world_acted(world);
}

/* The end. */

static bool is_deaf(const struct world *world, const struct guest *guest)
{
	const struct texts *deaf = &world->state->deaf;
	for (uint32_t i = 0; i < deaf->count; i++)
		if (text_equal(deaf->item[i], guest->have->name))
			return true;
	return false;
}

/* The request stays in xenstore: a guest that still boots obeys when it is up, also if nobody waits any more.
 */
static void shutdown_start(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || guest->have->power != found_power_Running || is_deaf(world, guest))
		return;
	int64_t up = guest->boots > world->clock ? guest->boots : world->clock;
	int64_t stops =
		up + state_number(world, SimState_shutdownDelay, &world->state->shutdownDelay, OBEY_MS);
	if (stops < guest->stops)
		guest->stops = stops;
	world_timer(world, guest->stops);
	world_acted(world);
}

static bool shutdown_met(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	return !guest || guest->have->power == found_power_Stopped || guest->have->power == found_power_Dying;
}

static void shutdown_effect(struct world *world, struct op *op)
{
	if (!shutdown_met(world, op) && !op->escalates)
		op_fail(op, OUTCOME_TRANSIENT,
			"allow spec.shutdown.escalate: destroy, or stop it from inside",
			"the guest did not obey in %" PRId64 " s", op->number);
}

/* Its name goes first, then the domain: what is left in between is a zombie, until the last page is given
 * back. */
static void destroy_start(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || guest->have->power == found_power_Dying)
		return;
	guest->holds = guest_holds(guest);
	guest->have->at[HaveDomain_name] = guest->have->at[HaveDomain_spec] = NULL;
	guest->have->at[HaveDomain_ended] = guest->have->at[HaveDomain_halfBuilt] = NULL;
	guest->have->spec = NULL;
	KNOW(guest->have, HaveDomain, power, found_power_Dying);
	op->domid = guest->have->domid;
	guest->connects = guest->stops = NEVER;
	guest->leaves = world->clock + ZOMBIE_MS;
	world_timer(world, guest->leaves);
	world_acted(world);
}

static void destroy_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest)
		return;
	guest_remove(world, guest);
	world_acted(world);
}

const struct way host_ways[VERBS] = {
	[verb_domain_check] = {.milliseconds = QUICK_MS, .prepare = config_judge, .effect = nothing},
	[verb_domain_configure] = {.milliseconds = QUICK_MS, .effect = nothing},
	[verb_domain_create] = {.milliseconds = CREATE_MS,
		.prepare = create_prepare,
		.start = create_start,
		.effect = create_effect},
	[verb_domain_verify] = {.waits = true, .met = verify_met, .effect = verify_effect},
	[verb_domain_unpause] = {.milliseconds = QUICK_MS, .effect = unpause_effect},
	[verb_domain_set_memory] = {.milliseconds = QUICK_MS, .effect = memory_effect},
	[verb_domain_set_vcpus] = {.milliseconds = QUICK_MS, .effect = vcpus_effect},
	[verb_domain_rename] = {.milliseconds = QUICK_MS, .effect = rename_effect},
	[verb_domain_record] = {.milliseconds = QUICK_MS, .effect = record_effect},
	[verb_disk_attach] = {.milliseconds = DEVICE_MS,
		.prepare = attach_prepare,
		.effect = attach_effect,
		.half = attach_half},
	[verb_disk_detach] = {.milliseconds = DEVICE_MS,
		.prepare = detach_prepare,
		.effect = detach_effect,
		.half = detach_half},
	[verb_nic_attach] = {.milliseconds = DEVICE_MS,
		.prepare = nic_prepare,
		.effect = nic_attach_effect,
		.half = nic_attach_half},
	[verb_nic_detach] = {.milliseconds = DEVICE_MS,
		.prepare = nic_prepare,
		.effect = nic_detach_effect,
		.half = nic_detach_half},
	[verb_domain_shutdown] = {.waits = true,
		.met = shutdown_met,
		.start = shutdown_start,
		.effect = shutdown_effect},
	[verb_domain_destroy] = {.milliseconds = DESTROY_MS,
		.start = destroy_start,
		.effect = destroy_effect},
};
