/* What must hold whatever is wanted and whatever is there. Each case is a seed: from it follow a host as it
 * stands (empty, converged to other manifests, with domains of others, left half-done by a killed process,
 * with guests that crashed) and manifests that are wanted of it. Then, each from that same moment:
 *
 *   converges     apply ends; the next plan is empty, or says of all that is left why it is; what is there is
 *                 what the manifests say, looked up without diff; nobody else's is touched
 *   resumes       killed after any change of the world, the next apply comes to the same end
 *   withstands    so does it after actions that failed before, in the middle of and after their work, and
 * hung is gentle     nothing that may not be restarted is is careful    a source that is damaged, empty or
 * gone takes nothing away lives         through a life of all this and more, one after the other: guests end,
 * are paused and destroyed by hand, manifests change, break and are mended, actions fail, processes are
 * killed
 *
 * And no action ever begins on what is not ours, protected, to be kept or half built.
 * A case that fails is made smaller by leaving out objects, and written so that it can be played again. */
#include "tests/property/properties.h"
#include "tests/property/wanted.h"
#include <string.h>

enum { CUTS_MOST = 48 };

static const char *converges(struct scene *scene, struct totals *totals)
{
	const struct applying applying = everything(scene);
	struct convergence end = machine_apply(scene->machine, scene->want, &applying);
	totals->applies++;
	totals->histories++;
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
		totals->histories++;
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
		totals->histories++;
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
	totals->histories++;
	HAVE_SCOPED after = NULL;
	struct plan *plan = machine_plan(scene->machine, scene->want, &applying, &after);
	const char *failure = next_plan(scene, plan);
	plan_free(plan);
	for (uint32_t i = 0; !failure && i < scene->want->domains.count; i++) {
		const struct wanted_domain *domain = scene->want->domains.item[i];
		int64_t domid = running(before, domain->uid);
		bool may = domain->spec->disruption >= disruption_restart ||
			   domain->spec->power != power_Running ||
			   (domain->config && domain->config->spec->onChange != config_change_stage);
		if (domid >= 0 && !may && running(after, domain->uid) != domid)
			failure = fail(scene, "%s was restarted, with only %s allowed", domain->name,
				choice_level[applying.allow]);
	}
	return failure ? failure : foreign_is_untouched(scene);
}

/* What a source that is damaged, empty or gone has taken away: domains that ran and that it does not name,
 * and volumes. */
static const char *taken(struct scene *scene, const struct want *want, const char *what,
	const struct have *before, const struct have *after)
{
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
			return fail(scene, "a source %s has taken domain %s away", what, domain->name);
	}
	for (uint32_t i = 0; i < before->found->volumes.count; i++) {
		const struct HaveVolume *volume = before->found->volumes.item[i];
		if (!have_volume(after, volume->uid))
			return fail(scene, "a source %s has taken volume %s away", what, volume->name);
	}
	return NULL;
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

enum { DAMAGES = 5 };

/* Applies manifests that are damaged; NULL where they have taken nothing away. They stay damaged. */
static const char *apply_damaged(struct scene *scene, unsigned kind, struct totals *totals)
{
	struct applying applying = everything(scene);
	const char *what;
	size_t errors;
	applying.consents = false;
	HAVE_SCOPED before = NULL;
	plan_free(machine_plan(scene->machine, scene->want, &applying, &before));
	if (!damage(scene, kind, &what))
		return NULL;
	WANT_SCOPED want = machine_want(scene->machine, "default", &errors);
	machine_apply(scene->machine, want, &applying);
	totals->applies++;
	HAVE_SCOPED after = NULL;
	plan_free(machine_plan(scene->machine, want, &applying, &after));
	return taken(scene, want, what, before, after);
}

static const char *is_careful(struct scene *scene, struct totals *totals)
{
	const char *failure = NULL;
	for (unsigned kind = 0; !failure && kind < DAMAGES; kind++) {
		machine_become(scene->machine, &scene->start);
		failure = apply_damaged(scene, kind, totals);
		totals->histories++;
	}
	machine_manifests(scene->machine, scene->text, strlen(scene->text));
	return failure ? failure : foreign_is_untouched(scene);
}

/* An apply that may be killed somewhere. */
static void apply_mortal(struct scene *scene, const struct want *want, struct totals *totals)
{
	struct applying applying = everything(scene);
	int stop = 0;
	applying.stop = &stop;
	applying.consents = pick(scene, 2);
	if (pick(scene, 3) == 0) {
		sim_stop_after(scene->machine->host, 1 + pick(scene, 20), &stop);
		totals->cuts++;
	}
	machine_apply(scene->machine, want, &applying);
	machine_reopen(scene->machine);
	totals->applies++;
}

/* What was begun by those that were killed has come to its end: a guest that was asked to shut down is gone.
 */
static void settle(struct scene *scene)
{
	sim_advance(scene->machine->host, 3600 * 1000);
}

/* One day: something happens, and whoever applies does so. *want is what is wanted from then on. */
static const char *day(struct scene *scene, struct want **want, struct totals *totals)
{
	struct recipe recipe = scene->recipe;
	struct want *other = NULL;
	switch (pick(scene, 7)) {
	case 0:
	case 1:
		scene_poke(scene);
		break;
	case 2:
		machine_pause(scene->machine, pick(scene, 256));
		break;
	case 3: /* other manifests, of the same objects */
		recipe.variation = random_of(scene->seed + scene->draws);
		recipe.rate = 4 + pick(scene, 30);
		recipe.dropped = pick(scene, 2) ? pick(scene, 1U << GENERATED_OBJECTS) : 0;
		other = scene_want(scene, &recipe);
		break;
	case 4: /* those of the scene, mended again before anybody else looks */
		machine_faults(scene->machine, NULL);
		settle(scene);
		return apply_damaged(scene, pick(scene, DAMAGES), totals);
	case 5:
		machine_faults(scene->machine, faults_drawn(scene));
		break;
	default:
		sim_advance(scene->machine->host, 1000 * (int64_t)(1 + pick(scene, 7200)));
		break;
	}
	if (other) {
		want_free(*want);
		*want = other;
	}
	apply_mortal(scene, *want ? *want : scene->want, totals);
	return NULL;
}

static const char *lives(struct scene *scene, struct totals *totals)
{
	enum { DAYS_LEAST = 4, DAYS_MORE = 8 };
	const struct applying applying = everything(scene);
	const char *failure = NULL;
	bool blocked;
	WANT_SCOPED want = NULL;
	machine_become(scene->machine, &scene->start);
	for (unsigned days = DAYS_LEAST + pick(scene, DAYS_MORE); !failure && days-- > 0;) {
		failure = day(scene, &want, totals);
		if (!failure)
			failure = foreign_is_untouched(scene);
	}
	machine_manifests(scene->machine, scene->text, strlen(scene->text));
	machine_faults(scene->machine, NULL);
	settle(scene);
	machine_apply(scene->machine, scene->want, &applying);
	machine_reopen(scene->machine);
	totals->applies++;
	totals->histories++;
	if (!failure)
		failure = is_as_wanted(scene, &blocked);
	return failure ? failure : foreign_is_untouched(scene);
}

const struct property properties[PROPERTIES] = {{"converges", converges}, {"resumes", resumes},
	{"withstands", withstands}, {"is gentle", is_gentle}, {"is careful", is_careful}, {"lives", lives}};
