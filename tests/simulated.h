/* A simulated host under a test, and actions made by hand: what is wanted is made here, without files or
 * plans. */
#pragma once
#include "host/sim/sim.h"
#include "model/identity.h"
#include "model/quantity.h"
#include "storage/storage.h"
#include <criterion/criterion.h>
#include <string.h>

struct simulated {
	struct arena *arena;
	struct report *report;
	struct host *host;
	struct links links;
	struct finished done; /* of the last action */
	uint32_t id;
};

static inline struct simulated simulated_open(const char *text)
{
	struct simulated sim = {.arena = arena_new(), .report = report_new()};
	sim.links.arena = sim.arena;
	sim.host = sim_open_memory(text, "default", sim.report);
	if (!sim.host)
		report_text(sim.report, stderr, false);
	cr_assert_not_null(sim.host);
	return sim;
}

static inline void simulated_close(struct simulated *sim)
{
	if (sim->host)
		sim->host->driver->close(sim->host);
	report_free(sim->report);
	arena_free(sim->arena);
}
#define SIMULATED __attribute__((cleanup(simulated_close))) struct simulated

/* sim:DIR, for writing or for looking. */
static inline struct simulated simulated_open_folder(const char *folder, bool writes)
{
	struct simulated sim = {.arena = arena_new(), .report = report_new()};
	struct host_options options = {.target = folder, .owner = "default", .writes = writes};
	sim.links.arena = sim.arena;
	sim.host = host_sim.open(&options, sim.report);
	return sim;
}

/* Runs one action to its end; true if it succeeded. */
static inline bool simulated_run(struct simulated *sim, struct action action)
{
	action.id = ++sim->id;
	sim->done = (struct finished){.arena = sim->arena};
	bool by_storage = verb_table[action.verb].performer == PERFORMER_STORAGE;
	struct storage *storage = sim->host->driver->storage(sim->host);
	if (!by_storage) {
		sim->host->driver->begin(sim->host, &action, &sim->links);
		cr_assert(sim->host->driver->reap(sim->host, INT64_MAX, &sim->done));
	} else {
		storage->driver->begin(storage, &action, &sim->links);
		while (!storage->driver->reap(storage, &sim->done))
			cr_assert_not(sim->host->driver->reap(sim->host, INT64_MAX, &sim->done));
		if (sim->done.link.path)
			links_set(&sim->links, action.uid, &sim->done.link);
	}
	cr_assert_eq(sim->done.id, action.id);
	cr_assert_eq(sim->done.outcome == OUTCOME_DONE, sim->done.message == NULL);
	return sim->done.outcome == OUTCOME_DONE;
}

/* A domain that is wanted: pv, with a kernel. Texts must outlive it. */
static inline struct wanted_domain *wanted_make(struct simulated *sim, const char *name, int64_t memory)
{
	struct arena *arena = sim->arena;
	struct wanted_domain *domain = arena_make(arena, struct wanted_domain);
	struct DomainSpec *spec = arena_make(arena, struct DomainSpec);
	KNOW(spec, DomainSpec, memory, memory);
	KNOW(spec, DomainSpec, boot, arena_make(arena, struct Boot));
	KNOW(spec->boot, Boot, kernel, "/boot/vmlinuz");
	*domain = (struct wanted_domain){.name = name, .xen_name = name, .spec = spec};
	uid_of("default", "Domain", name, domain->uid);
	return domain;
}

/* Its spec, to be changed before it is used. */
static inline struct DomainSpec *spec_of(const struct wanted_domain *domain)
{
	return (struct DomainSpec *)(uintptr_t)domain->spec;
}

/* A disk on a volume whose file is there already. */
static inline struct wanted_disk *wanted_disk_make(
	struct simulated *sim, struct wanted_domain *domain, const char *vdev, enum disk_format format)
{
	struct arena *arena = sim->arena;
	struct Disk *disk = arena_make(arena, struct Disk);
	KNOW(disk, Disk, vdev, vdev);
	struct wanted_volume *volume = arena_make(arena, struct wanted_volume);
	volume->name = arena_format(arena, "%s-%s", domain->name, vdev);
	uid_of_inline(domain->uid, vdev, volume->uid);
	struct link link = {.path = arena_format(arena, "/sim/%s", volume->name),
		.id = arena_format(arena, "sim:9:%s", vdev),
		.format = format};
	links_set(&sim->links, volume->uid, &link);
	struct wanted_disk *wanted = arena_make(arena, struct wanted_disk);
	*wanted = (struct wanted_disk){disk, volume};
	return wanted;
}

static inline void wanted_disk_add(
	struct simulated *sim, struct wanted_domain *domain, const char *vdev, enum disk_format format)
{
	list_add(sim->arena, &domain->disks, wanted_disk_make(sim, domain, vdev, format));
}

static inline struct Nic *wanted_nic_make(struct simulated *sim, const char *bridge, const char *mac)
{
	struct Nic *nic = arena_make(sim->arena, struct Nic);
	KNOW(nic, Nic, name, "eth0");
	KNOW(nic, Nic, bridge, bridge);
	KNOW(nic, Nic, mac, mac);
	return nic;
}

static inline void wanted_nic_add(
	struct simulated *sim, struct wanted_domain *domain, const char *bridge, const char *mac)
{
	list_add(sim->arena, &spec_of(domain)->nics, wanted_nic_make(sim, bridge, mac));
	spec_of(domain)->at[DomainSpec_nics] = &mark_derived;
}

static inline struct Record *record_make(struct simulated *sim, const char *name)
{
	struct Record *record = arena_make(sim->arena, struct Record);
	KNOW(record, Record, owner, "default");
	KNOW(record, Record, kind, "Domain");
	KNOW(record, Record, name, name);
	KNOW(record, Record, source, "/m");
	return record;
}

static inline struct action action_of(
	struct simulated *sim, enum verb verb, const struct wanted_domain *domain)
{
	return (struct action){.verb = verb,
		.object = arena_format(sim->arena, "Domain/%s", domain->name),
		.domain = domain,
		.uid = domain->uid};
}

static inline bool simulated_create(struct simulated *sim, const struct wanted_domain *domain)
{
	struct action action = action_of(sim, verb_domain_create, domain);
	action.record = record_make(sim, domain->name);
	return simulated_run(sim, action);
}

static inline bool simulated_do(struct simulated *sim, enum verb verb, const struct wanted_domain *domain)
{
	return simulated_run(sim, action_of(sim, verb, domain));
}

static inline bool simulated_number(
	struct simulated *sim, enum verb verb, const struct wanted_domain *domain, int64_t number)
{
	struct action action = action_of(sim, verb, domain);
	action.number = number;
	return simulated_run(sim, action);
}

/* The domain as it is found now; NULL if there is none. Lives as long as the test. */
static inline struct HaveDomain *simulated_find(struct simulated *sim, const char *uuid)
{
	HAVE_SCOPED have = have_new();
	sim->host->driver->observe(sim->host, NULL, have);
	have_sort(have);
	cr_assert(have->known);
	struct HaveDomain *domain = have_domain(have, uuid);
	return domain ? object_copy(sim->arena, &type_HaveDomain, domain) : NULL;
}

static inline uint32_t simulated_count(struct simulated *sim)
{
	HAVE_SCOPED have = have_new();
	sim->host->driver->observe(sim->host, NULL, have);
	have_sort(have);
	cr_assert(have->known);
	return have->found->domains.count;
}

static inline int64_t simulated_free_memory(struct simulated *sim)
{
	HAVE_SCOPED have = have_new();
	sim->host->driver->observe(sim->host, NULL, have);
	have_sort(have);
	return have->found->host->free;
}

static inline const char *simulated_text(struct simulated *sim)
{
	BUFFER_SCOPED text = {0};
	sim_json(sim->host, &text);
	return arena_text(sim->arena, buffer_string(&text));
}
