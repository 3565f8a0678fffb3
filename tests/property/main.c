/* property [SEED [COUNT]]: so many cases of a seed, or of a fixed one and one from the time. A case that
 * fails is made smaller and written; `property case NUMBER` runs one again. The closing line is "N passed, N
 * failed". */
#include "tests/property/properties.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CASE_SECONDS = 60, DEFAULT_COUNT = 250 };
static const uint64_t default_seed = 20240417;

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

enum verdict { PASSED, FAILED, DISCARDED };

static enum verdict try_instance(struct machine *machine, const struct instance *instance,
	struct totals *totals, struct arena *into, const char **failure, const char *folder)
{
	SCENE_SCOPED scene;
	if (!scene_make(&scene, machine, instance))
		return DISCARDED;
	*failure = NULL;
	for (size_t i = 0; !*failure && i < PROPERTIES; i++) {
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
