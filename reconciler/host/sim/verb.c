/* What each verb does to a simulated host: what the driver of real Xen and Xen together were seen to do
 * (tests/differential). Two writers of one file are accepted, a qcow2 can be hot-attached only where there is
 * a QEMU, what ended or is half-built takes no change. Judged by state: what is gone already has been
 * destroyed. */
#include "host/sim/verb.h"
#include "model/cpus.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
	QUICK_MS = 100,
	OBEY_MS = 250,
	CREATE_MS = 700,
	DEVICE_MS = 1000,
	DESTROY_MS = 1000,
	ZOMBIE_MS = 30000,
};
static const int64_t smallest_guest = 16 * MiB; /* a balloon that takes it below that kills a guest */

struct guest *guest_of(const struct world *world, const struct op *op)
{
	return guest_find(world, op->uid, op->domid);
}

/* The guest of an action that needs one. */
struct guest *guest_needed(const struct world *world, struct op *op)
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

/* Running or paused; else the op fails. */
static struct guest *guest_alive(const struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (guest && (guest->have->power == found_power_Running || guest->have->power == found_power_Paused))
		return guest;
	op_fail(op, OUTCOME_TRANSIENT, NULL, "it is %s",
		guest ? choice_found_power[guest->have->power] : "not there");
	return NULL;
}

struct guest *guest_changeable(const struct world *world, struct op *op)
{
	return guest_alive(world, op) ? guest_needed(world, op) : NULL;
}

void guest_changed(struct world *world, struct guest *guest)
{
	guest_compact(guest);
	world_acted(world);
}

static void nothing(struct world *world, struct op *op)
{
	(void)world, (void)op;
}

/* A disk that will never connect; NULL: all may. */
static const struct Disk *disk_unserved(const struct world *world, const struct guest *guest)
{
	const struct list *disks = &guest->have->spec->disks;
	for (uint32_t i = 0; i < disks->count; i++) {
		const struct Disk *disk = disks->item[i];
		if (KNOWN(disk, Disk, connected) && !disk->connected && !disk_served(world, disk))
			return disk;
	}
	return NULL;
}

static bool verify_met(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || !KNOWN(guest->have, HaveDomain, spec))
		return false;
	if (guest->have->power == found_power_Stopped || guest->have->power == found_power_Dying)
		return true;
	return guest->have->power == found_power_Running &&
	       (guest_connected(guest) || (guest->connects == NEVER && disk_unserved(world, guest)));
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
	else if (disk_unserved(world, guest))
		op_fail(op, OUTCOME_TERMINAL, NULL,
			"disk %s is not served by QEMU: Image is not in qcow2 format",
			disk_unserved(world, guest)->vdev);
	else if (!guest_connected(guest))
		op_fail(op, OUTCOME_TRANSIENT, NULL, "its devices are not connected");
}

/* Changes. */

static void unpause_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_alive(world, op);
	if (!guest || guest->have->power != found_power_Paused)
		return;
	if (KNOWN(guest->have, HaveDomain, halfBuilt) && guest->have->halfBuilt) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "it may be half-built: it is not unpaused");
		return;
	}
	guest_wakes(world, guest);
	world_acted(world);
}

static void memory_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	if (!guest)
		return;
	struct DomainSpec *spec = guest->have->spec;
	char text[32];
	if (op->number < world->memory_floor && op->number < spec->memory) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "the guest would die of it: the host's memoryFloor is %s",
			size_text(world->memory_floor, text));
		return;
	}
	if (KNOWN(spec, DomainSpec, maxMemory) && op->number > spec->maxMemory) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "exit 1: above the limit of %s that it was created with",
			size_text(spec->maxMemory, text));
		return;
	}
	if (op->number - spec->memory > world_free(world)) {
		op_fail(op, OUTCOME_TRANSIENT, "take memory from another guest", "memory is short");
		return;
	}
	const bool starved = op->number < smallest_guest && op->number < spec->memory;
	KNOW(spec, DomainSpec, memory, op->number);
	if (starved)
		guest_ends(world, guest, ended_crash);
	world_acted(world);
}

static void vcpus_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	if (!guest)
		return;
	struct DomainSpec *spec = guest->have->spec;
	if (op->number < 1 || (KNOWN(spec, DomainSpec, maxVcpus) && op->number > spec->maxVcpus)) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "exit 1: outside of 1 to %" PRId64 " vcpus",
			spec->maxVcpus);
		return;
	}
	KNOW(spec, DomainSpec, vcpus, op->number);
	world_acted(world);
}

/* Pins every vcpu; a guest that its monitor creates again has forgotten it. */
static void cpus_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	if (!guest)
		return;
	struct DomainSpec *spec = guest->have->spec;
	if (KNOWN(world->facts, HostFacts, cpus) && !cpus_any(op->cpus, world->facts->cpus)) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: vcpu hard affinity map is empty");
		return;
	}
	if (!guest->cpus)
		guest->cpus = arena_text(guest->arena, KNOWN(spec, DomainSpec, cpus) ? spec->cpus : "all");
	KNOW(spec, DomainSpec, cpus, arena_text(guest->arena, op->cpus));
	guest_changed(world, guest);
}

static void scheduler_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	if (!guest)
		return;
	struct DomainSpec *spec = guest->have->spec;
	if (!KNOWN(spec, DomainSpec, scheduler) || !spec->scheduler)
		KNOW(spec, DomainSpec, scheduler, type_new(guest->arena, &type_Scheduler));
	if (KNOWN(op->scheduler, Scheduler, weight))
		KNOW(spec->scheduler, Scheduler, weight, op->scheduler->weight);
	if (KNOWN(op->scheduler, Scheduler, cap))
		KNOW(spec->scheduler, Scheduler, cap, op->scheduler->cap);
	world_acted(world);
}

static void rename_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	struct guest *other = guest ? guest_named(world, op->xen_name) : NULL;
	if (other && other != guest)
		op_fail(op, OUTCOME_TERMINAL, NULL, "exit 1: a domain named %s exists", op->xen_name);
	if (!guest || op->failure)
		return;
	guest_rename(guest, op->xen_name);
	guest_changed(world, guest);
}

static void record_effect(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || !op->record)
		return;
	KNOW(guest->have, HaveDomain, mark, object_copy(guest->arena, &type_Record, op->record));
	KNOW(guest->have, HaveDomain, owned, true);
	guest_changed(world, guest);
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
	guest->connects = guest->stops = guest->answers = NEVER;
	guest->leaves = world->clock + ZOMBIE_MS;
	world_timer(world, guest->leaves);
	world_acted(world);
}

/* One that its monitor is about to bring back is waited for. */
static void destroy_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)action, (void)links;
	const struct revival *revival = revival_find(world, op->uid);
	op->awaits = revival && !guest_of(world, op);
	if (op->awaits)
		op->ends += revival->time - world->clock;
}

/* Killed meanwhile: it stays, and runs no more. */
static void destroy_half(struct world *world, struct op *op)
{
	struct guest *guest = guest_of(world, op);
	if (!guest || guest->have->power != found_power_Dying)
		return;
	KNOW(guest->have, HaveDomain, power, found_power_Paused);
	KNOW(guest->have, HaveDomain, halfBuilt, true);
	guest->leaves = NEVER;
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
	[verb_domain_configure] = {.milliseconds = QUICK_MS, .prepare = config_judge, .effect = nothing},
	[verb_domain_create] = {.milliseconds = CREATE_MS,
		.prepare = create_prepare,
		.start = create_start,
		.effect = create_effect},
	[verb_domain_verify] = {.waits = true, .met = verify_met, .effect = verify_effect},
	[verb_config_acknowledge] = {.waits = true,
		.met = word_met,
		.prepare = word_prepare,
		.start = word_start,
		.effect = word_effect},
	[verb_domain_unpause] = {.milliseconds = QUICK_MS, .effect = unpause_effect},
	[verb_domain_set_memory] = {.milliseconds = QUICK_MS, .effect = memory_effect},
	[verb_domain_set_vcpus] = {.milliseconds = QUICK_MS, .effect = vcpus_effect},
	[verb_domain_set_cpus] = {.milliseconds = QUICK_MS, .effect = cpus_effect},
	[verb_domain_set_scheduler] = {.milliseconds = QUICK_MS, .effect = scheduler_effect},
	[verb_domain_rename] = {.milliseconds = QUICK_MS, .effect = rename_effect},
	[verb_domain_record] = {.milliseconds = QUICK_MS, .effect = record_effect},
	[verb_disk_attach] = {.milliseconds = DEVICE_MS,
		.prepare = disk_attach_prepare,
		.effect = disk_attach_effect,
		.half = disk_attach_half},
	[verb_disk_detach] = {.milliseconds = DEVICE_MS,
		.prepare = disk_detach_prepare,
		.effect = disk_detach_effect,
		.half = disk_detach_half},
	[verb_disk_grow] = {.milliseconds = QUICK_MS,
		.prepare = disk_grow_prepare,
		.effect = disk_grow_effect},
	[verb_nic_attach] = {.milliseconds = DEVICE_MS,
		.prepare = nic_change_prepare,
		.effect = nic_attach_effect,
		.half = nic_attach_half},
	[verb_nic_detach] = {.milliseconds = DEVICE_MS,
		.prepare = nic_change_prepare,
		.effect = nic_detach_effect,
		.half = nic_detach_half},
	[verb_domain_shutdown] = {.waits = true,
		.met = shutdown_met,
		.start = shutdown_start,
		.effect = shutdown_effect},
	[verb_domain_destroy] = {.milliseconds = DESTROY_MS,
		.prepare = destroy_prepare,
		.start = destroy_start,
		.effect = destroy_effect,
		.half = destroy_half},
};
