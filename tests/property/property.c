/* What must hold whatever is wanted and whatever is there. Each case is a seed: from it follow a host as it
 * stands (empty, converged to other manifests, with domains of others, left half-done by a killed process,
 * with guests that crashed) and manifests that are wanted of it. Then, each from that same moment:
 *
 *   converges     apply ends; the next plan is empty, or says of all that is left why it is; what is there is
 *                 what the manifests say, looked up without diff; nobody else's is touched
 *   resumes       killed after any change of the world, the next apply comes to the same end
 *   withstands    so does it after actions that failed before, in the middle of and after their work, and
 * hung is gentle     nothing that may not be restarted is is careful    a source that is damaged, empty or
 * gone takes nothing away
 *
 * And no action ever begins on what is not ours, protected, to be kept or half built.
 * A case that fails is made smaller by leaving out objects, and written so that it can be played again. */
#include "model/quantity.h"
#include "state/record.h"
#include "tests/property/generate.h"
#include "tests/property/machine.h"
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CUTS_MOST = 48, CASE_SECONDS = 60, DEFAULT_COUNT = 250 };
static const uint64_t default_seed = 20240417;

struct instance {
	uint64_t seed;
	uint32_t dropped_before, dropped; /* of what was there, of what is wanted */
};

/* One case, set up. */
struct scene {
	struct machine *machine;
	struct arena *arena;
	uint64_t seed;
	const char *text; /* of the manifests */
	struct want *want;
	struct moment start;
	const char *foreign;   /* at the start, and ever after */
	const char *reference; /* where an undisturbed apply ends */
	uint64_t draws;
	bool blocked; /* something that is wanted cannot be had */
};

/* Of all cases. */
struct totals {
	unsigned passed, failed, discarded, blocked;
	uint64_t applies, actions, cuts;
};

/* A signal handler reaches nothing but what has static storage. */
static volatile uint64_t case_now;

static void case_dies(int number)
{
	char text[96];
	int size = snprintf(text, sizeof(text), "property: %s in case %" PRIu64 "\n",
		number == SIGALRM ? "no end" : "a crash", case_now);
	ssize_t written = write(STDERR_FILENO, text, (size_t)size);
	(void)written;
	signal(number, SIG_DFL);
	raise(number);
}

static unsigned pick(struct scene *scene, unsigned count)
{
	return (unsigned)(random_of(scene->seed + ++scene->draws * 7919) % count);
}

static const char *fail(struct scene *scene, const char *format, ...) __attribute__((format(printf, 2, 3)));
static const char *fail(struct scene *scene, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return arena_text(scene->arena, text);
}

static const char *described(struct scene *scene, bool foreign)
{
	BUFFER_SCOPED text = {0};
	machine_describe(scene->machine, foreign, &text);
	return arena_text(scene->arena, buffer_string(&text));
}

static struct applying everything(const struct scene *scene)
{
	return (struct applying){.allow = level_recreate,
		.consents = true,
		.seed = scene->seed,
		.owner = "default",
		.records = true};
}

/* Setting up. */

static void generate(const struct recipe *recipe, struct arena *arena, const char **text)
{
	BUFFER_SCOPED out = {0};
	generate_manifests(recipe, &out);
	*text = arena_text(arena, buffer_string(&out));
}

/* Others on the same host: another owner's guests, and such as were made by hand. */
static void settle_others(struct scene *scene, const struct recipe *before)
{
	struct machine *machine = scene->machine;
	struct applying applying = {.owner = "other", .seed = scene->seed};
	struct recipe others = *before;
	const char *text;
	size_t errors;
	others.prefix = 'o';
	others.seed = random_of(scene->seed + 1);
	if (pick(scene, 2) == 0) {
		generate(&others, scene->arena, &text);
		machine_manifests(machine, text, strlen(text));
		machine_owner(machine, applying.owner);
		WANT_SCOPED want = machine_want(machine, applying.owner, &errors);
		machine_apply(machine, want, &applying);
		machine_owner(machine, "default");
	}
	for (unsigned i = pick(scene, 3); i-- > 0;) {
		char name[16], uuid[UID_SIZE];
		snprintf(name, sizeof(name), "hand-%u", i);
		uid_of("default", "Domain", "d1", uuid);
		sim_add(machine->host, name, pick(scene, 5) ? NULL : uuid, (int64_t)(1 + i) * 64 * MiB);
	}
	sim_advance(machine->host, 60000);
}

static void poke_guests(struct scene *scene)
{
	for (unsigned i = 0; i < GENERATED_DOMAINS; i++) {
		char name[32];
		snprintf(name, sizeof(name), "d%u", i);
		if (pick(scene, 2))
			sim_poke(scene->machine->host, name, (enum sim_event)pick(scene, sim_event_CHOICES));
	}
	/* a guest that xl's monitor is about to create again is back by then */
	sim_advance(scene->machine->host, 2500 + pick(scene, 4) * 1000);
}

/* What was wanted before, and how far that got. */
static void settle_before(struct scene *scene, const struct recipe *before)
{
	struct machine *machine = scene->machine;
	struct applying applying = everything(scene);
	int stop = 0;
	const char *text;
	size_t errors;
	generate(before, scene->arena, &text);
	machine_manifests(machine, text, strlen(text));
	WANT_SCOPED want = machine_want(machine, applying.owner, &errors);
	bool interrupted = pick(scene, 3) == 0;
	if (interrupted)
		sim_stop_after(machine->host, 1 + pick(scene, 30), &stop);
	applying.stop = &stop;
	machine_apply(machine, want, &applying);
	machine_reopen(machine);
	if (!interrupted && pick(scene, 2))
		poke_guests(scene);
}

static void scene_drop(struct scene *scene)
{
	want_free(scene->want);
	moment_free(&scene->start);
	arena_free(scene->arena);
}
#define SCENE_SCOPED __attribute__((cleanup(scene_drop))) struct scene

static const struct moment *empty_moment(struct machine *machine, struct moment *moment)
{
	*moment = (struct moment){.arena = arena_new()};
	moment->host =
		"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"host\": {\"name\": \"sim\","
		" \"bridges\": [\"xenbr0\", \"xenbr1\"]}, \"sim\": {\"clock\": 0}}";
	(void)machine;
	return moment;
}

/* False: the loader does not take these manifests. */
static bool scene_make(struct scene *scene, struct machine *machine, const struct instance *instance)
{
	static const unsigned rates[] = {4, 12, 30, 100};
	*scene = (struct scene){.machine = machine, .arena = arena_new(), .seed = instance->seed};
	struct recipe before = {
		.seed = random_of(instance->seed), .prefix = 'd', .dropped = instance->dropped_before};
	struct recipe after = before;
	after.dropped = instance->dropped;
	after.variation = random_of(instance->seed + 17);
	after.rate = rates[pick(scene, 4)];
	/* else nearly every domain has something that takes a restart, and nothing is ever done live */
	if (pick(scene, 2))
		after.among = 1 + pick(scene, GENERATED_CLASSES);
	struct moment nothing;
	size_t errors;
	generate(&after, scene->arena, &scene->text);
	machine_manifests(machine, scene->text, strlen(scene->text));
	scene->want = machine_want(machine, "default", &errors);
	if (errors)
		return false;
	machine_become(machine, empty_moment(machine, &nothing));
	moment_free(&nothing);
	*machine->forbidden = '\0';
	if (pick(scene, 2))
		settle_others(scene, &before);
	scene->foreign = described(scene, true);
	if (pick(scene, 5))
		settle_before(scene, &before);
	machine_manifests(machine, scene->text, strlen(scene->text));
	moment_take(machine, &scene->start);
	return true;
}

/* What is looked at. */

/* The lines of one text that another does not have. */
static const char *only_in(struct scene *scene, const char *text, const char *other)
{
	BUFFER_SCOPED out = {0};
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		const char *line = arena_copy(scene->arena, text, (size_t)(end - text) + 1);
		if (!strstr(other, line))
			buffer_text(&out, line);
	}
	return arena_text(scene->arena, buffer_string(&out));
}

static const char *foreign_is_untouched(struct scene *scene)
{
	if (*scene->machine->forbidden)
		return fail(scene, "forbidden: %s", scene->machine->forbidden);
	const char *now = described(scene, true);
	if (strcmp(now, scene->foreign) == 0)
		return NULL;
	return fail(scene, "what is not ours was touched:\n%sinstead of\n%s",
		only_in(scene, now, scene->foreign), only_in(scene, scene->foreign, now));
}

static bool is_left(const struct plan *plan, const char *object)
{
	for (uint32_t i = 0; i < plan->changes.count; i++)
		if (strcmp(((struct change *)plan->changes.item[i])->object, object) == 0)
			return true;
	return false;
}

static const char *unknown_field(const struct change *change)
{
	for (uint32_t i = 0; i < change->difference_count; i++)
		if (change->differences[i].unknown)
			return change->differences[i].path;
	return "as a whole";
}

static const char *next_plan(struct scene *scene, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->actions.count)
			return fail(scene, "the next plan would still do something: %s (%s)",
				((struct action *)change->actions.item[0])->text, change->object);
		if (!change->reason || change->allowed || change->cause == CAUSE_NONE)
			return fail(scene, "%s is left without a reason", change->object);
		if (change->kind == CHANGE_UNKNOWN && !change->have_volume)
			return fail(scene, "%s is not known (%s): %s", change->object, unknown_field(change),
				change->reason);
	}
	return NULL;
}

static const struct Disk *disk_named(const struct DomainSpec *spec, const char *vdev)
{
	for (uint32_t i = 0; i < spec->disks.count; i++)
		if (strcmp(((struct Disk *)spec->disks.item[i])->vdev, vdev) == 0)
			return spec->disks.item[i];
	return NULL;
}

static unsigned nics_with(const struct DomainSpec *spec, const struct Nic *want)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *nic = spec->nics.item[i];
		count += text_equal(nic->mac, want->mac) && text_equal(nic->bridge, want->bridge);
	}
	return count;
}

static const char *devices_are_as_wanted(struct scene *scene, const struct have *have,
	const struct wanted_domain *want, const struct DomainSpec *spec)
{
	if (spec->disks.count != want->disks.count || spec->nics.count != want->spec->nics.count)
		return fail(scene, "%s has %u disks and %u nics, wanted are %u and %u", want->name,
			spec->disks.count, spec->nics.count, want->disks.count, want->spec->nics.count);
	for (uint32_t i = 0; i < want->disks.count; i++) {
		const struct wanted_disk *wanted = want->disks.item[i];
		const struct Disk *disk = disk_named(spec, wanted->disk->vdev);
		const struct HaveVolume *volume = have_volume(have, wanted->volume->uid);
		const struct LayerFound *top =
			volume && volume->chain.count ? volume->chain.item[volume->chain.count - 1] : NULL;
		if (!disk || !top || volume->state != volume_state_complete)
			return fail(scene, "%s: disk %s or its volume is not there", want->name,
				wanted->disk->vdev);
		if (!text_equal(disk->target, top->path) || disk->access != wanted->disk->access)
			return fail(scene, "%s: disk %s is another or has another access", want->name,
				wanted->disk->vdev);
	}
	for (uint32_t i = 0; i < want->spec->nics.count; i++)
		if (nics_with(spec, want->spec->nics.item[i]) != 1)
			return fail(scene, "%s: nic %s is there %u times", want->name,
				((struct Nic *)want->spec->nics.item[i])->name,
				nics_with(spec, want->spec->nics.item[i]));
	return NULL;
}

static const char *domain_is_as_wanted(
	struct scene *scene, const struct have *have, const struct wanted_domain *want)
{
	const struct HaveDomain *found = NULL;
	unsigned count = 0;
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *domain = have->found->domains.item[i];
		if (strcmp(domain->uuid, want->uid) == 0)
			count++, found = domain;
	}
	unsigned wanted = want->spec->power == power_Running;
	if (count != wanted)
		return fail(scene, "%s is there %u times, wanted %u times", want->name, count, wanted);
	if (!wanted)
		return NULL;
	const struct DomainSpec *spec = found->spec;
	if (!found->owned || !spec || found->power != found_power_Running)
		return fail(scene, "%s does not run, or is not whole", want->name);
	if (strcmp(found->name, want->xen_name) != 0 || (int)spec->type != want->spec->type)
		return fail(scene, "%s has another name or type", want->name);
	if (spec->memory != want->spec->memory || spec->vcpus != want->spec->vcpus)
		return fail(scene, "%s has other memory or vcpus than wanted", want->name);
	if (want->spec->at[DomainSpec_maxMemory] && spec->maxMemory != want->spec->maxMemory)
		return fail(scene, "%s has another maxMemory than wanted", want->name);
	if (found->mark->protect != want->object->domain->metadata->protect)
		return fail(scene, "%s: its protection is not recorded", want->name);
	return devices_are_as_wanted(scene, have, want, spec);
}

/* Its object has another uid now: what it had before is kept. */
static bool is_former(const struct want *want, const char *name)
{
	for (uint32_t i = 0; i < want->volumes.count; i++)
		if (text_equal(((struct wanted_volume *)want->volumes.item[i])->name, name))
			return true;
	return false;
}

static bool is_used(const struct have *have, const struct HaveVolume *volume)
{
	const struct LayerFound *top =
		volume->chain.count ? volume->chain.item[volume->chain.count - 1] : NULL;
	for (uint32_t i = 0; top && i < have->found->domains.count; i++) {
		const struct DomainSpec *spec = ((struct HaveDomain *)have->found->domains.item[i])->spec;
		for (uint32_t k = 0; spec && k < spec->disks.count; k++)
			if (text_equal(((struct Disk *)spec->disks.item[k])->target, top->path))
				return true;
	}
	return false;
}

/* Ours, and nothing names it, and nothing said why it stays. */
static const char *nothing_is_left_over(struct scene *scene, const struct have *have, const struct plan *plan)
{
	for (uint32_t i = 0; i < have->found->domains.count; i++) {
		const struct HaveDomain *domain = have->found->domains.item[i];
		if (!domain->owned || want_names(scene->want, domain->uuid))
			continue;
		if (!is_left(plan, arena_format(scene->arena, "Domain/%s", domain->mark->name)))
			return fail(
				scene, "domain %s is left over", domain->name ? domain->name : domain->uuid);
	}
	for (uint32_t i = 0; i < have->found->volumes.count; i++) {
		const struct HaveVolume *volume = have->found->volumes.item[i];
		const char *domain = volume->label->domain;
		bool kept = volume->label->reclaim == reclaim_Retain || volume->label->protect ||
			    is_used(have, volume) || is_former(scene->want, volume->name);
		if (kept || want_names(scene->want, volume->uid) ||
			(domain && (want_names(scene->want, domain) || have_domain(have, domain))))
			continue;
		if (!is_left(plan, arena_format(scene->arena, "Volume/%s", volume->name)))
			return fail(scene, "volume %s is left over", volume->name);
	}
	return NULL;
}

static bool is_elsewhere(const struct want *want, const char *name)
{
	const struct object *object = want_object(want, KIND_DOMAIN, name);
	return object && object->elsewhere;
}

/* No record without its domain, none that says something else than the mark that stands with the host. */
static const char *records_fit(struct scene *scene, const struct plan *left)
{
	const struct applying applying = {.owner = "default"}; /* marks alone */
	HAVE_SCOPED have = NULL;
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &have);
	plan_free(plan);
	REPORT_SCOPED report = report_new();
	struct list records = {0};
	if (!record_list(scene->arena, scene->machine->state_dir, &records, report))
		return fail(scene, "the records cannot be read");
	for (uint32_t i = 0; i < records.count; i++) {
		const struct record_entry *entry = records.item[i];
		const struct HaveDomain *domain = have_domain(have, entry->uuid);
		bool stays = entry->record->protect || is_elsewhere(scene->want, entry->record->name);
		if (is_left(left, arena_format(scene->arena, "Domain/%s", entry->record->name)))
			continue;
		if (!domain && !stays)
			return fail(scene, "a record of %s is left over", entry->record->name);
		if (!domain)
			continue;
		const char *record = record_text(scene->arena, entry->record);
		if (!domain->mark || strcmp(record, record_text(scene->arena, domain->mark)) != 0)
			return fail(scene, "the record and the mark of %s differ", entry->record->name);
	}
	return NULL;
}

/* All of it, of the world as it is now. */
static const char *is_as_wanted(struct scene *scene, bool *blocked)
{
	const struct applying applying = everything(scene);
	HAVE_SCOPED have = NULL;
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &have);
	const char *failure = next_plan(scene, plan);
	*blocked = !plan_empty(plan);
	for (uint32_t i = 0; !failure && i < scene->want->domains.count; i++) {
		const struct wanted_domain *domain = scene->want->domains.item[i];
		if (!is_left(plan, domain->object->text))
			failure = domain_is_as_wanted(scene, have, domain);
	}
	if (!failure)
		failure = nothing_is_left_over(scene, have, plan);
	if (!failure)
		failure = records_fit(scene, plan);
	plan_free(plan);
	return failure;
}

/* The properties. */

static const char *converges(struct scene *scene, struct totals *totals)
{
	const struct applying applying = everything(scene);
	struct convergence end = machine_apply(scene->machine, scene->want, &applying);
	totals->applies++;
	totals->actions += end.done;
	machine_reopen(scene->machine);
	const char *failure = is_as_wanted(scene, &scene->blocked);
	if (!failure)
		failure = foreign_is_untouched(scene);
	if (!failure && (end.end == CONVERGED) == scene->blocked)
		failure = fail(scene, "apply said %d, but something is %s", (int)end.end,
			scene->blocked ? "left" : "not left");
	scene->reference = described(scene, false);
	return failure;
}

/* The same without what is blocked: how far it got before that depends on the way. */
static const char *but_blocked(struct scene *scene, const char *text)
{
	const struct applying applying = everything(scene);
	HAVE_SCOPED have = NULL;
	BUFFER_SCOPED out = {0};
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &have);
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		const char *line = arena_copy(scene->arena, text, (size_t)(end - text) + 1);
		bool blocked = false;
		for (uint32_t i = 0; i < plan->changes.count; i++) {
			const struct change *change = plan->changes.item[i];
			const char *uid = change->domain        ? change->domain->uid
					  : change->have        ? change->have->uuid
					  : change->volume      ? change->volume->uid
					  : change->have_volume ? change->have_volume->uid
								: change->object;
			blocked |= strstr(line, uid) != NULL;
		}
		if (!blocked)
			buffer_text(&out, line);
	}
	plan_free(plan);
	return arena_text(scene->arena, buffer_string(&out));
}

static const char *same_end(struct scene *scene)
{
	bool blocked;
	const char *failure = is_as_wanted(scene, &blocked);
	if (!failure)
		failure = foreign_is_untouched(scene);
	if (failure)
		return failure;
	const char *now = described(scene, false);
	const char *more = but_blocked(scene, only_in(scene, now, scene->reference));
	const char *less = but_blocked(scene, only_in(scene, scene->reference, now));
	if (!*more && !*less)
		return NULL;
	return fail(scene, "it came to another end:\n%sinstead of\n%s", more, less);
}

static const char *cut(struct scene *scene, uint32_t changes)
{
	struct applying applying = everything(scene);
	int stop = 0;
	machine_become(scene->machine, &scene->start);
	sim_stop_after(scene->machine->host, changes, &stop);
	applying.stop = &stop;
	machine_apply(scene->machine, scene->want, &applying);
	machine_reopen(scene->machine);
	const char *failure = foreign_is_untouched(scene);
	applying.stop = NULL;
	machine_apply(scene->machine, scene->want, &applying);
	machine_reopen(scene->machine);
	return failure ? failure : same_end(scene);
}

static const char *resumes(struct scene *scene, struct totals *totals)
{
	const struct applying applying = everything(scene);
	machine_become(scene->machine, &scene->start);
	machine_apply(scene->machine, scene->want, &applying);
	const uint32_t changes = sim_changes(scene->machine->host);
	const uint32_t step = changes / CUTS_MOST + 1;
	for (uint32_t i = 1; i <= changes; i += step) {
		const char *failure = cut(scene, i);
		totals->cuts++;
		totals->applies += 2;
		if (failure)
			return fail(scene, "cut after change %u of %u: %s", i, changes, failure);
	}
	return NULL;
}

static const char *faults_drawn(struct scene *scene)
{
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, false);
	json_open_array(&json, NULL);
	for (unsigned i = 1 + pick(scene, 4); i-- > 0;) {
		json_open_object(&json, NULL);
		if (pick(scene, 4))
			json_text(&json, "verb", verb_table[1 + pick(scene, VERBS - 1)].verb);
		json_text(&json, "when", choice_sim_when[pick(scene, sim_when_CHOICES)]);
		json_int(&json, "count", 1 + pick(scene, 3));
		json_close(&json, '}');
	}
	json_close(&json, ']');
	return arena_text(scene->arena, buffer_string(&text));
}

static const char *withstands(struct scene *scene, struct totals *totals)
{
	enum { ROUNDS = 4 };
	const struct applying applying = everything(scene);
	for (int round = 0; round < ROUNDS; round++) {
		const char *faults = faults_drawn(scene);
		machine_become(scene->machine, &scene->start);
		machine_faults(scene->machine, faults);
		machine_apply(scene->machine, scene->want, &applying);
		machine_faults(scene->machine, NULL);
		machine_apply(scene->machine, scene->want, &applying);
		machine_reopen(scene->machine);
		totals->applies += 2;
		const char *failure = same_end(scene);
		if (failure)
			return fail(scene, "after faults %s: %s", faults, failure);
	}
	return NULL;
}

/* The number of a domain that runs, is whole and ours; -1 otherwise. */
static int64_t running(const struct have *have, const char *uid)
{
	const struct HaveDomain *domain = have_domain(have, uid);
	bool runs = domain && domain->owned && domain->power == found_power_Running && domain->spec;
	return runs ? domain->domid : -1;
}

static const char *is_gentle(struct scene *scene, struct totals *totals)
{
	static const enum level levels[] = {level_none, level_live, level_reattach};
	struct applying applying = everything(scene);
	applying.allow = levels[pick(scene, 3)];
	machine_become(scene->machine, &scene->start);
	HAVE_SCOPED before = NULL;
	plan_free(machine_plan(scene->machine, scene->want, &applying, &before));
	machine_apply(scene->machine, scene->want, &applying);
	totals->applies++;
	HAVE_SCOPED after = NULL;
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &after);
	const char *failure = next_plan(scene, plan);
	plan_free(plan);
	for (uint32_t i = 0; !failure && i < scene->want->domains.count; i++) {
		const struct wanted_domain *domain = scene->want->domains.item[i];
		int64_t domid = running(before, domain->uid);
		bool may = domain->spec->disruption >= disruption_restart ||
			   domain->spec->power != power_Running;
		if (domid >= 0 && !may && running(after, domain->uid) != domid)
			failure = fail(scene, "%s was restarted, with only %s allowed", domain->name,
				choice_level[applying.allow]);
	}
	return failure ? failure : foreign_is_untouched(scene);
}

/* A way to damage the manifests; false where they still load whole. */
static bool damage(struct scene *scene, unsigned kind, const char **what)
{
	static const char *const ways[] = {
		"cut short", "of no bytes", "gone", "with nothing in it", "garbage"};
	struct machine *machine = scene->machine;
	size_t size = strlen(scene->text), errors;
	*what = ways[kind];
	if (kind == 0)
		machine_manifests(machine, scene->text, size ? pick(scene, (unsigned)size) : 0);
	else if (kind == 1)
		machine_manifests(machine, "", 0);
	else if (kind == 2)
		machine_manifests(machine, NULL, 0);
	else if (kind == 3)
		machine_manifests(machine, "# nothing\n", 10);
	else
		machine_manifests(machine, "{]", 2);
	want_free(machine_want(machine, "default", &errors));
	return errors || kind == 3;
}

static const char *is_careful(struct scene *scene, struct totals *totals)
{
	struct applying applying = everything(scene);
	applying.consents = false;
	for (unsigned kind = 0; kind < 5; kind++) {
		const char *what;
		size_t errors;
		machine_become(scene->machine, &scene->start);
		HAVE_SCOPED before = NULL;
		plan_free(machine_plan(scene->machine, scene->want, &applying, &before));
		if (!damage(scene, kind, &what))
			continue;
		WANT_SCOPED want = machine_want(scene->machine, "default", &errors);
		machine_apply(scene->machine, want, &applying);
		totals->applies++;
		HAVE_SCOPED after = NULL;
		plan_free(machine_plan(scene->machine, want, &applying, &after));
		for (uint32_t i = 0; i < before->found->domains.count; i++) {
			const struct HaveDomain *domain = before->found->domains.item[i];
			/* one that has another uid now is recreated, as it was allowed */
			const struct object *object =
				domain->mark ? want_object(want, KIND_DOMAIN, domain->mark->name) : NULL;
			if (object && !object->broken)
				continue;
			bool gone = running(before, domain->uuid) >= 0 && !want_names(want, domain->uuid) &&
				    running(after, domain->uuid) != domain->domid;
			if (gone)
				return fail(
					scene, "a source %s has taken domain %s away", what, domain->name);
		}
		for (uint32_t i = 0; i < before->found->volumes.count; i++) {
			const struct HaveVolume *volume = before->found->volumes.item[i];
			if (!have_volume(after, volume->uid))
				return fail(
					scene, "a source %s has taken volume %s away", what, volume->name);
		}
	}
	machine_manifests(scene->machine, scene->text, strlen(scene->text));
	return foreign_is_untouched(scene);
}

static const struct property {
	const char *name;
	const char *(*holds)(struct scene *, struct totals *);
} properties[] = {{"converges", converges}, {"resumes", resumes}, {"withstands", withstands},
	{"is gentle", is_gentle}, {"is careful", is_careful}};

/* Running. */

enum verdict { PASSED, FAILED, DISCARDED };

static enum verdict try_instance(struct machine *machine, const struct instance *instance,
	struct totals *totals, struct arena *into, const char **failure, const char *folder)
{
	SCENE_SCOPED scene;
	if (!scene_make(&scene, machine, instance))
		return DISCARDED;
	*failure = NULL;
	for (size_t i = 0; !*failure && i < sizeof(properties) / sizeof(*properties); i++) {
		const char *words = properties[i].holds(&scene, totals);
		if (words)
			*failure = arena_format(into, "%s: %s", properties[i].name, words);
	}
	totals->blocked += scene.blocked;
	if (*failure && folder)
		machine_write(machine, &scene.start, scene.text, folder);
	return *failure ? FAILED : PASSED;
}

/* Leaves out one object after the other, as long as it still fails. */
static struct instance shrink(struct machine *machine, struct instance instance)
{
	struct totals none = {0};
	for (unsigned bit = 0; bit < 2 * GENERATED_OBJECTS; bit++) {
		struct instance smaller = instance;
		ARENA_SCOPED arena = arena_new();
		const char *failure;
		if (bit < GENERATED_OBJECTS)
			smaller.dropped |= 1U << bit;
		else
			smaller.dropped_before |= 1U << (bit - GENERATED_OBJECTS);
		alarm(CASE_SECONDS);
		if (try_instance(machine, &smaller, &none, arena, &failure, NULL) == FAILED)
			instance = smaller;
	}
	return instance;
}

static void tell_failure(struct machine *machine, uint64_t seed, const char *first)
{
	ARENA_SCOPED arena = arena_new();
	struct totals none = {0};
	const char *folder = arena_format(arena, "build/property/%" PRIu64, seed), *failure = first;
	struct instance small = shrink(machine, (struct instance){.seed = seed});
	try_instance(machine, &small, &none, arena, &failure, folder);
	printf("FAILED case %" PRIu64 ": %s\n  (left out of what is wanted: %x, of what was there: %x)\n"
	       "  again: build/tests/property case %" PRIu64 "\n"
	       "  by hand: build/xensteer plan --host sim:%s --config %s/host.yaml %s/manifests\n",
		seed, failure ? failure : first, small.dropped, small.dropped_before, seed, folder, folder,
		folder);
	fflush(stdout);
}

static void run(struct machine *machine, uint64_t seed, unsigned count, struct totals *totals)
{
	const unsigned wanted = totals->passed + totals->failed + count;
	for (uint64_t i = 0; totals->passed + totals->failed < wanted; i++) {
		ARENA_SCOPED arena = arena_new();
		const struct instance instance = {.seed = count == 1 ? seed : random_of(seed + i) >> 16};
		const char *failure;
		case_now = instance.seed;
		alarm(CASE_SECONDS);
		enum verdict verdict = try_instance(machine, &instance, totals, arena, &failure, NULL);
		totals->passed += verdict == PASSED;
		totals->failed += verdict == FAILED;
		totals->discarded += verdict == DISCARDED;
		if (verdict == FAILED)
			tell_failure(machine, instance.seed, failure);
		if (verdict == DISCARDED && count == 1)
			return;
	}
}

static bool number(const char *text, uint64_t *out)
{
	char *end;
	*out = strtoull(text, &end, 10);
	return *text && !*end;
}

int main(int argc, char **argv)
{
	uint64_t seeds[2] = {default_seed, (uint64_t)time(NULL)}, count = DEFAULT_COUNT;
	unsigned used = 2;
	bool good = argc <= 3;
	if (argc == 3 && strcmp(argv[1], "case") == 0) {
		good = number(argv[2], &seeds[0]);
		count = used = 1;
	} else if (argc > 1) {
		used = 1;
		good = good && number(argv[1], &seeds[0]) && (argc < 3 || number(argv[2], &count)) && count;
	}
	if (!good) {
		fprintf(stderr, "usage: property [SEED [COUNT]] | property case NUMBER\n");
		return 2;
	}
	signal(SIGALRM, case_dies);
	signal(SIGSEGV, case_dies);
	signal(SIGABRT, case_dies);
	struct machine machine;
	struct totals totals = {0};
	if (!machine_open(&machine))
		return 1;
	for (unsigned i = 0; i < used; i++) {
		printf("property: seed %" PRIu64 ", %" PRIu64 " case%s\n", seeds[i], count,
			count == 1 ? "" : "s");
		fflush(stdout);
		run(&machine, seeds[i], (unsigned)count, &totals);
	}
	machine_close(&machine, false);
	printf("%" PRIu64 " applies, %" PRIu64 " actions of undisturbed ones, killed at %" PRIu64
	       " places; %u cases with something blocked, %u drawn that no loader takes\n",
		totals.applies, totals.actions, totals.cuts, totals.blocked, totals.discarded);
	printf("%u passed, %u failed\n", totals.passed, totals.failed);
	return totals.failed > 0;
}
