/* execute: plans go in; their actions are begun when all they need has succeeded, as many at a time as the
 * host allows and one per object, and reaped as they end. Each action is in one state:
 *
 *   WAITING   something that it needs has not ended
 *   READY     may begin
 *   RUNNING   begun, not yet reaped
 *   DONE, FAILED
 *   HELD      something that it needs failed, or was held
 *
 * A plan under way is a batch. Within it order and readiness come from counters (how many needs are open), as
 * in any build tool; between batches there is no order, because a later one leaves alone what an earlier one
 * works on. The ids of a plan begin at 1, so each batch has its own range for the drivers.
 *
 * Before an action that makes a domain its record is on the disk; after one that removes it the record goes.
 */
#include "act/execute.h"
#include "state/record.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum state { WAITING, READY, RUNNING, DONE, FAILED, HELD };

struct task {
	const struct action *action;
	enum state state;
	uint32_t open;        /* needs that have not succeeded */
	uint32_t *dependents; /* indices */
	uint32_t dependent_count;
	int64_t began;
};

struct batch {
	struct executing *executing;
	struct batch *next;
	struct arena *arena; /* of this batch */
	struct arena *into;  /* of what the caller is told */
	void *owner;
	const struct plan *plan;
	struct task *tasks;
	uint32_t count, first_ready; /* nothing before first_ready is READY */
	uint32_t first_id;           /* what the drivers know its first action by */
	uint32_t running;
	struct links links;
	struct report *report;
	struct execution result;
};

struct executing {
	struct executor executor;
	struct batch *batches; /* oldest first */
	uint32_t running;
	uint32_t waiting; /* of them: for a guest, which costs the host nothing */
};

static int64_t clock_of(const struct batch *batch)
{
	const struct host *host = batch->executing->executor.host;
	return host->driver->now(batch->executing->executor.host);
}

static void tell(const struct batch *batch, enum progress_kind kind, const struct task *task,
	const struct finished *result)
{
	const struct progress progress = {.kind = kind,
		.action = task->action,
		.result = result,
		.milliseconds =
			task->state == WAITING || task->state == HELD ? 0 : clock_of(batch) - task->began};
	if (batch->executing->executor.told)
		batch->executing->executor.told(batch->executing->executor.context, &progress);
}

static void link_volume(struct batch *batch, const struct have *have, const char *uid)
{
	const struct HaveVolume *volume = have_volume(have, uid);
	struct link link;
	if (volume && have_volume_link(volume, &link))
		links_set(&batch->links, uid, &link);
}

/* A config drive that is there already. */
static void link_drive(struct batch *batch, const struct have *have, const struct action *action)
{
	const struct HaveDrive *drive =
		have_drive(have, action->domain->uid, have_wanted_content(have, action->domain->uid));
	const struct link link = {.path = drive ? drive->path : NULL,
		.id = drive ? drive->id : NULL,
		.format = disk_format_raw};
	if (drive)
		links_set(&batch->links, action->config->volume.uid, &link);
}

/* What is known of the volumes that the actions name, before any of them ran. */
static void link_all(struct batch *batch, const struct plan *plan, const struct have *have)
{
	for (uint32_t i = 0; i < plan->actions.count; i++) {
		const struct action *action = plan->actions.item[i];
		if (action->config && action->domain)
			link_drive(batch, have, action);
		if (action->disk_volume)
			link_volume(batch, have, action->disk_volume->uid);
		if (!action->domain || verb_table[action->verb].stage > STAGE_CREATE)
			continue;
		for (uint32_t k = 0; k < action->domain->disks.count; k++) {
			const struct wanted_disk *disk = action->domain->disks.item[k];
			if (disk->volume)
				link_volume(batch, have, disk->volume->uid);
		}
	}
}

static void tasks_make(struct batch *batch, const struct plan *plan)
{
	batch->count = plan->actions.count;
	batch->tasks = arena_array(batch->arena, struct task, batch->count);
	uint32_t *degree = arena_array(batch->arena, uint32_t, batch->count + 1);
	for (uint32_t i = 0; i < batch->count; i++) {
		const struct action *action = plan->actions.item[i];
		for (uint32_t k = 0; k < action->needs_count; k++)
			degree[action->needs[k] - 1]++;
	}
	for (uint32_t i = 0; i < batch->count; i++) {
		struct task *task = &batch->tasks[i];
		task->action = plan->actions.item[i];
		task->open = task->action->needs_count;
		task->state = task->open ? WAITING : READY;
		task->dependents = arena_array(batch->arena, uint32_t, degree[i]);
		/* ids are in execution order: what this one needs stands before it */
		for (uint32_t k = 0; k < task->action->needs_count; k++) {
			struct task *needed = &batch->tasks[task->action->needs[k] - 1];
			needed->dependents[needed->dependent_count++] = i;
		}
	}
}

/* Holds everything that needs this task, however far. It is told where the task failed; what was left out on
 * purpose is no news. */
static void hold_dependents(struct batch *batch, const struct task *task)
{
	struct list pending = {0};
	list_add(batch->arena, &pending, (void *)(uintptr_t)task);
	while (pending.count) {
		const struct task *failed = pending.item[--pending.count];
		for (uint32_t i = 0; i < failed->dependent_count; i++) {
			struct task *held = &batch->tasks[failed->dependents[i]];
			if (held->state != WAITING)
				continue;
			held->state = HELD;
			batch->result.held++;
			if (task->state == FAILED)
				tell(batch, PROGRESS_HELD, held, NULL);
			list_add(batch->arena, &pending, held);
		}
	}
}

static void succeed(struct batch *batch, struct task *task)
{
	task->state = DONE;
	batch->result.done++;
	for (uint32_t i = 0; i < task->dependent_count; i++) {
		struct task *dependent = &batch->tasks[task->dependents[i]];
		if (--dependent->open == 0 && dependent->state == WAITING) {
			dependent->state = READY;
			if (task->dependents[i] < batch->first_ready)
				batch->first_ready = task->dependents[i];
		}
	}
}

static void fail(struct batch *batch, struct task *task, const struct finished *result)
{
	task->state = FAILED;
	batch->result.failed++;
	struct failure *failure = arena_make(batch->into, struct failure);
	*failure = (struct failure){.action = task->action,
		.terminal = result->outcome == OUTCOME_TERMINAL,
		.message = arena_text(batch->into, result->message ? result->message : "no reason was given"),
		.hint = arena_text(batch->into, result->hint)};
	list_add(batch->into, &batch->result.failures, failure);
	hold_dependents(batch, task);
}

static struct finished failure_of_record(struct batch *batch, const char *what)
{
	return (struct finished){.outcome = OUTCOME_TRANSIENT,
		.arena = batch->arena,
		.message = arena_format(batch->arena, "%s in %s: %s", what,
			batch->executing->executor.state_dir, strerror(errno)),
		.hint = "nothing was done to the domain; look at the disk of the state folder"};
}

/* Records and deletions are on the disk before what they tell of begins. */
static bool write_ahead(struct batch *batch, struct task *task, struct finished *failure)
{
	const char *state_dir = batch->executing->executor.state_dir;
	const struct action *action = task->action;
	if (!state_dir)
		return true;
	if (verb_table[action->verb].records && !record_write(state_dir, action->uid, action->record)) {
		*failure = failure_of_record(batch, "the record could not be written");
		return false;
	}
	if (action->counted && !deletion_add(state_dir, action->uid, (int64_t)time(NULL))) {
		*failure = failure_of_record(batch, "the removal could not be noted");
		return false;
	}
	return true;
}

/* A removal that is counted has ended when all is gone that goes with it: a domain's inline volumes, too. */
static void end_removal(struct batch *batch, const struct task *task)
{
	const char *state_dir = batch->executing->executor.state_dir;
	const struct action *action = task->action;
	if (!state_dir || !action->counted || task->state != DONE)
		return;
	for (uint32_t i = 0; i < task->dependent_count; i++) {
		const struct task *dependent = &batch->tasks[task->dependents[i]];
		if (dependent->state != DONE && strcmp(dependent->action->change, action->change) == 0)
			return;
	}
	if (!deletion_end(state_dir, action->uid, (int64_t)time(NULL)))
		report_warn(batch->report, action->at, action->object, NULL,
			"%s: that its removal has ended could not be noted: %s", action->object,
			strerror(errno));
}

static void end_removals(struct batch *batch, const struct task *task)
{
	end_removal(batch, task);
	for (uint32_t i = 0; i < task->action->needs_count; i++)
		end_removal(batch, &batch->tasks[task->action->needs[i] - 1]);
}

static void settle(struct batch *batch, const struct finished *result)
{
	struct task *task = &batch->tasks[result->id - batch->first_id];
	const struct action *action = task->action;
	batch->running--;
	batch->executing->running--;
	batch->executing->waiting -= verb_table[action->verb].waits;
	if (result->outcome != OUTCOME_DONE) {
		tell(batch, PROGRESS_FAILED, task, result);
		fail(batch, task, result);
		return;
	}
	if (result->link.path && action->volume && verb_table[action->verb].stage == STAGE_DISKS)
		links_set(&batch->links, action->volume->uid, &result->link);
	if (batch->executing->executor.state_dir && verb_table[action->verb].forgets &&
		!record_remove(batch->executing->executor.state_dir, action->uid))
		report_warn(batch->report, action->at, action->object, "remove the file by hand",
			"%s: its record could not be removed: %s", action->object, strerror(errno));
	tell(batch, PROGRESS_DONE, task, result);
	succeed(batch, task);
	end_removals(batch, task);
}

static void begin(struct batch *batch, struct task *task)
{
	const struct executor *executor = &batch->executing->executor;
	const uint32_t id = batch->first_id + task->action->id - 1;
	task->began = clock_of(batch);
	task->state = RUNNING;
	batch->running++;
	batch->executing->running++;
	batch->executing->waiting += verb_table[task->action->verb].waits;
	tell(batch, PROGRESS_BEGIN, task, NULL);
	struct finished failure;
	if (!write_ahead(batch, task, &failure)) {
		failure.id = id;
		settle(batch, &failure);
		return;
	}
	struct action *action = arena_make(batch->arena, struct action);
	*action = *task->action;
	action->id = id;
	if (verb_table[action->verb].performer == PERFORMER_STORAGE)
		executor->storage->driver->begin(executor->storage, action, &batch->links);
	else
		executor->host->driver->begin(executor->host, action, &batch->links);
}

static bool works_on(const struct task *task, const char *object)
{
	return strcmp(task->action->object, object) == 0;
}

static bool is_under_way(const struct task *task)
{
	return task->state == WAITING || task->state == READY || task->state == RUNNING;
}

static bool object_is_busy(const struct executing *executing, const char *object)
{
	if (!executing->running)
		return false;
	for (const struct batch *batch = executing->batches; batch; batch = batch->next)
		for (uint32_t i = 0; i < batch->count; i++)
			if (batch->tasks[i].state == RUNNING && works_on(&batch->tasks[i], object))
				return true;
	return false;
}

static bool stopping(const struct executing *executing)
{
	return executing->executor.stop && *executing->executor.stop;
}

static void begin_ready(struct batch *batch)
{
	struct executing *executing = batch->executing;
	uint32_t i = batch->first_ready;
	bool skipped = false;
	for (; i < batch->count && executing->running - executing->waiting < executing->executor.parallelism;
		i++) {
		struct task *task = &batch->tasks[i];
		if (task->state == READY && !stopping(executing)) {
			if (object_is_busy(executing, task->action->object))
				skipped = true;
			else
				begin(batch, task);
		}
		if (!skipped && i == batch->first_ready && task->state != READY && task->state != WAITING)
			batch->first_ready++;
	}
}

/* One action that ended, of storage or of the host; false if none did by then, or somebody else's did. */
static bool reap(struct executing *executing, int64_t until, struct finished *result)
{
	const struct executor *executor = &executing->executor;
	return executor->storage->driver->reap(executor->storage, result) ||
	       executor->host->driver->reap(executor->host, until, result);
}

/* Actions of objects that are left out now never begin, nor does what needs them. */
static void leave_out(struct batch *batch)
{
	const struct executor *executor = &batch->executing->executor;
	for (uint32_t i = 0; executor->skip && i < batch->count; i++) {
		struct task *task = &batch->tasks[i];
		if (task->state == HELD || !executor->skip(batch->owner, task->action))
			continue;
		task->state = HELD;
		batch->result.held++;
		hold_dependents(batch, task);
	}
}

struct executing *executing_new(const struct executor *executor)
{
	struct executing *executing = calloc(1, sizeof(*executing));
	if (!executing)
		memory_ended();
	executing->executor = *executor;
	return executing;
}

void executing_free(struct executing *executing)
{
	free(executing);
}

/* Behind the ranges of all batches under way. */
static uint32_t free_id(const struct executing *executing)
{
	uint32_t id = 1;
	for (const struct batch *batch = executing->batches; batch; batch = batch->next)
		id = batch->first_id + batch->count;
	return id;
}

static void batch_add(struct executing *executing, const struct plan *plan, const struct have *have,
	struct arena *into, struct report *report, void *owner)
{
	struct arena *arena = arena_new();
	struct batch *batch = arena_make(arena, struct batch), **last = &executing->batches;
	*batch = (struct batch){.executing = executing,
		.arena = arena,
		.into = into,
		.owner = owner,
		.plan = plan,
		.first_id = free_id(executing),
		.links = {.arena = arena},
		.report = report};
	while (*last)
		last = &(*last)->next;
	*last = batch;
	link_all(batch, plan, have);
	tasks_make(batch, plan);
	leave_out(batch);
	begin_ready(batch);
}

void executing_add(struct executing *executing, const struct plan *plan, const struct have *have,
	struct report *report, void *owner)
{
	batch_add(executing, plan, have, plan->arena, report, owner);
}

bool executing_busy(const struct executing *executing, const char *object)
{
	for (const struct batch *batch = executing->batches; batch; batch = batch->next)
		for (uint32_t i = 0; i < batch->count; i++) {
			const struct task *task = &batch->tasks[i];
			if (is_under_way(task) &&
				(works_on(task, object) || strcmp(task->action->change, object) == 0))
				return true;
		}
	return false;
}

static bool change_is_under_way(const struct batch *batch, const struct change *change)
{
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct action *action = change->actions.item[i];
		if (is_under_way(&batch->tasks[action->id - 1]))
			return true;
	}
	return false;
}

bool executing_kind(const struct executing *executing, bool (*is)(const struct change *))
{
	for (const struct batch *batch = executing->batches; batch; batch = batch->next)
		for (uint32_t i = 0; i < batch->plan->changes.count; i++) {
			const struct change *change = batch->plan->changes.item[i];
			if (change->actions.count && is(change) && change_is_under_way(batch, change))
				return true;
		}
	return false;
}

bool executing_any(const struct executing *executing)
{
	return executing->batches != NULL;
}

static struct batch *batch_of(const struct executing *executing, uint32_t id)
{
	for (struct batch *batch = executing->batches; batch; batch = batch->next)
		if (id >= batch->first_id && id < batch->first_id + batch->count)
			return batch;
	abort(); /* a driver reaps what was begun, and nothing else */
}

/* Nothing of it runs, and nothing of it can begin any more, or shall. */
static bool batch_ended(const struct batch *batch)
{
	if (batch->running)
		return false;
	for (uint32_t i = batch->first_ready; i < batch->count && !stopping(batch->executing); i++)
		if (batch->tasks[i].state == READY)
			return false;
	return true;
}

/* Takes one batch that has ended out of the chain. */
static void *batch_take(struct executing *executing, struct execution *result)
{
	for (struct batch **at = &executing->batches, *batch; (batch = *at); at = &batch->next) {
		if (!batch_ended(batch))
			continue;
		void *owner = batch->owner;
		*result = batch->result;
		*at = batch->next;
		arena_free(batch->arena);
		return owner;
	}
	return NULL;
}

void *executing_step(struct executing *executing, int64_t until, struct execution *result)
{
	void *owner = batch_take(executing, result);
	if (owner || !executing->batches)
		return owner;
	ARENA_SCOPED arena = arena_new();
	struct finished finished = {.arena = arena};
	if (executing->running && reap(executing, until, &finished))
		settle(batch_of(executing, finished.id), &finished);
	for (struct batch *batch = executing->batches; batch; batch = batch->next)
		begin_ready(batch);
	return batch_take(executing, result);
}

struct execution execute(const struct executor *executor, const struct plan *plan, const struct have *have,
	struct arena *into, struct report *report)
{
	enum { SLICE_MS = 1000 };
	struct executing *executing = executing_new(executor);
	struct execution result = {0};
	batch_add(executing, plan, have, into, report, executor->context);
	while (executing_any(executing)) {
		const int64_t now = executor->host->driver->now(executor->host);
		executing_step(executing, now + SLICE_MS, &result);
	}
	executing_free(executing);
	return result;
}
