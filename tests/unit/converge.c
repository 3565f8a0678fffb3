/* converge on a simulated host, with manifests and records as files: how it ends, how often it tries and
 * when, by the host's own clock. Between it and the host stands a driver that counts, and does to some
 * actions what the simulator cannot: fail for good, or claim to be done. */
#include "act/converge.h"
#include "act/backoff.h"
#include "scratch.h"
#include "simulated.h"
#include "state/record.h"
#include "want/load.h"

TestSuite(converge, .init = scratch_enter, .fini = scratch_leave);

enum { TRIES = 3 };

struct rig {
	struct host host; /* first: the driver casts */
	struct host *inner;
	enum verb terminal;  /* its failures are terminal */
	enum verb pretended; /* is done without being done */
	uint32_t pretended_id;
	unsigned begun[VERBS], planned, last;
	struct arena *arena;
	struct report *report; /* of the last converge */
	const struct HostSpec *settings;
	struct want *want;
	struct executor executor;
	struct observer observer;
	struct converge_options options;
	struct convergence end;
};

static void rig_observe(struct host *host, const struct want *want, struct have *have)
{
	struct host *inner = ((struct rig *)host)->inner;
	inner->driver->observe(inner, want, have);
}

static void rig_begin(struct host *host, const struct action *action, const struct links *links)
{
	struct rig *rig = (struct rig *)host;
	rig->begun[action->verb]++;
	if (action->verb == rig->pretended)
		rig->pretended_id = action->id;
	else
		rig->inner->driver->begin(rig->inner, action, links);
}

static bool rig_reap(struct host *host, int64_t until, struct finished *done)
{
	struct rig *rig = (struct rig *)host;
	if (rig->pretended_id) {
		*done = (struct finished){.id = rig->pretended_id, .arena = done->arena};
		rig->pretended_id = 0;
		return true;
	}
	if (!rig->inner->driver->reap(rig->inner, until, done))
		return false;
	if (done->outcome != OUTCOME_DONE && rig->terminal &&
		strstr(done->message, verb_table[rig->terminal].verb))
		done->outcome = OUTCOME_TERMINAL;
	return true;
}

static int64_t rig_now(struct host *host)
{
	struct host *inner = ((struct rig *)host)->inner;
	return inner->driver->now(inner);
}

static const struct host_driver rig_driver = {
	.name = "rig", .observe = rig_observe, .begin = rig_begin, .reap = rig_reap, .now = rig_now};

static void planned(void *context, const struct plan *plan, const struct have *have, int pass, bool final)
{
	struct rig *rig = context;
	(void)plan, (void)have, (void)pass;
	rig->planned++;
	rig->last = final ? rig->planned : 0;
}

/* `sim`: members of the simulator's part of host.json; `domains`: a JSON array. */
static void rig_open(struct rig *rig, const char *domains, const char *sim)
{
	*rig = (struct rig){.host.driver = &rig_driver, .arena = arena_new(), .report = report_new()};
	const char *text = arena_format(rig->arena,
		"{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"domains\": %s, \"sim\": "
		"{%s}}",
		domains, sim);
	rig->inner = sim_open_memory(text, "default", rig->report);
	if (!rig->inner)
		report_text(rig->report, stderr, false);
	cr_assert_not_null(rig->inner);
	scratch_write("host.yaml", "{apiVersion: xensteer/v1, kind: Host, spec: {deletions: {free: 100}}}\n");
	cr_assert_eq(chmod("host.yaml", 0600), 0);
	rig->settings = host_settings(rig->arena, "host.yaml", rig->report);
	rig->observer = (struct observer){.host = &rig->host,
		.storage = rig->inner->driver->storage(rig->inner),
		.owner = "default",
		.state_dir = "state"};
	rig->executor = (struct executor){.host = &rig->host,
		.storage = rig->observer.storage,
		.state_dir = "state",
		.parallelism = 4,
		.context = rig};
	rig->options = (struct converge_options){
		.plan = {.prune = true}, .seed = 1, .tries = TRIES, .planned = planned};
}

static void rig_close(struct rig *rig)
{
	rig->inner->driver->close(rig->inner);
	want_free(rig->want);
	report_free(rig->report);
	arena_free(rig->arena);
}
#define RIG __attribute__((cleanup(rig_close))) struct rig

static const struct convergence *apply(struct rig *rig, const char *manifests)
{
	static const char *const paths[] = {"manifests"};
	const struct load_options options = {.paths = paths,
		.path_count = 1,
		.host = rig->settings,
		.owner = "default",
		.host_name = "sim"};
	want_free(rig->want);
	report_free(rig->report);
	rig->report = report_new();
	if (access("manifests", F_OK) != 0)
		cr_assert_eq(mkdir("manifests", 0755), 0);
	scratch_write("manifests/all.yaml", manifests);
	rig->want = want_load(&options, rig->report);
	if (report_count(rig->report, SEVERITY_ERROR))
		report_text(rig->report, stderr, false);
	cr_assert_eq(report_count(rig->report, SEVERITY_ERROR), 0);
	memset(rig->begun, 0, sizeof(rig->begun));
	rig->planned = rig->last = 0;
	rig->end = converge(&rig->executor, &rig->observer, rig->want, &rig->options, rig->report);
	return &rig->end;
}

static bool says(struct rig *rig, const char *words)
{
	const struct diagnostic *all;
	const size_t count = report_all(rig->report, &all);
	for (size_t i = 0; i < count; i++)
		if (strstr(all[i].message, words))
			return true;
	return false;
}

static struct HaveDomain *find(struct rig *rig, const char *name)
{
	HAVE_SCOPED have = have_new();
	rig->inner->driver->observe(rig->inner, NULL, have);
	have_sort(have);
	struct HaveDomain *domain = have_domain_named(have, name);
	return domain ? object_copy(rig->arena, &type_HaveDomain, domain) : NULL;
}

static const char a[] = "{apiVersion: xensteer/v1, kind: Domain, metadata: {name: a}, spec: {memory: 64MiB,"
			" maxMemory: 256MiB, boot: {kernel: /boot/vmlinuz}}}\n";
static const char a_larger[] = "{apiVersion: xensteer/v1, kind: Domain, metadata: {name: a}, spec:"
			       " {memory: 128MiB, maxMemory: 256MiB, boot: {kernel: /boot/vmlinuz}}}\n";
static const char a_on_v[] =
	"{apiVersion: xensteer/v1, kind: Volume, metadata: {name: v}, spec: {chain: [{file: {size: "
	"1GiB}}]}}\n"
	"---\n{apiVersion: xensteer/v1, kind: Domain, metadata: {name: a}, spec: {memory: 64MiB,"
	" boot: {kernel: /boot/vmlinuz}, disks: [{vdev: xvda, volume: v}]}}\n";
static const char nothing_but_b[] = "{apiVersion: xensteer/v1, kind: Domain, metadata: {name: b}, spec:"
				    " {memory: 64MiB, power: Stopped, boot: {kernel: /boot/vmlinuz}}}\n";

Test(converge, what_is_wanted_becomes_so_and_the_next_apply_does_nothing)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGED);
	cr_assert_gt(end->done, 0);
	cr_assert_eq(end->failed, 0);
	cr_assert_eq(find(&rig, "a")->power, found_power_Running);
	end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGED);
	cr_assert_eq(end->done, 0);
	cr_assert_eq(end->passes, 1);
}

Test(converge, the_plan_of_each_pass_is_told_and_the_last_one_once_more)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(rig.planned, (unsigned)end->passes + 1);
	cr_assert_eq(rig.last, rig.planned);
}

Test(converge, what_fails_for_a_while_is_tried_again_later)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"domain.create\", \"count\": 2}]");
	const int64_t began = rig_now(&rig.host);
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGED);
	cr_assert_eq(end->failed, 2);
	cr_assert_eq(rig.begun[verb_domain_create], 3);
	cr_assert_geq(rig_now(&rig.host) - began, 3 * BACKOFF_FIRST_MS);
	cr_assert_eq(report_count(rig.report, SEVERITY_ERROR), 0);
}

Test(converge, what_fails_each_time_is_given_up_with_the_reason)
{
	RIG rig;
	rig_open(&rig, "[]",
		"\"faults\": [{\"verb\": \"domain.create\", \"count\": 99, \"message\": \"no luck\"}]");
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_eq(rig.begun[verb_domain_create], TRIES);
	cr_assert(says(&rig, "no luck (given up after 3 tries)"));
}

Test(converge, a_terminal_failure_is_not_tried_again)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"domain.create\", \"count\": 99}]");
	rig.terminal = verb_domain_create;
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_eq(rig.begun[verb_domain_create], 1);
	cr_assert(says(&rig, "given up after 1 try"));
}

Test(converge, one_that_fails_holds_up_no_other)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"domain.create\", \"name\": \"a\", \"count\": 99}]");
	char both[512];
	snprintf(both, sizeof(both), "%s---\n%s", a,
		"{apiVersion: xensteer/v1, kind: Domain, metadata: {name: c}, spec: {memory: 64MiB,"
		" boot: {kernel: /boot/vmlinuz}}}\n");
	cr_assert_eq(apply(&rig, both)->end, CONVERGE_FAILED);
	cr_assert_null(find(&rig, "a"));
	cr_assert_not_null(find(&rig, "c"));
}

/* It must neither be worked on in vain meanwhile, nor be given up for it. */
Test(converge, what_needs_a_failing_object_waits_for_it)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"volume.create\", \"count\": 4}]");
	rig.options.tries = 5;
	const struct convergence *end = apply(&rig, a_on_v);
	cr_assert_eq(end->end, CONVERGED);
	cr_assert_eq(end->failed, 4);
	cr_assert_leq(rig.begun[verb_domain_check], 5);
	cr_assert_leq(end->passes, 12);
	cr_assert_not_null(find(&rig, "a"));
}

Test(converge, what_needs_an_object_that_was_given_up_ends_with_it)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"volume.create\", \"count\": 99}]");
	const struct convergence *end = apply(&rig, a_on_v);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_leq(end->passes, 10);
	cr_assert_null(find(&rig, "a"));
	cr_assert(says(&rig, "Volume/v: volume.create"));
	cr_assert_not(says(&rig, "does not settle"));
}

Test(converge, a_host_that_cannot_be_seen_is_looked_at_again)
{
	RIG rig;
	rig_open(&rig, "[]", "\"unobservable\": 2");
	cr_assert_eq(apply(&rig, a)->end, CONVERGED);
	cr_assert_not_null(find(&rig, "a"));
}

Test(converge, a_host_that_cannot_be_seen_at_all_is_given_up_and_nothing_is_done)
{
	RIG rig;
	rig_open(&rig, "[]", "\"unobservable\": 1000");
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_eq(end->done + end->failed, 0);
	cr_assert_leq(end->passes, 10);
	cr_assert_gt(end->passes, 2);
}

Test(converge, also_where_nothing_is_wanted_the_host_is_looked_at_again)
{
	RIG rig;
	rig_open(&rig, "[]", "\"unobservable\": 2");
	cr_assert_eq(apply(&rig, "# nothing\n")->end, CONVERGED);
}

Test(converge, a_difference_that_comes_back_is_given_up_with_words)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	cr_assert_eq(apply(&rig, a)->end, CONVERGED);
	rig.pretended = verb_domain_set_memory;
	const struct convergence *end = apply(&rig, a_larger);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_eq(rig.begun[verb_domain_set_memory], 3 * TRIES);
	cr_assert_eq(end->failed, 0);
	cr_assert(says(&rig, "Domain/a does not settle: it was changed in 9 passes and still differs"));
}

Test(converge, where_records_cannot_be_read_nothing_is_done)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	cr_assert_eq(apply(&rig, a)->end, CONVERGED);
	cr_assert_eq(rename("state/domains", "state/aside"), 0);
	scratch_write("state/domains", "a file where the folder would be");
	const struct convergence *end = apply(&rig, a_larger);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_eq(end->done + end->failed, 0);
	end = apply(&rig, nothing_but_b); /* nor is anything removed */
	cr_assert_eq(end->done + end->failed, 0);
	cr_assert_eq(find(&rig, "a")->spec->memory, 64 * MiB);
}

/* As a destroy leaves it that was killed: it takes half a minute until its memory is given back. */
Test(converge, a_domain_that_is_torn_down_is_waited_for)
{
	ARENA_SCOPED arena = arena_new();
	char uid[UID_SIZE];
	uid_of("default", "Domain", "a", uid);
	RIG rig;
	rig_open(&rig,
		arena_format(arena,
			"[{\"domid\": 4, \"uuid\": \"%s\", \"owned\": true, \"power\": \"Dying\", \"mark\":"
			" {\"owner\": \"default\", \"kind\": \"Domain\", \"name\": \"a\"}}]",
			uid),
		"\"guests\": [{\"domid\": 4, \"holds\": \"64MiB\", \"leaves\": 30000}]");
	rig.options.tries = 5;
	cr_assert_eq(apply(&rig, a)->end, CONVERGED);
	cr_assert_neq(find(&rig, "a")->domid, 4);
}

Test(converge, out_of_time_it_ends_and_says_so)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"domain.create\", \"count\": 99}]");
	rig.options.timeout_ms = 1500;
	const struct convergence *end = apply(&rig, a);
	cr_assert_eq(end->end, CONVERGE_FAILED);
	cr_assert_leq(rig.begun[verb_domain_create], 2);
}

Test(converge, told_to_stop_it_begins_nothing)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	const int stop = 1;
	rig.executor.stop = &stop;
	const struct convergence *end = apply(&rig, a);
	cr_assert(end->stopped);
	cr_assert_eq(end->done, 0);
	cr_assert_null(find(&rig, "a"));
}

Test(converge, told_to_stop_while_it_waits_it_ends)
{
	RIG rig;
	rig_open(&rig, "[]", "\"faults\": [{\"verb\": \"domain.create\", \"count\": 99}]");
	int stop = 0;
	sim_stop_after(rig.inner, 0, &stop);
	rig.executor.stop = &stop;
	rig.options.tries = 30;
	rig.options.timeout_ms = 60000;
	const struct convergence *end = apply(&rig, a);
	cr_assert_not(end->stopped);
	stop = 1;
	end = apply(&rig, a);
	cr_assert(end->stopped);
	cr_assert_eq(end->passes, 1);
}

static bool has_record(const char *name)
{
	char uid[UID_SIZE], path[128];
	uid_of("default", "Domain", name, uid);
	snprintf(path, sizeof(path), "state/domains/%s.json", uid);
	return scratch_has(path);
}

static void leave_record(struct rig *rig, const char *name, bool protect, const char *owner)
{
	char uid[UID_SIZE];
	uid_of("default", "Domain", name, uid);
	struct Record *record = arena_make(rig->arena, struct Record);
	KNOW(record, Record, owner, owner);
	KNOW(record, Record, kind, "Domain");
	KNOW(record, Record, name, name);
	KNOW(record, Record, source, arena_format(rig->arena, "%s/manifests", scratch));
	KNOW(record, Record, protect, protect);
	cr_assert(record_write("state", uid, record));
}

Test(converge, a_record_without_its_domain_goes)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	leave_record(&rig, "gone", false, "default");
	leave_record(&rig, "b", true, "default"); /* wanted Stopped */
	cr_assert_eq(apply(&rig, nothing_but_b)->end, CONVERGED);
	cr_assert_not(has_record("gone"));
	cr_assert_not(has_record("b"));
}

Test(converge, a_record_stays_that_is_protected_or_of_others_or_of_a_domain_that_is_wanted)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	leave_record(&rig, "protected", true, "default");
	leave_record(&rig, "foreign", false, "other");
	cr_assert_eq(apply(&rig, a)->end, CONVERGED);
	cr_assert(has_record("a"));
	cr_assert(has_record("protected"));
	cr_assert(has_record("foreign"));
}

Test(converge, no_record_goes_where_pruning_is_off)
{
	RIG rig;
	rig_open(&rig, "[]", "");
	rig.options.plan.prune = false;
	leave_record(&rig, "gone", false, "default");
	cr_assert_eq(apply(&rig, a)->end, CONVERGED);
	cr_assert(has_record("gone"));
}
