/* Guests and the passing of time. A running guest boots (only then does it obey), its devices connect a
 * little after it runs, a shutdown is obeyed after a moment unless the guest is deaf. When a guest ends, xl's
 * monitor does what the configuration says; by default, as under a one-shot apply: a reboot destroys the
 * domain and creates it again two seconds later with a new domid, anything else leaves it behind for the next
 * pass to see why.
 *
 *     running --poweroff, crash--> stopped (preserved)        running --reboot--> absent --2 s--> running,
 * new domid dying --30 s--> gone */
#include "base/file.h"
#include "host/sim/world.h"
#include "model/quantity.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

enum { BOOT_MS = 3000, CONNECT_MS = 800, RESTART_MS = 2000, COMPACT_BYTES = 64 << 10 };

struct guest *guest_find(const struct world *world, const char *uuid, int64_t domid)
{
	struct guest *found = NULL;
	for (uint32_t i = 0; i < world->guest_count; i++) {
		struct guest *guest = world->guests[i];
		if (!text_equal(guest->have->uuid, uuid))
			continue;
		if (guest->have->domid == domid)
			return guest;
		if (!found)
			found = guest;
	}
	return found;
}

struct guest *guest_named(const struct world *world, const char *xen_name)
{
	for (uint32_t i = 0; i < world->guest_count; i++)
		if (KNOWN(world->guests[i]->have, HaveDomain, name) &&
			text_equal(world->guests[i]->have->name, xen_name))
			return world->guests[i];
	return NULL;
}

const struct revival *revival_find(const struct world *world, const char *uuid)
{
	for (uint32_t i = 0; i < world->revival_count; i++)
		if (text_equal(world->revivals[i]->domain->uuid, uuid))
			return world->revivals[i];
	return NULL;
}

struct guest *guest_add(struct world *world, struct arena *arena, struct HaveDomain *have)
{
	struct guest *guest = malloc(sizeof(*guest));
	if (!guest)
		memory_ended();
	*guest = (struct guest){.arena = arena,
		.have = have,
		.asked = NEVER,
		.answers = NEVER,
		.connects = NEVER,
		.stops = NEVER,
		.leaves = NEVER};
	world->guests = array_grow(world->guests, world->guest_count, &world->guest_room);
	world->guests[world->guest_count++] = guest;
	return guest;
}

void guest_free(struct guest *guest)
{
	arena_free(guest->arena);
	free(guest);
}

/* Takes it out of the list; the caller has it now. */
static void guest_take(struct world *world, struct guest *guest)
{
	uint32_t i = 0;
	while (world->guests[i] != guest)
		i++;
	world->guest_count--;
	memmove(world->guests + i, world->guests + i + 1, sizeof(*world->guests) * (world->guest_count - i));
}

void guest_remove(struct world *world, struct guest *guest)
{
	guest_take(world, guest);
	guest_free(guest);
}

int64_t guest_holds(const struct guest *guest)
{
	const struct DomainSpec *spec = KNOWN(guest->have, HaveDomain, spec) ? guest->have->spec : NULL;
	if (!spec || !KNOWN(spec, DomainSpec, memory))
		return guest->holds;
	/* page tables and the like: some for every guest, more where it may grow */
	int64_t most = KNOWN(spec, DomainSpec, maxMemory) ? spec->maxMemory : spec->memory;
	return spec->memory + 4 * MiB + most / 256;
}

bool guest_connected(const struct guest *guest)
{
	const struct DomainSpec *spec = guest->have->spec;
	if (!KNOWN(guest->have, HaveDomain, spec) || !spec)
		return false;
	for (uint32_t i = 0; i < spec->disks.count; i++) {
		const struct Disk *disk = spec->disks.item[i];
		if (KNOWN(disk, Disk, connected) && !disk->connected)
			return false;
	}
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *nic = spec->nics.item[i];
		if (KNOWN(nic, Nic, connected) && !nic->connected)
			return false;
	}
	return true;
}

bool disk_served(const struct world *world, const struct Disk *disk)
{
	static const char magic[] = {'Q', 'F', 'I', '\xfb'};
	char head[sizeof(magic)] = "";
	if (world_simulates_storage(world) || disk->format != disk_format_qcow2 || !disk->target)
		return true;
	FD_SCOPED file = open(disk->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return file >= 0 && read(file, head, sizeof(head)) == (ssize_t)sizeof(head) &&
	       memcmp(head, magic, sizeof(magic)) == 0;
}

/* A faulty device stays as it is. */
void guest_connect(const struct world *world, struct guest *guest, bool connected)
{
	struct DomainSpec *spec = guest->have->spec;
	for (uint32_t i = 0; spec && i < spec->disks.count; i++) {
		struct Disk *disk = spec->disks.item[i];
		if (connected && !disk_served(world, disk))
			KNOW(disk, Disk, fault, fault_unserved);
		KNOW(disk, Disk, connected, connected && !KNOWN(disk, Disk, fault));
	}
	for (uint32_t i = 0; spec && i < spec->nics.count; i++) {
		struct Nic *nic = spec->nics.item[i];
		KNOW(nic, Nic, connected, connected && !KNOWN(nic, Nic, fault));
	}
}

/* Devices that are made anew have no fault. */
static void guest_mend(struct guest *guest)
{
	struct DomainSpec *spec = guest->have->spec;
	for (uint32_t i = 0; spec && i < spec->disks.count; i++)
		((struct Disk *)spec->disks.item[i])->at[Disk_fault] = NULL;
	for (uint32_t i = 0; spec && i < spec->nics.count; i++)
		((struct Nic *)spec->nics.item[i])->at[Nic_fault] = NULL;
}

void guest_rename(struct guest *guest, const char *xen_name)
{
	const char *name = arena_text(guest->arena, xen_name);
	KNOW(guest->have, HaveDomain, name, name);
	if (guest->have->spec)
		KNOW(guest->have->spec, DomainSpec, domainName, name);
}

void guest_move(struct guest *guest, struct arena *arena, struct HaveDomain *have)
{
	arena_free(guest->arena);
	guest->arena = arena;
	guest->have = have;
}

void guest_compact(struct guest *guest)
{
	if (arena_size(guest->arena) < COMPACT_BYTES)
		return;
	struct arena *arena = arena_new();
	guest->cpus = arena_text(arena, guest->cpus);
	guest_move(guest, arena, object_copy(arena, &type_HaveDomain, guest->have));
}

void found_marks(const struct type *type, void *object)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		const struct mark **mark = field_mark(type, i, object);
		if (!*mark)
			continue;
		*mark = &mark_observed;
		void *value = field_value(field, object);
		if (field->shape == SHAPE_One && *(void **)value)
			found_marks(field->of, *(void **)value);
		for (uint32_t k = 0; field->shape == SHAPE_Many && k < ((struct list *)value)->count; k++)
			found_marks(field->of, ((struct list *)value)->item[k]);
		for (uint32_t k = 0; field->shape == SHAPE_Map && k < ((struct map *)value)->count; k++)
			((struct map *)value)->item[k].at = &mark_observed;
	}
}

/* Life. */

void world_timer(struct world *world, int64_t at)
{
	if (at < world->next_timer)
		world->next_timer = at;
}

void guest_runs(struct world *world, struct guest *guest)
{
	struct HaveDomain *have = guest->have;
	KNOW(have, HaveDomain, power, found_power_Running);
	have->at[HaveDomain_ended] = NULL;
	guest_connect(world, guest, false);
	guest->boots =
		world->clock + state_number(world, SimState_bootDelay, &world->state->bootDelay, BOOT_MS);
	guest->connects = world->clock +
			  state_number(world, SimState_connectDelay, &world->state->connectDelay, CONNECT_MS);
	guest->stops = NEVER;
	word_forgotten(world, guest);
	world_timer(world, guest->connects);
}

void guest_wakes(struct world *world, struct guest *guest)
{
	KNOW(guest->have, HaveDomain, power, found_power_Running);
	if (guest_connected(guest) || guest->connects != NEVER)
		return;
	guest->connects = world->clock +
			  state_number(world, SimState_connectDelay, &world->state->connectDelay, CONNECT_MS);
	world_timer(world, guest->connects);
}

static enum event_action what_to_do(const struct guest *guest, enum ended why)
{
	static const enum Events_field fields[ended_CHOICES] = {
		[ended_poweroff] = Events_poweroff,
		[ended_reboot] = Events_reboot,
		[ended_crash] = Events_crash,
		[ended_watchdog] = Events_watchdog,
	};
	const struct DomainSpec *spec = guest->have->spec;
	enum Events_field field = fields[why];
	if (guest->unmonitored)
		return event_action_preserve;
	if (spec && spec->events && spec->events->at[field])
		return *(int *)field_value(&type_Events.fields[field], spec->events);
	return why == ended_reboot ? event_action_restart : event_action_preserve;
}

static void guest_restarts(struct world *world, struct guest *guest)
{
	/* pinning is not in the configuration that the monitor goes by */
	if (guest->cpus && guest->have->spec)
		KNOW(guest->have->spec, DomainSpec, cpus, guest->cpus);
	struct revival *revival = arena_make(guest->arena, struct revival);
	*revival = (struct revival){guest->arena, guest->have, world->clock + RESTART_MS};
	world->revivals = array_grow(world->revivals, world->revival_count, &world->revival_room);
	world->revivals[world->revival_count++] = revival;
	world_timer(world, revival->time);
	guest_take(world, guest);
	free(guest);
}

void guest_ends(struct world *world, struct guest *guest, enum ended why)
{
	world_touched(world);
	switch (what_to_do(guest, why)) {
	case event_action_destroy:
	case event_action_coredump_destroy:
		guest_remove(world, guest);
		return;
	case event_action_restart:
	case event_action_rename_restart:
	case event_action_coredump_restart:
	case event_action_soft_reset:
		guest_restarts(world, guest);
		return;
	case event_action_preserve:
	case event_action_CHOICES:
		break;
	}
	KNOW(guest->have, HaveDomain, power, found_power_Stopped);
	KNOW(guest->have, HaveDomain, ended, why);
	guest_connect(world, guest, false);
	guest->connects = guest->stops = guest->answers = NEVER;
}

/* The monitor's `xl create`: what a person's would refuse, it refuses as well. */
static void restart_happens(struct world *world, uint32_t index)
{
	struct revival *revival = world->revivals[index];
	memmove(world->revivals + index, world->revivals + index + 1,
		sizeof(*world->revivals) * (--world->revival_count - index));
	world_touched(world);
	struct guest probe = {.have = revival->domain};
	if (guest_named(world, revival->domain->name) || guest_holds(&probe) > world_free(world)) {
		arena_free(revival->arena);
		return;
	}
	KNOW(revival->domain, HaveDomain, domid, world->next_domid);
	world->next_domid++;
	struct guest *guest = guest_add(world, revival->arena, revival->domain);
	guest_mend(guest);
	guest_runs(world, guest);
	guest_compact(guest);
}

bool guest_poke(struct world *world, struct guest *guest, enum sim_event event)
{
	static const enum ended why[] = {
		[sim_event_poweroff] = ended_poweroff,
		[sim_event_reboot] = ended_reboot,
		[sim_event_crash] = ended_crash,
	};
	if (event == sim_event_destroy) {
		guest_remove(world, guest);
		world_touched(world);
		return true;
	}
	if (guest->have->power != found_power_Running && guest->have->power != found_power_Paused)
		return false;
	if (event == sim_event_unmonitor && guest->unmonitored)
		return false;
	if (event == sim_event_unmonitor) {
		guest->unmonitored = true;
		world_touched(world);
		return true;
	}
	if (event == sim_event_pause) {
		KNOW(guest->have, HaveDomain, power, found_power_Paused);
		world_touched(world);
		return true;
	}
	guest_ends(world, guest, why[event]);
	return true;
}

/* Time. Each source of what happens by itself says when its next is; the first of them happens, then again.
 */

static bool event_is_due(const struct world *world, const struct SimEvent *event)
{
	return event->time <= world->clock;
}

static void event_happens(struct world *world, uint32_t index)
{
	struct list *events = &world->state->events;
	const struct SimEvent *event = events->item[index];
	list_remove(events, index);
	if (!events->count)
		world->state->at[SimState_events] = NULL;
	world_touched(world);
	struct guest *guest = event->name ? guest_named(world, event->name) : NULL;
	if (guest && KNOWN(event, SimEvent, what))
		guest_poke(world, guest, event->what);
}

static bool guest_is_due(struct world *world, struct guest *guest)
{
	if (guest->leaves <= world->clock) {
		guest_remove(world, guest);
	} else if (guest->connects <= world->clock) {
		guest->connects = NEVER;
		guest_connect(world, guest, true);
	} else if (guest->answers <= world->clock) {
		word_given(world, guest);
	} else if (guest->stops <= world->clock) {
		guest->stops = NEVER;
		guest_ends(world, guest, ended_poweroff);
	} else {
		return false;
	}
	world_touched(world);
	return true;
}

static bool something_happens(struct world *world)
{
	for (uint32_t i = 0; i < world->state->events.count; i++)
		if (event_is_due(world, world->state->events.item[i])) {
			event_happens(world, i);
			return true;
		}
	for (uint32_t i = 0; i < world->revival_count; i++)
		if (world->revivals[i]->time <= world->clock) {
			restart_happens(world, i);
			return true;
		}
	bool happened = false;
	for (uint32_t i = world->guest_count; i-- > 0;)
		happened |= guest_is_due(world, world->guests[i]);
	return happened;
}

static int64_t first(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_timer(const struct world *world)
{
	int64_t next = NEVER;
	for (uint32_t i = 0; i < world->state->events.count; i++)
		next = first(next, ((struct SimEvent *)world->state->events.item[i])->time);
	for (uint32_t i = 0; i < world->revival_count; i++)
		next = first(next, world->revivals[i]->time);
	for (uint32_t i = 0; i < world->guest_count; i++) {
		const struct guest *guest = world->guests[i];
		next = first(next, first(guest->connects, first(guest->stops, guest->leaves)));
		next = first(next, guest->answers);
	}
	return next;
}

void world_advance(struct world *world, int64_t to)
{
	while (world->next_timer <= to) {
		if (world->clock < world->next_timer)
			world->clock = world->next_timer;
		while (something_happens(world))
			;
		world->next_timer = next_timer(world);
		/* what waits for its time must find that time has passed when the host is opened again */
		world->dirty = world->dirty || world->next_timer != NEVER;
	}
	if (world->clock < to)
		world->clock = to;
	world->dirty = world->dirty || world->next_timer != NEVER;
}
