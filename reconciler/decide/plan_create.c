/* Creation and its reverse: check -> disks -> config -> create -> verify, and shut down -> destroy. What a
 * creation would trip over and can be seen now is said here, before anything is begun. */
#include "decide/diff_list.h"
#include "decide/planner.h"
#include "model/quantity.h"
#include <string.h>

static void know_shutdown(struct planner *planner, struct Record *record, const struct Shutdown *shutdown)
{
	struct Shutdown *copy = type_new(planner->arena, &type_Shutdown);
	if (shutdown) {
		copy->timeout = shutdown->timeout;
		copy->escalate = shutdown->escalate;
	}
	copy->at[Shutdown_timeout] = copy->at[Shutdown_escalate] = &mark_observed;
	KNOW(record, Record, shutdown, copy);
}

/* May the nic of this name, wanted or found, not be what is wanted of it? */
static bool nic_stays(const struct change *change, const char *name)
{
	for (uint32_t i = 0; i < change->difference_count; i++) {
		const struct difference *difference = &change->differences[i];
		const struct Nic *nic = difference->want_nic ? difference->want_nic : difference->have_nic;
		if (nic && text_equal(nic->name, name) && !change->difference_allowed[i])
			return true;
	}
	return false;
}

static void know_nic(struct planner *planner, struct Record *record, const char *name, const char *mac)
{
	for (uint32_t i = 0; i < record->nics.count; i++)
		if (text_equal(((const struct Nic *)record->nics.item[i])->name, name))
			return;
	struct Nic *nic = type_new(planner->arena, &type_Nic);
	KNOW(nic, Nic, name, name);
	KNOW(nic, Nic, mac, mac);
	list_add(planner->arena, &record->nics, nic);
}

/* Which name has which MAC: as it is known where the nic stays as it is, in the order of before; then as it
 * is wanted. */
static void know_nics(struct planner *planner, struct Record *record, const struct change *change,
	const struct wanted_domain *domain, const struct HaveDomain *have)
{
	const struct list *known = have && have->mark ? &have->mark->nics : &(struct list){0};
	const struct list *wanted = &domain->spec->nics;
	for (uint32_t i = 0; i < known->count; i++) {
		const struct Nic *nic = known->item[i];
		const struct Nic *match = NULL;
		for (uint32_t k = 0; k < wanted->count && !match; k++)
			if (text_equal(((const struct Nic *)wanted->item[k])->name, nic->name))
				match = wanted->item[k];
		if (nic_stays(change, nic->name))
			know_nic(planner, record, nic->name, nic->mac);
		else if (match)
			know_nic(planner, record, match->name, match->mac);
	}
	for (uint32_t i = 0; i < wanted->count; i++) {
		const struct Nic *nic = wanted->item[i];
		if (!have || !nic_stays(change, nic->name))
			know_nic(planner, record, nic->name, nic->mac);
	}
	record->at[Record_nics] = &mark_observed;
}

/* A field that only counts where it was set: is it, when this change is done? What may not be changed stays
 * as it was; one that is taken out may still have what it was set to, if it is not known what it has. */
static bool is_set_after(const struct change *change, const char *path, bool wanted, bool before, bool known)
{
	for (uint32_t i = 0; i < change->difference_count; i++)
		if (text_equal(change->differences[i].path, path))
			return change->difference_allowed[i] ? wanted : before;
	return wanted || (before && !known);
}

/* Adds such fields of a type. `found` and `before` are NULL for a guest that is made anew. */
static void know_set(struct planner *planner, struct Record *record, const struct change *change,
	const struct type *type, const char *prefix, const void *want, const void *found,
	const struct Record *before)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		if (!field->once_set)
			continue;
		const char *path = arena_format(planner->arena, "%s.%s", prefix, field->key);
		const bool known = found && *field_mark(type, i, found);
		if (field->shape == SHAPE_One) {
			know_set(planner, record, change, field->of, path,
				want ? *(void *const *)field_value(field, want) : NULL,
				known ? *(void *const *)field_value(field, found) : NULL, before);
			continue;
		}
		const bool wanted = want && *field_mark(type, i, want);
		bool was = false;
		for (uint32_t k = 0; before && k < before->set.count; k++)
			was |= strcmp(before->set.item[k], path) == 0;
		if (before ? is_set_after(change, path, wanted, was, known) : wanted)
			record->set.item[record->set.count++] = path;
	}
}

enum { ONCE_SET_FIELDS = 8 }; /* more than the tables have; a test counts them */

static void know_what_was_set(struct planner *planner, struct Record *record, const struct change *change,
	const struct wanted_domain *domain, const struct HaveDomain *have)
{
	record->set.item = arena_array(planner->arena, const char *, ONCE_SET_FIELDS);
	know_set(planner, record, change, &type_DomainSpec, "spec", domain->spec, have ? have->spec : NULL,
		have ? have->mark : NULL);
	if (record->set.count)
		record->at[Record_set] = &mark_observed;
}

struct Record *record_of(struct planner *planner, const struct change *change,
	const struct wanted_domain *domain, const struct HaveDomain *have)
{
	struct Record *record = type_new(planner->arena, &type_Record);
	const struct Metadata *metadata = domain->object->domain->metadata;
	KNOW(record, Record, owner, planner->want->owner);
	KNOW(record, Record, kind, "Domain");
	KNOW(record, Record, name, domain->name);
	KNOW(record, Record, source,
		source_of(planner, domain->object, have && have->mark ? have->mark->source : NULL));
	KNOW(record, Record, protect, metadata->protect);
	know_shutdown(planner, record, domain->spec->shutdown);
	if (have && have->mark) {
		record->xl = have->mark->xl;
		record->at[Record_xl] = have->mark->at[Record_xl];
	} else {
		record->xl = domain->spec->xl;
		record->at[Record_xl] = &mark_observed;
	}
	know_nics(planner, record, change, domain, have);
	know_what_was_set(planner, record, change, domain, have);
	return record;
}

static void about_domain(
	struct draft *draft, const struct wanted_domain *domain, const struct HaveDomain *have)
{
	draft->action.domain = domain;
	draft->action.have = have;
	draft->action.uid = domain->uid;
}

struct draft *draft_of(struct planner *planner, struct change *change, enum verb verb,
	const struct wanted_domain *domain, const struct HaveDomain *have, const char *more,
	struct draft *after)
{
	struct draft *draft =
		draft_add(planner, change, verb, domain->object->text, domain->name, more, after);
	about_domain(draft, domain, have);
	return draft;
}

struct draft *plan_stop(struct planner *planner, struct change *change, const char *name,
	const struct HaveDomain *have, const struct Shutdown *shutdown, struct draft *after)
{
	const struct Shutdown *ladder = shutdown ? shutdown : type_new(planner->arena, &type_Shutdown);
	const bool alive = KNOWN(have, HaveDomain, power) &&
			   (have->power == found_power_Running || have->power == found_power_Paused) &&
			   !(KNOWN(have, HaveDomain, halfBuilt) && have->halfBuilt);
	struct draft *last = after;
	if (alive && have->power == found_power_Paused) {
		/* a paused guest cannot obey */
		last = draft_add(planner, change, verb_domain_unpause, change->object, name, NULL, last);
		last->action.have = have;
		last->action.uid = have->uuid;
		last->action.domain = change->domain;
	}
	if (alive) {
		char time[32];
		last = draft_add(planner, change, verb_domain_shutdown, change->object, name,
			arena_format(planner->arena, "(%s, then %s)", duration_text(ladder->timeout, time),
				ladder->escalate == escalate_destroy ? "destroy" : "give up"),
			last);
		last->action.have = have;
		last->action.uid = have->uuid;
		last->action.domain = change->domain;
		last->action.number = ladder->timeout;
		last->action.escalates = ladder->escalate == escalate_destroy;
	}
	const char *when = alive && ladder->escalate == escalate_fail ? "once it is down" : NULL;
	last = draft_add(planner, change, verb_domain_destroy, change->object, name, when, last);
	last->action.have = have;
	last->action.uid = have->uuid;
	last->action.domain = change->domain;
	return last;
}

const char *disk_obstacle(struct planner *planner, const struct wanted_disk *disk)
{
	if (!disk->volume)
		return arena_format(
			planner->arena, "disk %s names a Volume that is not there", disk->disk->vdev);
	/* QEMU would not serve it, and the guest would run without it (docs/xen.md) */
	if (disk->disk->access == access_ro &&
		diff_format(planner->want, planner->have, disk->volume) == disk_format_qcow2)
		return arena_format(planner->arena,
			"disk %s: a qcow2 cannot be given read-only: give it a raw file, or access: rw",
			disk->disk->vdev);
	return NULL;
}

const char *nic_obstacle(struct planner *planner, const struct Nic *nic)
{
	const struct HostFacts *host = planner->have->found->host;
	if (!KNOWN(host, HostFacts, bridges))
		return NULL;
	for (uint32_t i = 0; i < host->bridges.count; i++)
		if (strcmp(host->bridges.item[i], nic->bridge) == 0)
			return NULL;
	return arena_format(planner->arena, "bridge %s (nic %s) is not there", nic->bridge, nic->name);
}

/* A guest that was there has this disk on the very volume that is wanted, and storage does not know the
 * volume any more: a new, empty one in its place would boot, or be formatted. */
static bool is_lost(
	const struct planner *planner, const struct HaveDomain *have, const struct wanted_disk *disk)
{
	for (uint32_t i = 0; have && have->spec && i < have->spec->disks.count; i++)
		if (diff_lost(planner->have, disk->volume, have->spec->disks.item[i]))
			return true;
	return false;
}

/* Everything that creation would trip over and that can be seen now. NULL: nothing. */
static const char *create_obstacle(struct planner *planner, struct change *change,
	const struct wanted_domain *domain, const struct HaveDomain *have)
{
	const struct HaveDomain *namesake = have_domain_named(planner->have, domain->xen_name);
	if (namesake && namesake != have && (!have || strcmp(namesake->uuid, domain->uid) != 0))
		return arena_format(planner->arena, "another domain (uuid %s) has the name %s",
			namesake->uuid, domain->xen_name);
	const struct Boot *boot = domain->spec->boot;
	const char *const paths[] = {boot ? boot->kernel : NULL, boot ? boot->ramdisk : NULL};
	for (int i = 0; i < 2; i++) {
		const struct HaveFile *file =
			paths[i] && *paths[i] ? have_file(planner->have, paths[i]) : NULL;
		if (file && KNOWN(file, HaveFile, present) && !file->present)
			return arena_format(planner->arena, "%s is not there", paths[i]);
	}
	const struct HostFacts *host = planner->have->found->host;
	char has[32], wants[32];
	if (KNOWN(host, HostFacts, memory) && domain->spec->memory > host->memory)
		return arena_format(planner->arena, "it wants %s of memory, the host has %s",
			size_text(domain->spec->memory, wants), size_text(host->memory, has));
	for (uint32_t i = 0; i < domain->spec->nics.count; i++) {
		const char *obstacle = nic_obstacle(planner, domain->spec->nics.item[i]);
		if (obstacle)
			return obstacle;
	}
	const char *failed = config_obstacle(planner, change, domain);
	if (failed)
		return failed;
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		const char *obstacle = disk_obstacle(planner, disk);
		if (obstacle)
			return obstacle;
		if (is_lost(planner, have, disk))
			return arena_format(planner->arena, "disk %s: %s: %s", disk->disk->vdev,
				disk->volume->name, diff_lost_words);
		const char *conflict = claims_conflict(planner, domain, disk);
		if (conflict)
			return conflict;
	}
	return NULL;
}

bool draft_create(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have, struct draft *after)
{
	const char *obstacle = create_obstacle(planner, change, domain, have);
	if (obstacle) {
		change_block(planner, change, CHANGE_BLOCKED, obstacle);
		return false;
	}
	/* `after` follows the check: what cannot be created anew is not destroyed first */
	struct draft *check = draft_of(planner, change, verb_domain_check, domain, NULL, NULL, NULL);
	const struct wanted_config *config = config_in_cfg(planner, domain) ? domain->config : NULL;
	check->action.config = config;
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		struct volume_plan *volume = plan_volume(planner, change, disk->volume, check);
		if (!volume->ready) {
			change_block(planner, change, CHANGE_BLOCKED, volume->blocked);
			return false;
		}
	}
	for (uint32_t i = 0; i < domain->disks.count; i++)
		draft_growth_after(planner, change,
			((const struct wanted_disk *)domain->disks.item[i])->volume, have, after);
	struct draft *drive = draft_config(planner, change, domain, check);
	struct draft *configure = draft_of(planner, change, verb_domain_configure, domain, NULL, NULL, check);
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		draft_needs(planner, configure, plan_volume(planner, change, disk->volume, check)->last);
	}
	draft_needs(planner, configure, drive);
	draft_needs(planner, configure, after);
	configure->action.config = config;
	struct draft *create = draft_of(planner, change, verb_domain_create, domain, NULL, NULL, configure);
	create->action.record = record_of(planner, change, domain, NULL);
	create->action.config = config;
	struct draft *verify = draft_of(planner, change, verb_domain_verify, domain, NULL, NULL, create);
	draft_delivery(planner, change, domain, drive, verify);
	return true;
}

void draft_again(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	const uint32_t stop = change->actions.count;
	struct draft *stopped = plan_stop(planner, change, domain->name, have, domain->spec->shutdown, NULL);
	if (!draft_create(planner, change, domain, have, stopped))
		return;
	/* nothing is stopped before the new configuration and its disks are known to be good */
	struct draft *first = change->actions.item[stop];
	for (uint32_t i = 0; i < change->actions.count; i++) {
		struct draft *draft = change->actions.item[i];
		if (draft->action.verb == verb_domain_check || draft->action.verb == verb_volume_create ||
			draft->action.verb == verb_config_create)
			draft_needs(planner, first, draft);
	}
}
