/* Setting up: others on the host, what was wanted before and how far that got, what happened to guests since,
 * and what is wanted now. */
#include "tests/property/scene.h"
#include "model/quantity.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

unsigned pick(struct scene *scene, unsigned count)
{
	return (unsigned)(random_of(scene->seed + ++scene->draws * 7919) % count);
}

const char *fail(struct scene *scene, const char *format, ...)
{
	char text[4096];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return arena_text(scene->arena, text);
}

const char *described(struct scene *scene, bool foreign)
{
	BUFFER_SCOPED text = {0};
	machine_describe(scene->machine, foreign, &text);
	return arena_text(scene->arena, buffer_string(&text));
}

struct applying everything(const struct scene *scene)
{
	return (struct applying){.allow = level_recreate,
		.consents = true,
		.seed = scene->seed,
		.owner = "default",
		.records = true};
}

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

void scene_poke(struct scene *scene)
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
		scene_poke(scene);
}

void scene_drop(struct scene *scene)
{
	want_free(scene->want);
	moment_free(&scene->start);
	arena_free(scene->arena);
}
static const struct moment *empty_moment(struct machine *machine, struct moment *moment)
{
	*moment = (struct moment){.arena = arena_new()};
	moment->host =
		"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"host\": {\"name\": \"sim\","
		" \"bridges\": [\"xenbr0\", \"xenbr1\"]}, \"sim\": {\"clock\": 0}}";
	(void)machine;
	return moment;
}

struct want *scene_want(struct scene *scene, const struct recipe *recipe)
{
	const char *text = scene->text;
	size_t errors;
	if (recipe)
		generate(recipe, scene->arena, &text);
	machine_manifests(scene->machine, text, strlen(text));
	struct want *want = machine_want(scene->machine, "default", &errors);
	if (!errors)
		return want;
	want_free(want);
	return NULL;
}

/* False: the loader does not take these manifests. */
bool scene_make(struct scene *scene, struct machine *machine, const struct instance *instance)
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
	scene->recipe = after;
	generate(&after, scene->arena, &scene->text);
	scene->want = scene_want(scene, NULL);
	if (!scene->want)
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
