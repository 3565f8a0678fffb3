/* observe: what the host driver, storage and the state folder say, laid over each other. A domain is ours if
 * its UUID has our record or carries our mark (docs/hacking.md, rule 3); the record, which is on the disk
 * before the mark is in xenstore, is the one that is believed. Names of nics and spec.xl come from it: Xen
 * gives neither back. */
#include "have/observe.h"
#include "state/record.h"
#include <string.h>

static int by_uuid(const void *a, const void *b)
{
	return strcmp((*(struct record_entry *const *)a)->uuid, (*(struct record_entry *const *)b)->uuid);
}

static const char *record_uuid(const void *entry)
{
	return ((const struct record_entry *)entry)->uuid;
}

static const struct Record *record_for(const struct list *records, const char *uuid)
{
	const struct record_entry *found = list_find(records, uuid, record_uuid);
	return found ? found->record : NULL;
}

static void name_nics(struct DomainSpec *spec, const struct Record *record)
{
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		struct Nic *nic = spec->nics.item[i];
		for (uint32_t k = 0; k < record->nics.count; k++) {
			const struct Nic *known = record->nics.item[k];
			if (known->name && nic->mac && text_equal(known->mac, nic->mac))
				KNOW(nic, Nic, name, known->name);
		}
	}
}

/* A record is on the disk before the action that writes the mark: where that failed, they differ. A mark may
 * lack what is long (host/xen). */
static bool mark_is_stale(const struct Record *record, const struct Record *mark)
{
	if (!mark)
		return true;
	struct Record comparable = *record;
	if (!KNOWN(mark, Record, nics))
		comparable.at[Record_nics] = NULL;
	if (!KNOWN(mark, Record, xl))
		comparable.at[Record_xl] = NULL;
	return !object_same(&type_Record, &comparable, mark);
}

static void lay_over(struct HaveDomain *domain, const struct Record *record, const char *owner)
{
	const struct Record *mark = record ? record : domain->mark;
	const bool owned = mark && text_equal(mark->owner, owner) && text_equal(mark->kind, "Domain");
	KNOW(domain, HaveDomain, owned, owned);
	if (!owned)
		return;
	if (record && mark_is_stale(record, domain->mark))
		KNOW(domain, HaveDomain, markStale, true);
	KNOW(domain, HaveDomain, mark, (struct Record *)(uintptr_t)mark);
	if (!domain->spec)
		return;
	name_nics(domain->spec, mark);
	if (mark->at[Record_xl]) {
		domain->spec->xl = mark->xl;
		domain->spec->at[DomainSpec_xl] = &mark_observed;
	}
}

static void lay_records(const struct observer *observer, struct have *have, struct report *report)
{
	struct list records = {0};
	const bool known = record_list(have->arena, observer->state_dir, &records, report);
	list_sort(&records, by_uuid);
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		struct HaveDomain *domain = have->found->domains.item[i];
		if (known)
			lay_over(domain, record_for(&records, domain->uuid), observer->owner);
		else
			domain->at[HaveDomain_owned] = NULL;
	}
	struct HostFacts *host = have->found->host;
	KNOW(host, HostFacts, deletions,
		deletion_count(observer->state_dir, observer->now, have->arena, &host->removing));
	host->at[HostFacts_removing] = &mark_observed;
}

struct have *observe(const struct observer *observer, const struct want *want, struct report *report)
{
	struct have *have = have_new();
	have->known = have->storage_known = have->paths_known = true;
	observer->host->driver->observe(observer->host, want, have);
	if (have->known && observer->storage)
		observer->storage->driver->observe(observer->storage, want, have);
	if (have->known && observer->state_dir)
		lay_records(observer, have, report);
	KNOW(have->found->host, HostFacts, owner, arena_text(have->arena, observer->owner));
	have_sort(have);
	return have;
}
