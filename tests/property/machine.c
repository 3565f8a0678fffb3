/* The machine: everything that is kept between two processes is in host.json (in memory here) and in the
 * state folder (on a RAM disk); the rest is forgotten on purpose. */
#include "tests/property/machine.h"
#include "base/file.h"
#include "state/record.h"
#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char owner_of_machine[] = "default";

struct saved {
	const char *name, *text;
	size_t size;
};

static void must(bool done, const char *what)
{
	if (done)
		return;
	fprintf(stderr, "property: %s: %s\n", what, strerror(errno));
	abort();
}

static void write_file(const char *path, const char *text, size_t size)
{
	FILE *file = fopen(path, "w");
	must(file, path);
	must(fwrite(text, 1, size, file) == size, path);
	must(fclose(file) == 0, path);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	(void)status, (void)type, (void)where;
	return remove(path);
}

static void remove_all(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char first_host[] = "{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\","
				 " \"host\": {\"name\": \"sim\", \"bridges\": [\"xenbr0\", \"xenbr1\"]},"
				 " \"sim\": {\"storage\": \"simulated\"}}";

static const char settings_text[] =
	"{apiVersion: xensteer/v1, kind: Host, spec: {parallelism: 3, deletions: {free: 1, percent: 20}, "
	"policy: {blockDevices: [/dev/vg0, /dev/vg1]}}}\n";

static void open_host(struct machine *machine, const char *text)
{
	if (machine->host)
		machine->host->driver->close(machine->host);
	machine->host = sim_open_memory(text, machine->owner, machine->report);
	if (machine->host)
		return;
	report_text(machine->report, stderr, false);
	abort();
}

bool machine_open(struct machine *machine)
{
	*machine = (struct machine){.arena = arena_new(), .report = report_new(), .owner = owner_of_machine};
	strcpy(machine->folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/xensteer-property-XXXXXX"
							      : "/tmp/xensteer-property-XXXXXX");
	must(mkdtemp(machine->folder), "a temporary folder");
	machine->manifests = arena_format(machine->arena, "%s/manifests", machine->folder);
	machine->state_dir = arena_format(machine->arena, "%s/state/default", machine->folder);
	const char *settings = arena_format(machine->arena, "%s/host.yaml", machine->folder);
	write_file(settings, settings_text, sizeof(settings_text) - 1);
	must(chmod(settings, 0600) == 0, settings);
	machine->settings = host_settings(machine->arena, settings, machine->report);
	if (!machine->settings)
		report_text(machine->report, stderr, false);
	else
		open_host(machine, first_host);
	return machine->settings;
}

void machine_close(struct machine *machine, bool keep)
{
	if (machine->host)
		machine->host->driver->close(machine->host);
	if (!keep)
		remove_all(machine->folder);
	report_free(machine->report);
	arena_free(machine->arena);
}

static void records_take(struct moment *moment, const char *folder, const char *below)
{
	ARENA_SCOPED scratch = arena_new();
	DIR *entries = opendir(arena_format(scratch, "%s%s", folder, below));
	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		if (entry->d_type != DT_REG)
			continue;
		struct saved *saved = arena_make(moment->arena, struct saved);
		saved->name = arena_format(moment->arena, "%s/%s", below, entry->d_name);
		saved->text = file_read(moment->arena, arena_format(scratch, "%s%s", folder, saved->name),
			1 << 20, &saved->size);
		must(saved->text, saved->name);
		list_add(moment->arena, &moment->records, saved);
	}
	if (entries)
		closedir(entries);
}

void moment_take(struct machine *machine, struct moment *moment)
{
	BUFFER_SCOPED text = {0};
	*moment = (struct moment){.arena = arena_new()};
	sim_json(machine->host, &text);
	moment->host = arena_text(moment->arena, text.text);
	records_take(moment, machine->state_dir, "");
	records_take(moment, machine->state_dir, "/domains");
}

void moment_free(struct moment *moment)
{
	arena_free(moment->arena);
	moment->arena = NULL;
}

static void records_write(const struct moment *moment, const char *folder)
{
	ARENA_SCOPED scratch = arena_new();
	must(file_folders(arena_format(scratch, "%s/domains", folder), 0700), folder);
	for (uint32_t i = 0; i < moment->records.count; i++) {
		const struct saved *saved = moment->records.item[i];
		write_file(arena_format(scratch, "%s%s", folder, saved->name), saved->text, saved->size);
	}
}

void machine_become(struct machine *machine, const struct moment *moment)
{
	remove_all(machine->state_dir);
	records_write(moment, machine->state_dir);
	open_host(machine, moment->host);
}

void machine_reopen(struct machine *machine)
{
	BUFFER_SCOPED text = {0};
	sim_json(machine->host, &text);
	open_host(machine, text.text);
}

void machine_owner(struct machine *machine, const char *owner)
{
	machine->owner = owner;
	machine_reopen(machine);
}

void machine_manifests(struct machine *machine, const char *text, size_t size)
{
	ARENA_SCOPED scratch = arena_new();
	remove_all(machine->manifests);
	if (!text)
		return;
	must(file_folders(machine->manifests, 0755), machine->manifests);
	write_file(arena_format(scratch, "%s/all.yaml", machine->manifests), text, size);
}

struct want *machine_want(struct machine *machine, const char *owner, size_t *errors)
{
	REPORT_SCOPED report = report_new();
	const struct load_options options = {.paths = &machine->manifests,
		.path_count = 1,
		.host = machine->settings,
		.owner = owner,
		.host_name = "sim"};
	struct want *want = want_load(&options, report);
	*errors = report_count(report, SEVERITY_ERROR);
	if (*errors && getenv("PROPERTY_SHOW"))
		report_text(report, stderr, false);
	return want;
}

/* What is left after a pass, as far as the next one has to know it. */
struct left {
	struct machine *machine;
	const char *owner;
	bool needs_consent;
	char digest[72];
};

static void planned(void *context, const struct plan *plan, const struct have *have, int pass, bool final)
{
	struct left *left = context;
	(void)have, (void)pass;
	if (!final)
		return;
	left->needs_consent = plan->needs_consent;
	memcpy(left->digest, plan->digest, sizeof(left->digest));
}

/* Why this action must never begin, or NULL. */
static const char *judge(const struct action *action, const char *owner)
{
	const struct HaveDomain *domain = action->have;
	const struct Label *label = action->have_volume ? action->have_volume->label : NULL;
	if (domain && !(KNOWN(domain, HaveDomain, owned) && domain->owned))
		return "the domain is not ours";
	if (domain && domain->mark && !text_equal(domain->mark->owner, owner))
		return "the domain has another owner";
	if (label && !text_equal(label->owner, owner))
		return "the volume has another owner";
	if (domain && action->verb == verb_domain_unpause && domain->halfBuilt)
		return "the domain is half built";
	if (domain && action->verb == verb_domain_destroy && !action->domain && domain->mark->protect)
		return "the domain is protected";
	if (action->verb == verb_volume_remove && (label->reclaim != reclaim_Delete || label->protect))
		return "the volume is to be kept";
	return NULL;
}

static void told(void *context, const struct progress *progress)
{
	const struct left *left = context;
	struct machine *machine = left->machine;
	const char *why = progress->kind == PROGRESS_BEGIN ? judge(progress->action, left->owner) : NULL;
	if (why && !*machine->forbidden)
		snprintf(machine->forbidden, sizeof(machine->forbidden), "%s (%s): %s",
			progress->action->text, progress->action->object, why);
}

static struct observer observer_of(struct machine *machine, const struct applying *applying)
{
	return (struct observer){.host = machine->host,
		.storage = machine->host->driver->storage(machine->host),
		.owner = applying->owner,
		.state_dir = applying->records ? machine->state_dir : NULL,
		.now = 0};
}

struct convergence machine_apply(
	struct machine *machine, const struct want *want, const struct applying *applying)
{
	enum { ROUNDS = 12 };
	struct left left = {.machine = machine, .owner = applying->owner};
	struct convergence all = {0};
	char consent[72] = "";
	for (int round = 0; round < ROUNDS; round++) {
		REPORT_SCOPED report = report_new();
		const struct observer observer = observer_of(machine, applying);
		const struct executor executor = {.host = machine->host,
			.storage = observer.storage,
			.state_dir = observer.state_dir,
			.parallelism = (uint32_t)machine->settings->parallelism,
			.stop = applying->stop,
			.told = told,
			.context = &left};
		const struct converge_options options = {.plan = {.allow = applying->allow,
								 .prune = true,
								 .consent = *consent ? consent : NULL},
			.seed = applying->seed + (uint64_t)round,
			.tries = 5,
			.planned = planned};
		struct convergence one = converge(&executor, &observer, want, &options, report);
		if (getenv("PROPERTY_SHOW"))
			report_text(report, stderr, false);
		all.end = one.end;
		all.passes += one.passes;
		all.done += one.done;
		all.failed += one.failed;
		all.stopped = one.stopped;
		if (one.stopped || !applying->consents || !left.needs_consent)
			break;
		memcpy(consent, left.digest, sizeof(consent));
	}
	return all;
}

struct plan *machine_plan(
	struct machine *machine, const struct want *want, const struct applying *applying, struct have **have)
{
	REPORT_SCOPED report = report_new();
	struct observer observer = observer_of(machine, applying);
	const struct plan_options options = {.allow = applying->allow, .prune = true};
	*have = observe(&observer, want, report);
	struct plan *plan = plan_make(want, *have, &options, report);
	uint32_t shown = 0;
	for (uint32_t i = 0; i < plan->changes.count; i++)
		shown += ((const struct change *)plan->changes.item[i])->actions.count;
	/* what no change shows is never done */
	if (shown != plan->actions.count) {
		fprintf(stderr, "a plan holds %u actions, its changes %u\n", plan->actions.count, shown);
		abort();
	}
	return plan;
}

/* Descriptions. */

static const char *text_at(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
	return text ? text : "";
}

static bool is_ours(const cJSON *object, const char *speaks)
{
	return strcmp(text_at(cJSON_GetObjectItemCaseSensitive(object, speaks), "owner"), owner_of_machine) ==
	       0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Elements of a list as lines, sorted. */
static void sort_elements(cJSON *list)
{
	int count = cJSON_GetArraySize(list);
	if (count < 1)
		return;
	char **lines = calloc((size_t)count, sizeof(char *));
	for (int i = 0; i < count; i++)
		lines[i] = cJSON_PrintUnformatted(cJSON_GetArrayItem(list, i));
	qsort(lines, (size_t)count, sizeof(char *), by_text);
	for (int i = 0; i < count; i++) {
		cJSON_ReplaceItemInArray(list, i, cJSON_Parse(lines[i]));
		cJSON_free(lines[i]);
	}
	free(lines);
}

static void forget(cJSON *object, const char *const *keys)
{
	for (; *keys; keys++)
		cJSON_DeleteItemFromObjectCaseSensitive(object, *keys);
}

/* Which device is free when one is bound is a matter of order. */
static void device_canonical(cJSON *object, const char *key)
{
	const char *path = text_at(object, key);
	if (strncmp(path, "/dev/nbd", 8) == 0 || strncmp(path, "/dev/loop", 9) == 0)
		cJSON_ReplaceItemInObjectCaseSensitive(object, key, cJSON_CreateString("/dev/some"));
}

/* Numbers that count up; whether a device is connected is a matter of moments; a QEMU is there or not, by the
 * disks that the guest had when it was created. */
static void domain_canonical(cJSON *domain)
{
	static const char *const of_domain[] = {"domid", "deviceModel", NULL};
	static const char *const of_device[] = {"id", "device", "connected", NULL};
	cJSON *spec = cJSON_GetObjectItemCaseSensitive(domain, "spec");
	forget(domain, of_domain);
	for (int i = 0; i < 2; i++) {
		cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, i ? "nics" : "disks"), *device;
		cJSON_ArrayForEach(device, list)
		{
			forget(device, of_device);
			device_canonical(device, "target");
		}
		sort_elements(list);
	}
}

static void volume_canonical(cJSON *volume)
{
	/* whether it is open depends on who may have it, and is looked at by itself (nothing_is_left_open) */
	static const char *const of_layer[] = {"id", "open", NULL};
	cJSON *layer;
	cJSON_ArrayForEach(layer, cJSON_GetObjectItemCaseSensitive(volume, "chain"))
	{
		forget(layer, of_layer);
		device_canonical(layer, "path");
	}
}

void machine_describe(struct machine *machine, bool foreign, struct buffer *out)
{
	static const char *const lists[] = {"domains", "volumes"};
	BUFFER_SCOPED text = {0};
	sim_json(machine->host, &text);
	cJSON *host = cJSON_Parse(text.text);
	for (int i = 0; i < 2; i++) {
		cJSON *list = cJSON_GetObjectItemCaseSensitive(host, lists[i]), *item;
		for (int k = cJSON_GetArraySize(list) - 1; foreign && k >= 0; k--)
			if (is_ours(cJSON_GetArrayItem(list, k), i ? "label" : "mark"))
				cJSON_DeleteItemFromArray(list, k);
		cJSON_ArrayForEach(item, list)
		{
			if (foreign)
				continue;
			if (i)
				volume_canonical(item);
			else
				domain_canonical(item);
		}
		sort_elements(list);
		cJSON_ArrayForEach(item, list)
		{
			char *line = cJSON_PrintUnformatted(item);
			buffer_format(out, "%s\n", line);
			cJSON_free(line);
		}
	}
	cJSON_Delete(host);
	if (foreign)
		return;
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct list records = {0};
	must(record_list(arena, machine->state_dir, &records, report), machine->state_dir);
	const char **lines = arena_array(arena, const char *, records.count + 1);
	for (uint32_t i = 0; i < records.count; i++) {
		const struct record_entry *entry = records.item[i];
		lines[i] =
			arena_format(arena, "record %s %s", entry->uuid, record_text(arena, entry->record));
	}
	qsort(lines, records.count, sizeof(*lines), by_text);
	for (uint32_t i = 0; i < records.count; i++)
		buffer_format(out, "%s\n", lines[i]);
}

int machine_faults(struct machine *machine, const char *json)
{
	BUFFER_SCOPED text = {0};
	sim_json(machine->host, &text);
	cJSON *host = cJSON_Parse(text.text);
	cJSON *sim = cJSON_GetObjectItemCaseSensitive(host, "sim");
	int left = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(sim, "faults"));
	cJSON_DeleteItemFromObjectCaseSensitive(sim, "faults");
	cJSON_DeleteItemFromObjectCaseSensitive(sim, "unobservable");
	if (json)
		cJSON_AddItemToObject(sim, "faults", cJSON_Parse(json));
	char *changed = cJSON_Print(host);
	open_host(machine, changed);
	cJSON_free(changed);
	cJSON_Delete(host);
	return left;
}

void machine_pause(struct machine *machine, uint32_t guests)
{
	BUFFER_SCOPED text = {0};
	sim_json(machine->host, &text);
	cJSON *host = cJSON_Parse(text.text), *domain;
	cJSON_ArrayForEach(domain, cJSON_GetObjectItemCaseSensitive(host, "domains"))
	{
		const char *power = text_at(domain, "power");
		const bool runs = strcmp(power, "Running") == 0, paused = strcmp(power, "Paused") == 0;
		const bool whole = !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(domain, "halfBuilt"));
		if (guests & 1 && whole && (runs || paused) && is_ours(domain, "mark"))
			cJSON_ReplaceItemInObjectCaseSensitive(
				domain, "power", cJSON_CreateString(runs ? "Paused" : "Running"));
		guests >>= 1;
	}
	char *changed = cJSON_Print(host);
	open_host(machine, changed);
	cJSON_free(changed);
	cJSON_Delete(host);
}

/* Replay. */

static char *replaced(struct arena *arena, const char *text, const char *from, const char *to)
{
	BUFFER_SCOPED out = {0};
	for (const char *at; (at = strstr(text, from)); text = at + strlen(from)) {
		buffer_bytes(&out, text, (size_t)(at - text));
		buffer_text(&out, to);
	}
	buffer_text(&out, text);
	return arena_text(arena, buffer_string(&out));
}

void machine_write(
	struct machine *machine, const struct moment *moment, const char *manifests, const char *folder)
{
	ARENA_SCOPED arena = arena_new();
	const char *absolute = file_absolute(arena, folder);
	const char *state = arena_format(arena, "%s/state/default", absolute);
	remove_all(absolute);
	must(file_folders(arena_format(arena, "%s/manifests", absolute), 0755), absolute);
	must(file_folders(arena_format(arena, "%s/domains", state), 0755), state);
	const char *host = replaced(arena, moment->host, machine->folder, absolute);
	if (!strstr(host, "\"storage\""))
		host = replaced(arena, host, "\"sim\": {", "\"sim\": {\"storage\": \"simulated\", ");
	write_file(arena_format(arena, "%s/host.json", absolute), host, strlen(host));
	write_file(arena_format(arena, "%s/manifests/all.yaml", absolute), manifests, strlen(manifests));
	const char *settings = arena_format(arena, "%s/host.yaml", absolute);
	write_file(settings, settings_text, sizeof(settings_text) - 1);
	must(chmod(settings, 0600) == 0, settings);
	for (uint32_t i = 0; i < moment->records.count; i++) {
		const struct saved *saved = moment->records.item[i];
		const char *text = replaced(arena, saved->text, machine->folder, absolute);
		write_file(arena_format(arena, "%s%s", state, saved->name), text, strlen(text));
	}
}
