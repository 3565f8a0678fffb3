/* Turns of a loop that does not end, on a simulated host: what waits, until when, and what makes it wait no
 * longer. The clock is the host's: time passes when the test says so. */
#include "act/turn.h"
#include "act/history.h"
#include "scratch.h"
#include "simulated.h"
#include "want/load.h"

TestSuite(turn, .init = scratch_enter, .fini = scratch_leave);

enum { DELAY = 60000 };

struct rig {
	struct simulated sim;
	const struct HostSpec *settings;
	struct want *want;
	struct turner turner;
	uint32_t begun[VERBS];
};

static void told(void *context, const struct progress *progress)
{
	struct rig *rig = context;
	rig->begun[progress->action->verb] += progress->kind == PROGRESS_BEGIN;
}

/* `host`: host.json. */
static void rig_open(struct rig *rig, const char *host)
{
	*rig = (struct rig){.sim = simulated_open(host)};
	scratch_write("host.yaml", "{apiVersion: xensteer/v1, kind: Host, spec: {deletions: {free: 100}}}\n");
	cr_assert_eq(chmod("host.yaml", 0600), 0);
	cr_assert_eq(mkdir("manifests", 0755), 0);
	rig->settings = host_settings(rig->sim.arena, "host.yaml", rig->sim.report);
	const struct observer observer = {.host = rig->sim.host,
		.storage = rig->sim.host->driver->storage(rig->sim.host),
		.owner = "default",
		.state_dir = "state"};
	const struct executor executor = {.host = observer.host,
		.storage = observer.storage,
		.state_dir = "state",
		.parallelism = 4,
		.told = told,
		.context = rig};
	turner_init(&rig->turner, &executor, &observer,
		&(struct turn_options){.plan = {.prune = true}, .seed = 1, .prune_delay_ms = DELAY});
}

static void rig_close(struct rig *rig)
{
	turner_free(&rig->turner);
	want_free(rig->want);
	simulated_close(&rig->sim);
}
#define RIG __attribute__((cleanup(rig_close))) struct rig

static void manifests(struct rig *rig, const char *text)
{
	static const char *const paths[] = {"manifests"};
	const struct load_options options = {.paths = paths,
		.path_count = 1,
		.host = rig->settings,
		.owner = "default",
		.host_name = "sim"};
	turner_leave_want(&rig->turner);
	want_free(rig->want);
	scratch_write("manifests/all.yaml", text);
	rig->want = want_load(&options, rig->sim.report);
}

/* Turns until nothing is to be done now. The moment of the next one, from now; -1: none. */
static int64_t settle(struct rig *rig)
{
	for (int i = 0; i < 100; i++) {
		struct turn *turn = turn_look(&rig->turner, rig->want);
		if (turn_begin(turn)) {
			while (!(turn = turner_step(&rig->turner, INT64_MAX)))
				;
			turn_free(turn);
			continue;
		}
		const int64_t next = turn_next(turn);
		turn_free(turn);
		return next < 0 ? -1 : next - rig->sim.host->driver->now(rig->sim.host);
	}
	cr_assert_fail("a hundred turns, and no end");
	return 0;
}

static bool runs(struct rig *rig, const char *name)
{
	char uid[UID_SIZE];
	uid_of("default", "Domain", name, uid);
	const struct HaveDomain *domain = simulated_find(&rig->sim, uid);
	return domain && KNOWN(domain, HaveDomain, power) && domain->power == found_power_Running;
}

#define SIM(members) "{\"apiVersion\": \"xensteer/v1\", \"kind\": \"Observation\", \"sim\": {" members "}}"
#define DOMAIN(name)                                                                                         \
	"---\n{apiVersion: xensteer/v1, kind: Domain, metadata: {name: " name                                \
	"}, spec: {memory: 64MiB, boot: {kernel: /boot/vmlinuz}}}\n"

Test(turn, what_no_manifest_names_is_removed_after_the_delay_and_not_before)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\""));
	manifests(&rig, DOMAIN("a") DOMAIN("b"));
	cr_assert_eq(settle(&rig), -1);
	manifests(&rig, DOMAIN("b"));
	const int64_t wait = settle(&rig);
	cr_assert_gt(wait, DELAY - 10000);
	cr_assert_leq(wait, DELAY);
	cr_assert(runs(&rig, "a"));
	sim_advance(rig.sim.host, wait / 2);
	cr_assert_gt(settle(&rig), 0);
	cr_assert(runs(&rig, "a"));
	sim_advance(rig.sim.host, wait);
	cr_assert_eq(settle(&rig), -1);
	cr_assert_not(runs(&rig, "a"));
	cr_assert(runs(&rig, "b"));
}

Test(turn, what_comes_back_within_the_delay_is_as_if_nothing_had_been)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\""));
	manifests(&rig, DOMAIN("a") DOMAIN("b"));
	settle(&rig);
	manifests(&rig, DOMAIN("b"));
	sim_advance(rig.sim.host, settle(&rig) / 2);
	manifests(&rig, DOMAIN("a") DOMAIN("b"));
	cr_assert_eq(settle(&rig), -1);
	/* the delay begins anew */
	manifests(&rig, DOMAIN("b"));
	cr_assert_gt(settle(&rig), DELAY - 10000);
	cr_assert(runs(&rig, "a"));
	cr_assert_eq(rig.begun[verb_domain_shutdown], 0);
}

Test(turn, a_host_that_is_not_seen_for_a_moment_does_not_shorten_the_delay)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\""));
	manifests(&rig, DOMAIN("a") DOMAIN("b"));
	settle(&rig);
	manifests(&rig, DOMAIN("b"));
	settle(&rig);
	sim_advance(rig.sim.host, DELAY / 2);
	const int64_t wait = settle(&rig);
	cr_assert_leq(wait, DELAY / 2); /* nor does it lengthen */
}

/* A guest that somebody ends by hand is back at once; one that ends again and again comes back more and more
 * seldom, and at once again after it has lived for a while. */
Test(turn, a_guest_that_keeps_ending_comes_back_more_and_more_seldom)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\""));
	manifests(&rig, DOMAIN("a"));
	settle(&rig);
	int64_t longest = 0;
	for (int i = 0; i < 8; i++) {
		cr_assert(sim_poke(rig.sim.host, "a", sim_event_poweroff));
		const int64_t wait = settle(&rig);
		if (i == 0) {
			cr_assert(runs(&rig, "a"));
			continue;
		}
		if (runs(&rig, "a"))
			continue;
		cr_assert_gt(wait, 0);
		longest = wait > longest ? wait : longest;
		sim_advance(rig.sim.host, wait);
		settle(&rig);
		cr_assert(runs(&rig, "a"));
	}
	cr_assert_gt(longest, 8000);
	sim_advance(rig.sim.host, 120000);
	settle(&rig);
	cr_assert(sim_poke(rig.sim.host, "a", sim_event_poweroff));
	settle(&rig);
	cr_assert(runs(&rig, "a"));
}

Test(turn, what_fails_is_never_given_up_but_tried_more_and_more_seldom)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\", \"faults\": [{\"verb\": \"domain.create\", "
			   "\"count\": 12}]"));
	manifests(&rig, DOMAIN("a"));
	int64_t last = 0;
	int tries = 0;
	for (int64_t wait; (wait = settle(&rig)) >= 0; tries++) {
		cr_assert_lt(tries, 40);
		if (tries > 2 && tries < 8)
			cr_assert_geq(wait, last);
		cr_assert_leq(wait, BACKOFF_MOST_MS + BACKOFF_MOST_MS / 4);
		last = wait;
		sim_advance(rig.sim.host, wait);
	}
	cr_assert(runs(&rig, "a"));
	cr_assert_eq(rig.begun[verb_domain_create], 13);
}

Test(turn, a_manifest_that_changed_is_tried_at_once)
{
	RIG rig;
	rig_open(&rig,
		SIM("\"storage\": \"simulated\", \"faults\": [{\"verb\": \"domain.create\", \"count\": 6}]"));
	manifests(&rig, DOMAIN("a"));
	for (int i = 0; i < 6; i++)
		sim_advance(rig.sim.host, i < 5 ? settle(&rig) : 0);
	cr_assert_gt(settle(&rig), 5000);
	cr_assert_not(runs(&rig, "a"));
	turner_forget(&rig.turner, "Domain/a");
	cr_assert_eq(settle(&rig), -1);
	cr_assert(runs(&rig, "a"));
}

Test(turn, a_host_that_cannot_be_seen_is_looked_at_again)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\", \"unobservable\": 5"));
	manifests(&rig, DOMAIN("a"));
	int looks = 0;
	for (int64_t wait; (wait = settle(&rig)) >= 0; looks++) {
		cr_assert_lt(looks, 10);
		sim_advance(rig.sim.host, wait);
	}
	cr_assert_geq(looks, 4);
	cr_assert(runs(&rig, "a"));
}

/* A guest that does not obey takes its minute; another one that ends meanwhile is back before that, and what
 * is under way is left alone. */
Test(turn, one_that_is_slow_to_shut_down_keeps_no_other_waiting)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\", \"deaf\": [\"slow\"]"));
	manifests(&rig, DOMAIN("slow") DOMAIN("a"));
	settle(&rig);
	manifests(&rig, DOMAIN("a") "---\n{apiVersion: xensteer/v1, kind: Domain, metadata: {name: slow}, "
				    "spec: {memory:"
				    " 64MiB, power: Stopped, boot: {kernel: /boot/vmlinuz}}}\n");
	struct turn *slow = turn_look(&rig.turner, rig.want), *ended = NULL;
	cr_assert(turn_begin(slow));
	const int64_t began = rig.sim.host->driver->now(rig.sim.host);
	cr_assert_null(turner_step(&rig.turner, began + 1000));
	cr_assert(sim_poke(rig.sim.host, "a", sim_event_destroy));
	struct turn *quick = turn_look(&rig.turner, rig.want);
	cr_assert(turn_begin(quick));
	cr_assert_eq(quick->waiting.count, 1);
	cr_assert_str_eq(quick->waiting.item[0], "Domain/slow");
	while (!ended)
		ended = turner_step(&rig.turner, INT64_MAX);
	cr_assert_eq(ended, quick);
	cr_assert_lt(rig.sim.host->driver->now(rig.sim.host) - began, 30000);
	cr_assert(runs(&rig, "a"));
	cr_assert(turner_works(&rig.turner));
	turn_free(ended);
	while (!(ended = turner_step(&rig.turner, INT64_MAX)))
		;
	cr_assert_eq(ended, slow);
	turn_free(ended);
	cr_assert_not(turner_works(&rig.turner));
	cr_assert_eq(rig.begun[verb_domain_shutdown], 1);
}

/* Removals are counted against the cap of an hour when they begin: two plans must not each take what is left.
 */
Test(turn, what_takes_guests_down_is_one_plan_at_a_time)
{
	RIG rig;
	rig_open(&rig, SIM("\"storage\": \"simulated\", \"deaf\": [\"b\"]"));
	rig.turner.options.prune_delay_ms = 0;
	manifests(&rig, DOMAIN("a") DOMAIN("b") DOMAIN("c"));
	settle(&rig);
	manifests(&rig, DOMAIN("a") DOMAIN("c"));
	struct turn *first = turn_look(&rig.turner, rig.want), *ended;
	cr_assert(turn_begin(first));
	struct want *before = rig.want;
	rig.want = NULL;
	manifests(&rig, DOMAIN("c"));
	struct turn *second = turn_look(&rig.turner, rig.want);
	cr_assert_not(turn_begin(second));
	turn_free(second);
	while (!(ended = turner_step(&rig.turner, INT64_MAX)))
		;
	turn_free(ended);
	want_free(before);
}

static int words_told;

static void count_words(void *context, const struct object_status *status, const char *words)
{
	(void)context, (void)status, (void)words;
	words_told++;
}

static void look(struct rig *rig, struct history *history, int64_t now)
{
	struct turn *turn = turn_look(&rig->turner, rig->want);
	struct list all = status_of(turn->plan->arena, rig->want, turn->have, turn->plan);
	history_turn(history, &all, now, count_words, NULL);
	turn_free(turn);
}

Test(turn, history_knows_generations_and_since_when_a_condition_stands)
{
	RIG rig;
	struct history *history = history_new();
	rig_open(&rig, SIM("\"storage\": \"simulated\""));
	manifests(&rig, DOMAIN("a") DOMAIN("b"));
	history_load(history, NULL, rig.want, NULL, NULL);
	look(&rig, history, 1000);
	const struct past *past = history_find(history, "Domain/a");
	cr_assert_eq(past->generation, 1);
	cr_assert_eq(past->observed, 1);
	cr_assert_eq(past->status[CONDITION_READY], TRUTH_FALSE);
	cr_assert_eq(past->since[CONDITION_READY], 1000);
	cr_assert_eq(words_told, 2);
	settle(&rig);
	look(&rig, history, 2000);
	look(&rig, history, 3000);
	cr_assert_eq(words_told, 4); /* the same words are told once */
	cr_assert_eq(history_find(history, "Domain/a")->since[CONDITION_READY], 2000);
	struct want *before = rig.want;
	rig.want = NULL;
	manifests(&rig, "{apiVersion: xensteer/v1, kind: Domain, metadata: {name: a}, spec: {memory: 128MiB,"
			" boot: {kernel: /boot/vmlinuz}}}\n");
	history_load(history, before, rig.want, NULL, NULL);
	cr_assert_eq(history_find(history, "Domain/a")->generation, 2);
	cr_assert_eq(history_find(history, "Domain/a")->observed, 1);
	cr_assert_eq(history_find(history, "Domain/b")->generation, 1);
	look(&rig, history, 4000);
	cr_assert_eq(history_find(history, "Domain/a")->observed, 2);
	want_free(before);
	history_free(history);
}

Test(turn, history_keeps_the_last_actions_only)
{
	struct history *history = history_new();
	for (int i = 0; i < 3 * DEEDS; i++) {
		ARENA_SCOPED arena = arena_new();
		const struct action action = {.verb = verb_domain_create,
			.change = "Domain/a",
			.text = arena_format(arena, "create %d", i)};
		const struct finished failed = {.message = arena_text(arena, "no")};
		history_deed(history,
			&(struct progress){.kind = i % 2 ? PROGRESS_FAILED : PROGRESS_DONE,
				.action = &action,
				.result = i % 2 ? &failed : NULL},
			i);
		history_deed(history, &(struct progress){.kind = PROGRESS_BEGIN, .action = &action}, i);
	}
	const struct past *past = history_find(history, "Domain/a");
	cr_assert_eq(past->deed_count, DEEDS);
	cr_assert_str_eq(past->deeds[0].text, "create 10");
	cr_assert_str_eq(past->deeds[DEEDS - 1].text, "create 14");
	cr_assert_eq(past->deeds[DEEDS - 2].time, 13);
	cr_assert(past->deeds[DEEDS - 2].failed);
	cr_assert_str_eq(past->deeds[DEEDS - 2].message, "no");
	cr_assert_null(past->deeds[DEEDS - 1].message);
	cr_assert_null(history_find(history, "Domain/b"));
	history_free(history);
}
