/* The world and its file. What arrives is DIR/host.json, or nothing (then a host of 16 GiB); what leaves is
 * the same file, written anew whenever an action has changed something, with every key kept that is not known
 * here. A kill at any instant finds the file as it was after one action or after the next. */
#include "host/sim/world.h"
#include "base/file.h"
#include "model/observation.h"
#include "model/quantity.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *array_grow(void *items, uint32_t count, uint32_t *room)
{
	if (count < *room)
		return items;
	*room = *room ? *room * 2 : 16;
	items = reallocarray(items, *room, sizeof(void *));
	if (!items)
		memory_ended();
	return items;
}

int64_t state_number(
	const struct world *world, enum SimState_field index, const int64_t *value, int64_t fallback)
{
	return world->state->at[index] ? *value : fallback;
}

bool world_simulates_storage(const struct world *world)
{
	if (KNOWN(world->state, SimState, storage))
		return world->state->storage == sim_storage_simulated;
	return !world->path;
}

bool world_has_bridge(const struct world *world, const char *bridge)
{
	for (uint32_t i = 0; i < world->facts->bridges.count; i++)
		if (text_equal(world->facts->bridges.item[i], bridge))
			return true;
	return false;
}

bool world_lacks(const struct world *world, const char *path)
{
	const struct texts *missing = &world->state->missingFiles;
	for (uint32_t i = 0; i < missing->count; i++)
		if (text_equal(missing->item[i], path))
			return true;
	return false;
}

int64_t world_free(const struct world *world)
{
	int64_t left = world->facts->memory -
		       state_number(world, SimState_dom0Memory, &world->state->dom0Memory, GiB);
	for (uint32_t i = 0; i < world->guest_count; i++)
		left -= guest_holds(world->guests[i]);
	return left;
}

/* Loading. */

static void facts_complete(struct world *world)
{
	struct HostFacts *facts = world->facts;
	if (!KNOWN(facts, HostFacts, name))
		KNOW(facts, HostFacts, name, "sim");
	KNOW(facts, HostFacts, driver, host_sim.name);
	if (!KNOWN(facts, HostFacts, xen))
		KNOW(facts, HostFacts, xen, "4.17, simulated");
	if (!KNOWN(facts, HostFacts, cpus))
		KNOW(facts, HostFacts, cpus, 8);
	if (!KNOWN(facts, HostFacts, memory))
		KNOW(facts, HostFacts, memory, 16 * GiB);
	if (KNOWN(facts, HostFacts, bridges))
		return;
	facts->at[HostFacts_bridges] = &mark_observed;
	facts->bridges = (struct texts){.item = arena_array(world->arena, const char *, 1), .count = 1};
	facts->bridges.item[0] = "xenbr0";
}

static const struct SimGuest *guest_row(const struct SimState *state, int64_t domid)
{
	for (uint32_t i = 0; i < state->guests.count; i++) {
		const struct SimGuest *row = state->guests.item[i];
		if (row->domid == domid)
			return row;
	}
	return NULL;
}

static int64_t time_or_never(const struct SimGuest *row, enum SimGuest_field index, int64_t value)
{
	return row && row->at[index] ? value : NEVER;
}

static void guests_load(struct world *world)
{
	for (uint32_t i = 0; i < world->loaded->domains.count; i++) {
		struct arena *arena = arena_new();
		struct HaveDomain *have =
			object_copy(arena, &type_HaveDomain, world->loaded->domains.item[i]);
		if (!KNOWN(have, HaveDomain, domid))
			KNOW(have, HaveDomain, domid, world->next_domid);
		if (!KNOWN(have, HaveDomain, power))
			KNOW(have, HaveDomain, power, found_power_Running);
		const struct SimGuest *row = guest_row(world->state, have->domid);
		struct guest *guest = guest_add(world, arena, have);
		if (row) {
			guest->holds = row->holds;
			guest->boots = row->boots;
			guest->unmonitored = row->unmonitored;
		}
		guest->connects = time_or_never(row, SimGuest_connects, row ? row->connects : 0);
		guest->stops = time_or_never(row, SimGuest_stops, row ? row->stops : 0);
		guest->asked = time_or_never(row, SimGuest_asked, row ? row->asked : 0);
		guest->answers = time_or_never(row, SimGuest_answers, row ? row->answers : 0);
		guest->leaves = time_or_never(row, SimGuest_leaves, row ? row->leaves : 0);
		guest->cpus = row ? arena_text(guest->arena, row->cpus) : NULL;
		if (world->next_domid <= have->domid)
			world->next_domid = have->domid + 1;
	}
	world->loaded->domains = (struct list){0};
}

static void revivals_load(struct world *world)
{
	for (uint32_t i = 0; i < world->state->restarts.count; i++) {
		const struct SimRestart *row = world->state->restarts.item[i];
		if (!row->domain || !row->domain->uuid || !row->domain->name)
			continue;
		struct arena *arena = arena_new();
		struct revival *revival = arena_make(arena, struct revival);
		*revival =
			(struct revival){arena, object_copy(arena, &type_HaveDomain, row->domain), row->time};
		world->revivals = array_grow(world->revivals, world->revival_count, &world->revival_room);
		world->revivals[world->revival_count++] = revival;
	}
}

static void volumes_load(struct world *world)
{
	if (!world_simulates_storage(world))
		return;
	for (uint32_t i = 0; i < world->loaded->volumes.count; i++) {
		struct arena *arena = arena_new();
		struct sim_volume *volume = arena_make(arena, struct sim_volume);
		*volume = (struct sim_volume){
			arena, object_copy(arena, &type_HaveVolume, world->loaded->volumes.item[i])};
		world->volumes = array_grow(world->volumes, world->volume_count, &world->volume_room);
		world->volumes[world->volume_count++] = volume;
	}
	world->loaded->volumes = (struct list){0};
}

/* The part below "sim" is taken out of what is unknown to an Observation, and read by its own table. */
static bool state_load(struct world *world, struct report *report)
{
	struct node *rest = NULL, *sim = node_member(world->unknown, "sim");
	for (uint32_t i = 0; world->unknown && i + 1 < world->unknown->count; i += 2)
		if (world->unknown->item[i + 1] != sim)
			rest = node_add(world->arena, rest, world->unknown->item[i]->text,
				world->unknown->item[i + 1]);
	world->unknown = rest;
	world->state = type_new(world->arena, &type_SimState);
	if (!sim)
		return true;
	struct decode_options options = {.mark = &mark_observed, .object = "sim"};
	size_t before = report_count(report, SEVERITY_ERROR);
	struct SimState *state = decode(world->arena, &type_SimState, sim, &options, report);
	if (report_count(report, SEVERITY_ERROR) > before)
		return false;
	world->state = state;
	world->sim_unknown = unknown_keys(world->arena, &type_SimState, sim);
	for (uint32_t i = 0; world->sim_unknown && i + 1 < world->sim_unknown->count; i += 2)
		if (!type_field(&type_SimState, world->sim_unknown->item[i]->text))
			report_warn(report, NULL, "sim", NULL, "unknown key '%s' is kept, and does nothing",
				world->sim_unknown->item[i]->text);
	return true;
}

static bool world_load(struct world *world, const char *text, struct report *report)
{
	struct observation_options options = {.wrong_value = SEVERITY_ERROR, .unknown = &world->unknown};
	size_t before = report_count(report, SEVERITY_ERROR);
	if (text) {
		struct text_file *file = arena_make(world->arena, struct text_file);
		*file = (struct text_file){
			.name = "host.json", .path = "host.json", .text = arena_text(world->arena, text)};
		file->size = strlen(text);
		world->loaded = observation_read(world->arena, file, &options, report);
	} else if (world->path && access(world->path, F_OK) == 0) {
		world->loaded = observation_load(world->arena, world->path, &options, report);
	} else {
		world->loaded = type_new(world->arena, &type_Observation);
		world->dirty = true;
	}
	if (!world->loaded || report_count(report, SEVERITY_ERROR) > before || !state_load(world, report))
		return false;
	world->facts = world->loaded->host ? world->loaded->host : type_new(world->arena, &type_HostFacts);
	facts_complete(world);
	world->clock = world->state->clock;
	world->next_domid = state_number(world, SimState_nextDomid, &world->state->nextDomid, 1);
	world->next_id = state_number(world, SimState_nextId, &world->state->nextId, 1);
	guests_load(world);
	revivals_load(world);
	volumes_load(world);
	world->next_timer = world->clock; /* looked for at the first step */
	return true;
}

/* Storing. */

static void know_time(struct SimGuest *row, enum SimGuest_field index, int64_t *value, int64_t time)
{
	if (time == NEVER)
		return;
	row->at[index] = &mark_observed;
	*value = time;
}

static void state_store(struct world *world, struct arena *scratch)
{
	struct SimState *state = world->state;
	KNOW(state, SimState, clock, world->clock);
	KNOW(state, SimState, nextDomid, world->next_domid);
	KNOW(state, SimState, nextId, world->next_id);
	state->guests = (struct list){0};
	state->restarts = (struct list){0};
	for (uint32_t i = 0; i < world->guest_count; i++) {
		const struct guest *guest = world->guests[i];
		struct SimGuest *row = arena_make(scratch, struct SimGuest);
		KNOW(row, SimGuest, domid, guest->have->domid);
		if (!KNOWN(guest->have, HaveDomain, spec) && guest->holds)
			KNOW(row, SimGuest, holds, guest->holds);
		if (guest->boots > world->clock)
			know_time(row, SimGuest_boots, &row->boots, guest->boots);
		know_time(row, SimGuest_connects, &row->connects, guest->connects);
		know_time(row, SimGuest_stops, &row->stops, guest->stops);
		know_time(row, SimGuest_leaves, &row->leaves, guest->leaves);
		know_time(row, SimGuest_asked, &row->asked, guest->asked);
		know_time(row, SimGuest_answers, &row->answers, guest->answers);
		if (guest->unmonitored)
			KNOW(row, SimGuest, unmonitored, true);
		if (guest->cpus)
			KNOW(row, SimGuest, cpus, guest->cpus);
		for (int k = 0; k < SimGuest_FIELDS; k++)
			if (k != SimGuest_domid && row->at[k]) {
				list_add(scratch, &state->guests, row);
				break;
			}
	}
	for (uint32_t i = 0; i < world->revival_count; i++) {
		struct SimRestart *row = arena_make(scratch, struct SimRestart);
		KNOW(row, SimRestart, time, world->revivals[i]->time);
		KNOW(row, SimRestart, domain, world->revivals[i]->domain);
		list_add(scratch, &state->restarts, row);
	}
	state->at[SimState_guests] = state->guests.count ? &mark_observed : NULL;
	state->at[SimState_restarts] = state->restarts.count ? &mark_observed : NULL;
}

void world_json(struct world *world, struct buffer *out)
{
	ARENA_SCOPED scratch = arena_new();
	struct Observation all = *world->loaded;
	KNOW(&all, Observation, apiVersion, "xensteer/v1");
	KNOW(&all, Observation, kind, "Observation");
	KNOW(world->facts, HostFacts, free, world_free(world));
	KNOW(&all, Observation, host, world->facts);
	all.at[Observation_domains] = &mark_observed;
	all.domains = (struct list){0};
	for (uint32_t i = 0; i < world->guest_count; i++)
		list_add(scratch, &all.domains, world->guests[i]->have);
	if (world_simulates_storage(world)) {
		all.at[Observation_volumes] = &mark_observed;
		all.volumes = (struct list){0};
		for (uint32_t i = 0; i < world->volume_count; i++)
			list_add(scratch, &all.volumes, world->volumes[i]->have);
	}
	state_store(world, scratch);

	struct json json = json_to_buffer(out, true);
	json_open_object(&json, NULL);
	members_json(&json, &type_Observation, &all, world->unknown);
	object_json_whole(&json, "sim", &type_SimState, world->state, world->sim_unknown);
	json_close(&json, '}');
	json_end(&json);
	world->state->guests = (struct list){0};
	world->state->restarts = (struct list){0};
}

static void world_store(struct world *world)
{
	if (!world->path || !world->writes)
		return;
	BUFFER_SCOPED text = {0};
	world_json(world, &text);
	if (file_write(world->path, text.text, text.size, 0644)) {
		world->dirty = false;
		return;
	}
	if (!world->broken)
		world->broken =
			arena_format(world->arena, "cannot write %s: %s", world->path, strerror(errno));
}

void world_touched(struct world *world)
{
	world->dirty = true;
}

void world_acted(struct world *world)
{
	world->changes++;
	world->dirty = true;
	bool last = false;
	if (KNOWN(world->state, SimState, killAfter) && world->path && world->writes) {
		last = --world->state->killAfter <= 0;
		if (last)
			world->state->at[SimState_killAfter] = NULL;
	}
	world_store(world);
	if (last)
		kill(getpid(), SIGKILL);
	if (world->stop_after && --world->stop_after == 0) {
		world->frozen = true;
		if (world->stop)
			*world->stop = 1;
	}
}

/* Opening and closing. */

struct world *world_open(const struct host_options *options, const char *text, struct report *report)
{
	struct arena *arena = arena_new();
	struct world *world = arena_make(arena, struct world);
	*world = (struct world){
		.host.driver = &host_sim,
		.storage.driver = &simulated_storage,
		.arena = arena,
		.writes = options->writes,
		.owner = arena_text(arena, options->owner ? options->owner : "default"),
		.memory_floor = options->spec
					? options->spec->memoryFloor
					: ((struct HostSpec *)type_new(arena, &type_HostSpec))->memoryFloor,
		.monitors = !options->spec || options->spec->supervision != supervision_xensteer,
		.runner = options->runner,
		.next_timer = NEVER,
	};
	if (options->target && *options->target) {
		world->path = arena_format(arena, "%s/host.json", options->target);
		if (world->writes && !file_folders(options->target, 0755)) {
			report_error(report, NULL, NULL, NULL, "cannot make folder %s: %s", options->target,
				strerror(errno));
			world->writes = false;
			world_close(world);
			return NULL;
		}
	}
	if (!world_load(world, text, report)) {
		world->writes = false;
		world_close(world);
		return NULL;
	}
	if (world->dirty)
		world_store(world);
	if (!world->broken)
		return world;
	report_error(report, NULL, NULL, NULL, "%s", world->broken);
	world_close(world);
	return NULL;
}

void world_close(struct world *world)
{
	if (world->dirty && !world->broken)
		world_store(world);
	for (uint32_t i = 0; i < world->op_count; i++)
		op_free(world->ops[i]);
	for (uint32_t i = 0; i < world->guest_count; i++)
		guest_free(world->guests[i]);
	for (uint32_t i = 0; i < world->revival_count; i++)
		arena_free(world->revivals[i]->arena);
	for (uint32_t i = 0; i < world->volume_count; i++)
		volume_free(world->volumes[i]);
	free(world->ops);
	free(world->guests);
	free(world->revivals);
	free(world->volumes);
	arena_free(world->arena);
}
