/* property [SEED [COUNT]]: so many cases of a seed, or of a fixed one and one from the time, by as many
 * processes as there are processors; the same cases whatever their number. A case that fails is made smaller
 * and written; `property case NUMBER` runs one again. The closing line is "N passed, N failed". */
#include "tests/property/properties.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
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

enum { WORKERS_MOST = 64 };

/* What the workers share: who takes which case next, and what came of all. */
struct run {
	uint64_t seed, count;
	bool alone; /* `seed` is itself the case */
	uint64_t next;
	unsigned workers;
	struct worker {
		struct totals totals;
		uint64_t failed_first,
			failed_seed; /* its first case that failed: which in the row, and its number */
	} worker[WORKERS_MOST];
};

/* The case in this place of the row: of those drawn for it the first that a loader takes. */
static void run_place(struct machine *machine, struct run *run, struct worker *worker, uint64_t place)
{
	enum verdict verdict = DISCARDED;
	const uint64_t row = random_of(run->seed + place);
	struct instance instance;
	for (uint64_t draw = 0; verdict == DISCARDED && (draw == 0 || !run->alone); draw++) {
		ARENA_SCOPED arena = arena_new();
		const char *failure;
		instance = (struct instance){.seed = run->alone ? run->seed : random_of(row + draw) >> 16};
		case_now = instance.seed;
		alarm(CASE_SECONDS);
		verdict = try_instance(machine, &instance, &worker->totals, arena, &failure, NULL);
		worker->totals.discarded += verdict == DISCARDED;
		if (verdict == FAILED)
			tell_failure(machine, instance.seed, failure);
	}
	worker->totals.passed += verdict == PASSED;
	worker->totals.failed += verdict == FAILED;
	if (verdict == FAILED && worker->totals.failed == 1) {
		worker->failed_first = place;
		worker->failed_seed = instance.seed;
	}
}

static int work(struct run *run, struct worker *worker)
{
	struct machine machine;
	if (!machine_open(&machine))
		return 1;
	for (uint64_t place; (place = __atomic_fetch_add(&run->next, 1, __ATOMIC_RELAXED)) < run->count;)
		run_place(&machine, run, worker, place);
	machine_close(&machine, false);
	return 0;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Starts the workers and waits; false if one of them died, which it has said. */
static bool run_all(struct run *run)
{
	bool good = true;
	const pid_t parent = getpid();
	for (unsigned i = 0; i < run->workers; i++) {
		pid_t child = fork();
		if (child < 0) {
			perror("property: fork");
			exit(1);
		}
		if (child > 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		exit(getppid() == parent ? work(run, &run->worker[i]) : 1);
	}
	for (unsigned i = 0; i < run->workers; i++) {
		int status;
		good &= wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return good;
}

static struct totals sum(const struct run *run)
{
	struct totals all = {0};
	for (unsigned i = 0; i < run->workers; i++) {
		const struct totals *one = &run->worker[i].totals;
		all.passed += one->passed;
		all.failed += one->failed;
		all.discarded += one->discarded;
		all.blocked += one->blocked;
		all.histories += one->histories;
		all.applies += one->applies;
		all.actions += one->actions;
		all.cuts += one->cuts;
	}
	return all;
}

static const struct worker *first_failure(const struct run *run)
{
	const struct worker *first = NULL;
	for (unsigned i = 0; i < run->workers; i++) {
		const struct worker *worker = &run->worker[i];
		if (worker->totals.failed && (!first || worker->failed_first < first->failed_first))
			first = worker;
	}
	return first;
}

/* False if anything failed. */
static bool run_seed(uint64_t seed, uint64_t count, bool alone, unsigned workers)
{
	struct run *run = mmap(NULL, sizeof(*run), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (run == MAP_FAILED) {
		perror("property: mmap");
		exit(1);
	}
	*run = (struct run){.seed = seed, .count = count, .alone = alone, .workers = workers};
	printf("property: seed %" PRIu64 ", %" PRIu64 " case%s, %u at a time\n", seed, count,
		count == 1 ? "" : "s", workers);
	fflush(stdout);
	const double began = seconds();
	bool good = run_all(run);
	const double took = seconds() - began;
	const struct totals all = sum(run);
	const struct worker *failed = first_failure(run);
	printf("%" PRIu64 " histories played to their end in %.1f s (%.0f cases a second): %" PRIu64
	       " applies, killed at %" PRIu64 " places, %" PRIu64
	       " actions of undisturbed ones; %u cases with something blocked, %u drawn that no loader "
	       "takes\n",
		all.histories, took, (all.passed + all.failed) / (took > 0 ? took : 1), all.applies, all.cuts,
		all.actions, all.blocked, all.discarded);
	if (failed)
		printf("the first that failed: build/tests/property case %" PRIu64 "\n", failed->failed_seed);
	if (!good)
		printf("a worker died, see above\n");
	printf("%u passed, %u failed\n", all.passed, all.failed);
	fflush(stdout);
	munmap(run, sizeof(*run));
	return good && !all.failed;
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
	const bool alone = argc == 3 && strcmp(argv[1], "case") == 0;
	const long processors = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned workers = processors < 1              ? 1
			   : processors > WORKERS_MOST ? WORKERS_MOST
						       : (unsigned)processors;
	if (workers > count)
		workers = (unsigned)count;
	for (unsigned i = 0; i < used; i++)
		good &= run_seed(seeds[i], count, alone, workers);
	return !good;
}
