/* execute, with drivers that do nothing but remember: what began when, how many at a time, what the state
 * folder held at that moment. Which action ends next, and how, is said by each test. */
#include "act/execute.h"
#include "scratch.h"
#include "state/record.h"
#include <stdarg.h>
#include <time.h>

TestSuite(execute, .init = scratch_enter, .fini = scratch_leave);

enum { MOST = 32 };
static const char uid[] = "11111111-1111-4111-8111-111111111111";

struct rig {
	struct host host; /* first: the drivers cast */
	struct storage storage;
	struct arena *arena;
	struct report *report;
	struct plan plan;
	struct have *have;
	struct executor executor;

	enum outcome outcomes[MOST + 1]; /* by id */
	uint32_t last_first;             /* non-zero: of those that run, the one that began last ends first */
	uint32_t running[MOST], count, most;
	uint32_t begun[MOST + 1], ended[MOST + 1], moment; /* when, counted in events; 0: never */
	bool record_there[MOST + 1];                       /* as each began */
	int deletions[MOST + 1];
	bool two_of_one;
	int stop, stop_at;
	int64_t clock;
	unsigned told[PROGRESS_HELD + 1];
	struct link link_seen;
};

static int deletions_of(struct arena *arena)
{
	struct texts uids;
	return deletion_count("state", (int64_t)time(NULL), arena, &uids);
}

/* Of those, the ones that have not ended. */
static uint32_t open_deletions_of(struct arena *arena)
{
	struct texts uids;
	deletion_count("state", (int64_t)time(NULL), arena, &uids);
	return uids.count;
}

static void begin(struct rig *rig, const struct action *action, const struct links *links)
{
	for (uint32_t i = 0; i < rig->count; i++) {
		const struct action *other = rig->plan.actions.item[rig->running[i] - 1];
		rig->two_of_one |= strcmp(other->object, action->object) == 0;
	}
	rig->running[rig->count++] = action->id;
	if (rig->count > rig->most)
		rig->most = rig->count;
	rig->begun[action->id] = ++rig->moment;
	rig->record_there[action->id] =
		scratch_has("state/domains/11111111-1111-4111-8111-111111111111.json");
	rig->deletions[action->id] = deletions_of(rig->arena);
	const struct link *link = action->disk_volume ? links_find(links, action->disk_volume->uid) : NULL;
	if (link)
		rig->link_seen = (struct link){.path = arena_text(rig->arena, link->path)};
	if ((int)action->id == rig->stop_at)
		rig->stop = 1;
}

static bool reap(struct rig *rig, enum performer performer, struct finished *done)
{
	uint32_t best = MOST;
	for (uint32_t i = 0; i < rig->count; i++) {
		const struct action *action = rig->plan.actions.item[rig->running[i] - 1];
		if (verb_table[action->verb].performer == performer && (best == MOST || rig->last_first))
			best = i;
	}
	if (best == MOST)
		return false;
	done->id = rig->running[best];
	done->outcome = rig->outcomes[done->id];
	done->message = done->outcome == OUTCOME_DONE ? NULL : arena_text(done->arena, "it broke");
	const struct action *action = rig->plan.actions.item[done->id - 1];
	if (action->verb == verb_volume_create)
		done->link = (struct link){.path = arena_text(done->arena, "/made")};
	memmove(rig->running + best, rig->running + best + 1, sizeof(*rig->running) * (--rig->count - best));
	rig->ended[done->id] = ++rig->moment;
	return true;
}

static struct rig *rig_of(const struct storage *storage)
{
	return (struct rig *)((char *)(uintptr_t)storage - offsetof(struct rig, storage));
}

static void host_begin(struct host *host, const struct action *action, const struct links *links)
{
	begin((struct rig *)host, action, links);
}

static bool host_reap(struct host *host, int64_t until, struct finished *done)
{
	struct rig *rig = (struct rig *)host;
	rig->clock += 10;
	if (reap(rig, PERFORMER_HOST, done))
		return true;
	rig->clock = until;
	return false;
}

static int64_t host_now(struct host *host)
{
	return ((struct rig *)host)->clock;
}

static void storage_begin(struct storage *storage, const struct action *action, const struct links *links)
{
	begin(rig_of(storage), action, links);
}

static bool storage_reap(struct storage *storage, struct finished *done)
{
	return reap(rig_of(storage), PERFORMER_STORAGE, done);
}

static const struct host_driver host_driver = {.begin = host_begin, .reap = host_reap, .now = host_now};
static const struct storage_driver storage_driver = {.begin = storage_begin, .reap = storage_reap};

static void told(void *context, const struct progress *progress)
{
	struct rig *rig = context;
	rig->told[progress->kind]++;
	cr_assert_eq(progress->result != NULL,
		progress->kind == PROGRESS_DONE || progress->kind == PROGRESS_FAILED);
	cr_assert_geq(progress->milliseconds, 0);
}

static void rig_open(struct rig *rig)
{
	*rig = (struct rig){.host.driver = &host_driver,
		.storage.driver = &storage_driver,
		.arena = arena_new(),
		.report = report_new(),
		.have = have_new()};
	rig->have->found->host = arena_make(rig->have->arena, struct HostFacts);
	have_sort(rig->have);
	rig->executor = (struct executor){.host = &rig->host,
		.storage = &rig->storage,
		.state_dir = "state",
		.parallelism = MOST,
		.stop = &rig->stop,
		.told = told,
		.context = rig};
}

static void rig_close(struct rig *rig)
{
	have_free(rig->have);
	report_free(rig->report);
	arena_free(rig->arena);
}
#define RIG __attribute__((cleanup(rig_close))) struct rig

/* The needs follow, ended by 0. */
static struct action *add(struct rig *rig, enum verb verb, const char *object, ...)
{
	struct action *action = arena_make(rig->arena, struct action);
	action->verb = verb;
	action->object = action->change = object;
	action->uid = uid;
	action->needs = arena_array(rig->arena, uint32_t, MOST);
	va_list needs;
	va_start(needs, object);
	for (uint32_t id; (id = va_arg(needs, uint32_t));)
		action->needs[action->needs_count++] = id;
	va_end(needs);
	list_add(rig->arena, &rig->plan.actions, action);
	action->id = rig->plan.actions.count;
	return action;
}

static const struct Record *a_record(struct rig *rig)
{
	struct Record *record = arena_make(rig->arena, struct Record);
	KNOW(record, Record, owner, "default");
	KNOW(record, Record, kind, "Domain");
	KNOW(record, Record, name, "a");
	return record;
}

static struct execution run(struct rig *rig)
{
	return execute(&rig->executor, &rig->plan, rig->have, rig->arena, rig->report);
}

Test(execute, nothing_is_done_of_an_empty_plan)
{
	RIG rig;
	rig_open(&rig);
	const struct execution result = run(&rig);
	cr_assert_eq(result.done + result.failed + result.held, 0);
	cr_assert_eq(rig.moment, 0);
}

Test(execute, an_action_begins_when_all_that_it_needs_has_ended)
{
	RIG rig;
	rig_open(&rig);
	add(&rig, verb_domain_check, "Domain/a", 0);
	add(&rig, verb_volume_create, "Volume/v", 1, 0);
	add(&rig, verb_volume_create, "Volume/w", 1, 0);
	add(&rig, verb_domain_configure, "Domain/a", 2, 3, 0);
	add(&rig, verb_domain_verify, "Domain/a", 4, 0);
	const struct execution result = run(&rig);
	cr_assert_eq(result.done, 5);
	cr_assert_gt(rig.begun[2], rig.ended[1]);
	cr_assert_gt(rig.begun[3], rig.ended[1]);
	cr_assert_gt(rig.begun[4], rig.ended[2]);
	cr_assert_gt(rig.begun[4], rig.ended[3]);
	cr_assert_gt(rig.begun[5], rig.ended[4]);
	cr_assert_eq(rig.most, 2);
	cr_assert_eq(rig.told[PROGRESS_BEGIN], 5);
	cr_assert_eq(rig.told[PROGRESS_DONE], 5);
}

/* Also where a later action ends before an earlier one, and makes something ready that stands before it. */
Test(execute, it_does_not_matter_in_which_order_they_end)
{
	RIG rig;
	rig_open(&rig);
	rig.last_first = 1;
	rig.executor.parallelism = 3;
	char name[MOST][16];
	for (uint32_t i = 0; i < 10; i++) {
		snprintf(name[i], sizeof(name[i]), "Domain/d%u", i);
		if (i < 3)
			add(&rig, verb_domain_check, name[i], 0);
		else
			add(&rig, verb_domain_check, name[i], i - 2, 0);
	}
	cr_assert_eq(run(&rig).done, 10);
	for (uint32_t id = 4; id <= 10; id++)
		cr_assert_gt(rig.begun[id], rig.ended[id - 3]);
}

Test(execute, no_more_run_at_a_time_than_the_host_allows)
{
	for (uint32_t parallelism = 1; parallelism <= 5; parallelism++) {
		RIG rig;
		rig_open(&rig);
		rig.executor.parallelism = parallelism;
		char name[MOST][16];
		for (uint32_t i = 0; i < 12; i++) {
			snprintf(name[i], sizeof(name[i]), "Domain/d%u", i);
			add(&rig, i % 2 ? verb_volume_create : verb_domain_check, name[i], 0);
		}
		cr_assert_eq(run(&rig).done, 12);
		cr_assert_eq(rig.most, parallelism);
	}
}

Test(execute, one_object_has_one_action_at_a_time_and_holds_up_no_other)
{
	RIG rig;
	rig_open(&rig);
	for (int i = 0; i < 4; i++)
		add(&rig, verb_domain_set_memory, "Domain/a", 0);
	add(&rig, verb_domain_set_memory, "Domain/b", 0);
	cr_assert_eq(run(&rig).done, 5);
	cr_assert_not(rig.two_of_one);
	cr_assert_eq(rig.most, 2);
	cr_assert_eq(rig.begun[5], 2); /* right after the first of a */
}

Test(execute, a_failure_holds_what_needs_it_however_far_and_nothing_else)
{
	RIG rig;
	rig_open(&rig);
	add(&rig, verb_domain_check, "Domain/a", 0);
	add(&rig, verb_volume_create, "Volume/v", 1, 0);
	add(&rig, verb_domain_configure, "Domain/a", 2, 0);
	add(&rig, verb_domain_verify, "Domain/a", 3, 0);
	add(&rig, verb_domain_check, "Domain/b", 0);
	add(&rig, verb_domain_verify, "Domain/b", 5, 0);
	add(&rig, verb_domain_verify, "Domain/c", 4, 6, 0);
	rig.outcomes[2] = OUTCOME_TRANSIENT;
	const struct execution result = run(&rig);
	cr_assert_eq(result.done, 3);
	cr_assert_eq(result.failed, 1);
	cr_assert_eq(result.held, 3);
	cr_assert_eq(rig.begun[3] + rig.begun[4] + rig.begun[7], 0);
	cr_assert_neq(rig.ended[6], 0);
	cr_assert_eq(rig.told[PROGRESS_HELD], 3);
	cr_assert_eq(result.failures.count, 1);
	const struct failure *failure = result.failures.item[0];
	cr_assert_eq(failure->action->id, 2);
	cr_assert_not(failure->terminal);
	cr_assert_str_eq(failure->message, "it broke");
}

Test(execute, a_failure_says_whether_another_try_is_worth_it)
{
	RIG rig;
	rig_open(&rig);
	add(&rig, verb_domain_check, "Domain/a", 0);
	rig.outcomes[1] = OUTCOME_TERMINAL;
	const struct execution result = run(&rig);
	cr_assert(((struct failure *)result.failures.item[0])->terminal);
}

Test(execute, the_record_is_there_before_the_domain_and_gone_after_it)
{
	RIG rig;
	rig_open(&rig);
	struct wanted_domain domain = {.name = "a"};
	add(&rig, verb_domain_configure, "Domain/a", 0);
	add(&rig, verb_domain_create, "Domain/a", 1, 0)->record = a_record(&rig);
	struct action *destroy = add(&rig, verb_domain_destroy, "Domain/a", 2, 0);
	destroy->domain = &domain;
	add(&rig, verb_domain_check, "Domain/a", 3, 0);
	cr_assert_eq(run(&rig).done, 4);
	cr_assert_not(rig.record_there[1]);
	cr_assert(rig.record_there[2]);
	cr_assert(rig.record_there[3]);
	cr_assert_not(rig.record_there[4]);
}

Test(execute, the_record_stays_where_the_destroy_failed)
{
	RIG rig;
	rig_open(&rig);
	cr_assert(record_write("state", uid, a_record(&rig)));
	add(&rig, verb_domain_destroy, "Domain/a", 0);
	rig.outcomes[1] = OUTCOME_TRANSIENT;
	cr_assert_eq(run(&rig).failed, 1);
	cr_assert(scratch_has("state/domains/11111111-1111-4111-8111-111111111111.json"));
}

Test(execute, nothing_begins_where_its_record_cannot_be_written)
{
	RIG rig;
	rig_open(&rig);
	scratch_write("state", "a file where the folder would be");
	add(&rig, verb_domain_create, "Domain/a", 0)->record = a_record(&rig);
	add(&rig, verb_domain_verify, "Domain/a", 1, 0);
	const struct execution result = run(&rig);
	cr_assert_eq(rig.begun[1], 0);
	cr_assert_eq(result.failed, 1);
	cr_assert_eq(result.held, 1);
	const struct failure *failure = result.failures.item[0];
	cr_assert_not(failure->terminal);
	cr_assert_not_null(strstr(failure->message, "the record could not be written"));
	cr_assert_not_null(failure->hint);
}

Test(execute, without_a_state_folder_the_host_keeps_everything)
{
	RIG rig;
	rig_open(&rig);
	rig.executor.state_dir = NULL;
	add(&rig, verb_domain_create, "Domain/a", 0)->record = a_record(&rig);
	add(&rig, verb_domain_destroy, "Domain/a", 1, 0);
	cr_assert_eq(run(&rig).done, 2);
	cr_assert_not(scratch_has("state"));
}

Test(execute, a_removal_is_noted_before_it_begins_and_when_it_ended_and_a_restart_is_none)
{
	RIG rig;
	rig_open(&rig);
	struct wanted_domain domain = {.name = "a"};
	add(&rig, verb_domain_destroy, "Domain/a", 0)->domain = &domain;  /* to be created again */
	add(&rig, verb_domain_destroy, "Domain/b", 1, 0)->counted = true; /* no manifest wants it */
	cr_assert_eq(run(&rig).done, 2);
	cr_assert_eq(rig.deletions[1], 0);
	cr_assert_eq(rig.deletions[2], 1);
	cr_assert_eq(deletions_of(rig.arena), 1);
	cr_assert_eq(open_deletions_of(rig.arena), 0);
}

Test(execute, a_removal_has_ended_when_what_goes_with_it_is_gone)
{
	RIG rig;
	rig_open(&rig);
	add(&rig, verb_domain_destroy, "Domain/b", 0)->counted = true;
	struct action *one = add(&rig, verb_volume_remove, "Volume/one", 1, 0);
	struct action *two = add(&rig, verb_volume_remove, "Volume/two", 1, 0);
	one->change = two->change = "Domain/b";
	rig.outcomes[3] = OUTCOME_TRANSIENT;
	cr_assert_eq(run(&rig).failed, 1);
	cr_assert_eq(deletions_of(rig.arena), 1);
	cr_assert_eq(open_deletions_of(rig.arena), 1, "one of its volumes is left");
	rig.outcomes[3] = OUTCOME_DONE;
	cr_assert_eq(run(&rig).done, 3);
	cr_assert_eq(deletions_of(rig.arena), 1, "it is still the same");
	cr_assert_eq(open_deletions_of(rig.arena), 0);
}

Test(execute, nothing_is_removed_where_that_cannot_be_noted)
{
	RIG rig;
	rig_open(&rig);
	cr_assert_eq(mkdir("state", 0700), 0);
	scratch_write("state/deletions.json", "{damaged");
	add(&rig, verb_domain_destroy, "Domain/b", 0)->counted = true;
	const struct execution result = run(&rig);
	cr_assert_eq(result.failed, 1);
	cr_assert_eq(rig.begun[1], 0);
}

Test(execute, when_it_is_to_stop_running_actions_end_and_no_other_begins)
{
	RIG rig;
	rig_open(&rig);
	rig.executor.parallelism = 2;
	rig.stop_at = 2;
	add(&rig, verb_domain_check, "Domain/a", 0);
	add(&rig, verb_domain_check, "Domain/b", 0);
	add(&rig, verb_domain_check, "Domain/c", 0);
	add(&rig, verb_domain_configure, "Domain/a", 1, 0);
	const struct execution result = run(&rig);
	cr_assert_eq(result.done, 2);
	cr_assert_neq(rig.ended[1], 0);
	cr_assert_neq(rig.ended[2], 0);
	cr_assert_eq(rig.begun[3] + rig.begun[4], 0);
}

static bool skip_b(void *context, const struct action *action)
{
	(void)context;
	return strcmp(action->change, "Domain/b") == 0;
}

Test(execute, what_is_left_out_takes_along_what_needs_it)
{
	RIG rig;
	rig_open(&rig);
	rig.executor.skip = skip_b;
	add(&rig, verb_domain_check, "Domain/a", 0);
	add(&rig, verb_domain_check, "Domain/b", 0);
	add(&rig, verb_domain_configure, "Domain/a", 1, 2, 0);
	const struct execution result = run(&rig);
	cr_assert_eq(result.done, 1);
	cr_assert_eq(result.held, 2);
	cr_assert_eq(result.failed, 0);
	cr_assert_eq(rig.begun[2] + rig.begun[3], 0);
}

Test(execute, a_volume_that_was_made_is_known_to_those_that_come_after)
{
	RIG rig;
	rig_open(&rig);
	struct wanted_volume volume = {.name = "v"};
	struct Disk disk = {.vdev = "xvdb"};
	memcpy(volume.uid, uid, sizeof(uid));
	add(&rig, verb_volume_create, "Volume/v", 0)->volume = &volume;
	struct action *attach = add(&rig, verb_disk_attach, "Domain/a", 1, 0);
	attach->disk = &disk;
	attach->disk_volume = &volume;
	cr_assert_eq(run(&rig).done, 2);
	cr_assert_str_eq(rig.link_seen.path, "/made");
}

Test(execute, a_volume_that_was_found_is_known_from_the_start)
{
	RIG rig;
	rig_open(&rig);
	struct wanted_volume volume = {.name = "v"};
	struct Disk disk = {.vdev = "xvdb"};
	memcpy(volume.uid, uid, sizeof(uid));
	struct HaveVolume *found = arena_make(rig.have->arena, struct HaveVolume);
	struct LayerFound *layer = arena_make(rig.have->arena, struct LayerFound);
	KNOW(found, HaveVolume, uid, uid);
	KNOW(found, HaveVolume, state, volume_state_complete);
	KNOW(layer, LayerFound, path, "/found");
	list_add(rig.have->arena, &found->chain, layer);
	found->at[HaveVolume_chain] = &mark_observed;
	list_add(rig.have->arena, &rig.have->found->volumes, found);
	have_sort(rig.have);
	struct action *attach = add(&rig, verb_disk_attach, "Domain/a", 0);
	attach->disk = &disk;
	attach->disk_volume = &volume;
	cr_assert_eq(run(&rig).done, 1);
	cr_assert_str_eq(rig.link_seen.path, "/found");
}
