/* sweep: what was found and what is wanted go in, files of the state folder and leftovers of the host go
 * away. Called when a converge is over, so that a record that was written ahead of its domain is not taken
 * from under it. */
#include "act/sweep.h"
#include "state/record.h"
#include <errno.h>
#include <string.h>

static bool is_of_these_manifests(const struct want *want, const char *source)
{
	for (uint32_t i = 0; source && i < want->roots.count; i++) {
		const struct source_root *root = want->roots.item[i];
		if (!root->is_file && strcmp(root->path, source) == 0)
			return true;
	}
	return false;
}

/* One that is wanted to run has its record, whether it is there at the moment or not. */
static bool may_run(const struct want *want, const char *uuid)
{
	if (!want_names(want, uuid))
		return false;
	for (uint32_t i = 0; i < want->domains.count; i++) {
		const struct wanted_domain *domain = want->domains.item[i];
		if (strcmp(domain->uid, uuid) == 0)
			return domain->object->refused || domain->spec->power != power_Stopped;
	}
	return true;
}

/* The record last: as long as it is there, the rest is found. */
static bool forget(const struct observer *observer, const char *uuid)
{
	const struct host_driver *driver = observer->host->driver;
	return (!driver->forget || driver->forget(observer->host, uuid)) &&
	       record_remove(observer->state_dir, uuid);
}

void sweep_records(const struct observer *observer, const struct want *want, const struct have *have,
	struct report *report)
{
	struct list records = {0};
	REPORT_SCOPED told_before = report_new(); /* observe has said which records are broken */
	if (!observer->state_dir || !have->known || !want->complete ||
		!record_list(have->arena, observer->state_dir, &records, told_before))
		return;
	for (uint32_t i = 0; i < records.count; i++) {
		const struct record_entry *entry = records.item[i];
		const struct Record *record = entry->record;
		const bool remembered = record->protect && !want_names(want, entry->uuid);
		if (!text_equal(record->owner, observer->owner) || remembered ||
			!is_of_these_manifests(want, record->source) || have_domain(have, entry->uuid) ||
			may_run(want, entry->uuid))
			continue;
		if (!forget(observer, entry->uuid))
			report_warn(report, NULL, NULL, "it is tried again the next time",
				"what is kept of %s, which is gone, could not be removed: %s", record->name,
				strerror(errno));
	}
}

void sweep_storage(const struct observer *observer, const struct want *want, const struct have *have)
{
	const struct storage_driver *driver = observer->storage ? observer->storage->driver : NULL;
	if (driver && driver->sweep && have->known && have->storage_known)
		driver->sweep(observer->storage, want, have);
}

enum { SWEEP_LIMIT = 30000, SWEEP_PACE = 500 /* ms */ };

void sweep_host(struct host *host, const struct have *have, volatile const int *stop, struct report *report)
{
	const struct host_driver *driver = host->driver;
	const int64_t until = driver->now(host) + SWEEP_LIMIT;
	if (!driver->sweep || !have->known)
		return;
	while (!driver->sweep(host, have, report) && driver->now(host) < until && !(stop && *stop)) {
		ARENA_SCOPED arena = arena_new();
		struct finished none = {.arena = arena};
		driver->reap(host, driver->now(host) + SWEEP_PACE, &none);
	}
}
