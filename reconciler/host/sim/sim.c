/* The driver `sim`: a simulated Xen host. Its clock is virtual: where nothing but simulated time has to pass,
 * reap lets it pass at once; only children of real storage are waited for as they are. An observation takes
 * 100 ms, as `xl list` does, so that time does not stand still for those who only look. */
#include "host/sim/world.h"
#include <stdlib.h>
#include <string.h>

enum { LIST_MS = 100 };

static struct host *sim_open(const struct host_options *options, struct report *report)
{
	struct world *world = world_open(options, NULL, report);
	return world ? &world->host : NULL;
}

static void sim_close(struct host *host)
{
	world_close(world_of(host));
}

static void find_path(const struct world *world, struct have *have, const char *path)
{
	if (!path || path[0] != '/')
		return;
	struct list *files = &have->found->files;
	for (uint32_t i = 0; i < files->count; i++)
		if (text_equal(((struct HaveFile *)files->item[i])->path, path))
			return;
	struct HaveFile *file = arena_make(have->arena, struct HaveFile);
	KNOW(file, HaveFile, path, arena_text(have->arena, path));
	KNOW(file, HaveFile, present, !world_lacks(world, path));
	list_add(have->arena, files, file);
}

/* What only Xen would open counts as there. */
static void find_paths(const struct world *world, const struct want *want, struct have *have)
{
	have->found->at[Observation_files] = &mark_observed;
	for (uint32_t i = 0; want && i < want->domains.count; i++) {
		const struct Boot *boot = ((struct wanted_domain *)want->domains.item[i])->spec->boot;
		if (!boot)
			continue;
		find_path(world, have, boot->kernel);
		find_path(world, have, boot->ramdisk);
		find_path(world, have, boot->bootloader);
	}
}

static bool is_ours(const struct world *world, const struct HaveDomain *domain)
{
	const struct Record *mark = domain->mark;
	return KNOWN(domain, HaveDomain, owned) && domain->owned &&
	       (!mark || !KNOWN(mark, Record, owner) || text_equal(mark->owner, world->owner));
}

static void sim_observe(struct host *host, const struct want *want, struct have *have)
{
	struct world *world = world_of(host);
	struct Observation *found = have->found;
	world_advance(world, world->clock + LIST_MS);
	have->known = !world->broken;
	have->why_unknown = arena_text(have->arena, world->broken);
	if (world->state->unobservable > 0) {
		world->state->unobservable--;
		world_touched(world);
		have->known = false;
		have->why_unknown = "simulated xl list: exit 1: the host cannot be observed";
	}
	have->paths_known = true;
	if (!have->known)
		return;
	KNOW(world->facts, HostFacts, free, world_free(world) > 0 ? world_free(world) : 0);
	found->host = object_copy(have->arena, &type_HostFacts, world->facts);
	KNOW(found->host, HostFacts, owner, arena_text(have->arena, world->owner));
	KNOW(found, Observation, host, found->host);
	found->at[Observation_domains] = &mark_observed;
	for (uint32_t i = 0; i < world->guest_count; i++) {
		struct HaveDomain *domain =
			object_copy(have->arena, &type_HaveDomain, world->guests[i]->have);
		KNOW(domain, HaveDomain, owned, is_ours(world, domain));
		list_add(have->arena, &found->domains, domain);
	}
	words_found(world, want, have);
	find_paths(world, want, have);
}

static int sim_watch(struct host *host)
{
	(void)host;
	return -1;
}

static bool sim_drain(struct host *host, struct arena *arena, struct list *changed)
{
	(void)host, (void)arena, (void)changed;
	return false;
}

static void sim_begin(struct host *host, const struct action *action, const struct links *links)
{
	op_begin(world_of(host), action, links);
}

static int64_t first(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* True: a child of real storage ended, and its owner must hear of it before time passes here. */
static bool child_comes_first(struct world *world, int64_t next)
{
	if (!world->runner || !runner_busy(world->runner))
		return false;
	int64_t wait = next > NEVER / 2 ? NEVER : runner_now() + next - world->clock;
	return runner_wait(world->runner, wait);
}

static bool sim_reap(struct host *host, int64_t until, struct finished *done)
{
	struct world *world = world_of(host);
	for (;;) {
		world_advance(world, world->clock);
		struct op *op = op_over(world, PERFORMER_HOST);
		if (op) {
			op_told(op, done);
			return true;
		}
		if (op_is_over(world, PERFORMER_STORAGE) || world->clock >= until)
			return false;
		int64_t next = first(until, first(op_next(world), world->next_timer));
		if (child_comes_first(world, next))
			return false;
		if (next == NEVER)
			return false;
		world_advance(world, next);
	}
}

static int64_t sim_now(struct host *host)
{
	return world_of(host)->clock;
}

static struct storage *sim_storage(struct host *host)
{
	struct world *world = world_of(host);
	return world_simulates_storage(world) ? &world->storage : NULL;
}

const struct host_driver host_sim = {
	.name = "sim",
	.open = sim_open,
	.observe = sim_observe,
	.watch = sim_watch,
	.drain = sim_drain,
	.begin = sim_begin,
	.reap = sim_reap,
	.now = sim_now,
	.storage = sim_storage,
	.close = sim_close,
};

/* For tests. */

struct host *sim_open_memory(const char *text, const char *owner, struct report *report)
{
	struct host_options options = {.owner = owner, .writes = true};
	struct world *world = world_open(&options, text, report);
	return world ? &world->host : NULL;
}

void sim_json(struct host *host, struct buffer *out)
{
	world_json(world_of(host), out);
}

bool sim_poke(struct host *host, const char *xen_name, enum sim_event event)
{
	struct guest *guest = guest_named(world_of(host), xen_name);
	return guest && guest_poke(world_of(host), guest, event);
}

bool sim_rename(struct host *host, const char *xen_name, const char *other)
{
	struct world *world = world_of(host);
	struct guest *guest = guest_named(world, xen_name);
	if (!guest || guest_named(world, other))
		return false;
	guest_rename(guest, other);
	world_touched(world);
	return true;
}

void sim_fault(struct host *host, enum verb verb, enum sim_when when)
{
	struct world *world = world_of(host);
	struct SimFault *fault = arena_make(world->arena, struct SimFault);
	KNOW(fault, SimFault, verb, verb_table[verb].verb);
	KNOW(fault, SimFault, when, when);
	list_add(world->arena, &world->state->faults, fault);
	world->state->at[SimState_faults] = &mark_observed;
	world_touched(world);
}

static void set_size(struct DomainSpec *spec, int64_t memory)
{
	KNOW(spec, DomainSpec, type, domain_type_pv);
	KNOW(spec, DomainSpec, memory, memory);
	KNOW(spec, DomainSpec, maxMemory, memory);
	KNOW(spec, DomainSpec, vcpus, 1);
	KNOW(spec, DomainSpec, maxVcpus, 1);
	spec->at[DomainSpec_disks] = spec->at[DomainSpec_nics] = &mark_observed;
}

bool sim_add(struct host *host, const char *xen_name, const char *uuid, int64_t memory)
{
	struct world *world = world_of(host);
	if (guest_named(world, xen_name) || memory > world_free(world))
		return false;
	struct arena *arena = arena_new();
	struct HaveDomain *have = arena_make(arena, struct HaveDomain);
	char made_up[UID_SIZE];
	uid_of("somebody", "Domain", xen_name, made_up);
	KNOW(have, HaveDomain, domid, world->next_domid);
	world->next_domid++;
	KNOW(have, HaveDomain, uuid, arena_text(arena, uuid ? uuid : made_up));
	KNOW(have, HaveDomain, name, arena_text(arena, xen_name));
	KNOW(have, HaveDomain, owned, false);
	KNOW(have, HaveDomain, deviceModel, false);
	KNOW(have, HaveDomain, spec, arena_make(arena, struct DomainSpec));
	set_size(have->spec, memory);
	guest_runs(world, guest_add(world, arena, have));
	world_touched(world);
	return true;
}

void sim_advance(struct host *host, int64_t milliseconds)
{
	world_advance(world_of(host), world_of(host)->clock + milliseconds);
}

void sim_stop_after(struct host *host, uint32_t changes, int *stop)
{
	struct world *world = world_of(host);
	world->stop_after = changes;
	world->stop = stop;
	world->frozen = false;
}

uint32_t sim_changes(const struct host *host)
{
	return ((const struct world *)host)->changes;
}
