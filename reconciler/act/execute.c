/* execute: a plan goes in; its actions are begun when all they need has succeeded, as many at a time as the
 * host allows and one per object, and reaped as they end. Each action is in one state:
 *
 *   WAITING   something that it needs has not ended
 *   READY     may begin
 *   RUNNING   begun, not yet reaped
 *   DONE, FAILED
 *   HELD      something that it needs failed, or was held
 *
 * Before an action that makes a domain its record is on the disk; after one that removes it the record goes.
 * Order and readiness come from counters (how many needs are open), as in any build tool. */
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

struct scheduler {
	const struct executor *executor;
	struct arena *arena; /* of this execution */
	struct arena *into;  /* of what the caller is told */
	struct task *tasks;
	uint32_t count, running, first_ready; /* nothing before first_ready is READY */
	struct links links;
	struct report *report;
	struct execution result;
};

static int64_t clock_of(const struct scheduler *scheduler)
{
	return scheduler->executor->host->driver->now(scheduler->executor->host);
}

static void tell(const struct scheduler *scheduler, enum progress_kind kind, const struct task *task,
	const struct finished *result)
{
	const struct progress progress = {.kind = kind,
		.action = task->action,
		.result = result,
		.milliseconds = task->state == WAITING || task->state == HELD
					? 0
					: clock_of(scheduler) - task->began};
	if (scheduler->executor->told)
		scheduler->executor->told(scheduler->executor->context, &progress);
}

static void link_volume(struct scheduler *scheduler, const struct have *have, const char *uid)
{
	const struct HaveVolume *volume = have_volume(have, uid);
	struct link link;
	if (volume && have_volume_link(volume, &link))
		links_set(&scheduler->links, uid, &link);
}

/* What is known of the volumes that the actions name, before any of them ran. */
static void link_all(struct scheduler *scheduler, const struct plan *plan, const struct have *have)
{
	for (uint32_t i = 0; i < plan->actions.count; i++) {
		const struct action *action = plan->actions.item[i];
		if (action->disk_volume)
			link_volume(scheduler, have, action->disk_volume->uid);
		if (!action->domain || verb_table[action->verb].stage > STAGE_CREATE)
			continue;
		for (uint32_t k = 0; k < action->domain->disks.count; k++) {
			const struct wanted_disk *disk = action->domain->disks.item[k];
			if (disk->volume)
				link_volume(scheduler, have, disk->volume->uid);
		}
	}
}

static void tasks_make(struct scheduler *scheduler, const struct plan *plan)
{
	scheduler->count = plan->actions.count;
	scheduler->tasks = arena_array(scheduler->arena, struct task, scheduler->count);
	uint32_t *degree = arena_array(scheduler->arena, uint32_t, scheduler->count + 1);
	for (uint32_t i = 0; i < scheduler->count; i++) {
		const struct action *action = plan->actions.item[i];
		for (uint32_t k = 0; k < action->needs_count; k++)
			degree[action->needs[k] - 1]++;
	}
	for (uint32_t i = 0; i < scheduler->count; i++) {
		struct task *task = &scheduler->tasks[i];
		task->action = plan->actions.item[i];
		task->open = task->action->needs_count;
		task->state = task->open ? WAITING : READY;
		task->dependents = arena_array(scheduler->arena, uint32_t, degree[i]);
		/* ids are in execution order: what this one needs stands before it */
		for (uint32_t k = 0; k < task->action->needs_count; k++) {
			struct task *needed = &scheduler->tasks[task->action->needs[k] - 1];
			needed->dependents[needed->dependent_count++] = i;
		}
	}
}

/* Holds everything that needs this task, however far. It is told where the task failed; what was left out on
 * purpose is no news. */
static void hold_dependents(struct scheduler *scheduler, const struct task *task)
{
	struct list pending = {0};
	list_add(scheduler->arena, &pending, (void *)(uintptr_t)task);
	while (pending.count) {
		const struct task *failed = pending.item[--pending.count];
		for (uint32_t i = 0; i < failed->dependent_count; i++) {
			struct task *held = &scheduler->tasks[failed->dependents[i]];
			if (held->state != WAITING)
				continue;
			held->state = HELD;
			scheduler->result.held++;
			if (task->state == FAILED)
				tell(scheduler, PROGRESS_HELD, held, NULL);
			list_add(scheduler->arena, &pending, held);
		}
	}
}

static void succeed(struct scheduler *scheduler, struct task *task)
{
	task->state = DONE;
	scheduler->result.done++;
	for (uint32_t i = 0; i < task->dependent_count; i++) {
		struct task *dependent = &scheduler->tasks[task->dependents[i]];
		if (--dependent->open == 0 && dependent->state == WAITING) {
			dependent->state = READY;
			if (task->dependents[i] < scheduler->first_ready)
				scheduler->first_ready = task->dependents[i];
		}
	}
}

static void fail(struct scheduler *scheduler, struct task *task, const struct finished *result)
{
	task->state = FAILED;
	scheduler->result.failed++;
	struct failure *failure = arena_make(scheduler->into, struct failure);
	*failure = (struct failure){.action = task->action,
		.terminal = result->outcome == OUTCOME_TERMINAL,
		.message = arena_text(
			scheduler->into, result->message ? result->message : "no reason was given"),
		.hint = arena_text(scheduler->into, result->hint)};
	list_add(scheduler->into, &scheduler->result.failures, failure);
	hold_dependents(scheduler, task);
}

static struct finished failure_of_record(
	struct scheduler *scheduler, const struct task *task, const char *what)
{
	return (struct finished){.id = task->action->id,
		.outcome = OUTCOME_TRANSIENT,
		.arena = scheduler->arena,
		.message = arena_format(scheduler->arena, "%s in %s: %s", what,
			scheduler->executor->state_dir, strerror(errno)),
		.hint = "nothing was done to the domain; look at the disk of the state folder"};
}

/* Records and deletions are on the disk before what they tell of begins. */
static bool write_ahead(struct scheduler *scheduler, struct task *task, struct finished *failure)
{
	const char *state_dir = scheduler->executor->state_dir;
	const struct action *action = task->action;
	if (!state_dir)
		return true;
	if (verb_table[action->verb].records && !record_write(state_dir, action->uid, action->record)) {
		*failure = failure_of_record(scheduler, task, "the record could not be written");
		return false;
	}
	if (action->counted && !deletion_add(state_dir, action->uid, (int64_t)time(NULL))) {
		*failure = failure_of_record(scheduler, task, "the removal could not be noted");
		return false;
	}
	return true;
}

static void settle(struct scheduler *scheduler, const struct finished *result)
{
	struct task *task = &scheduler->tasks[result->id - 1];
	const struct action *action = task->action;
	scheduler->running--;
	if (result->outcome != OUTCOME_DONE) {
		tell(scheduler, PROGRESS_FAILED, task, result);
		fail(scheduler, task, result);
		return;
	}
	if (result->link.path && action->volume)
		links_set(&scheduler->links, action->volume->uid, &result->link);
	if (scheduler->executor->state_dir && verb_table[action->verb].forgets &&
		!record_remove(scheduler->executor->state_dir, action->uid))
		report_warn(scheduler->report, action->at, action->object, "remove the file by hand",
			"%s: its record could not be removed: %s", action->object, strerror(errno));
	if (scheduler->executor->state_dir && action->counted &&
		!deletion_end(scheduler->executor->state_dir, action->uid, (int64_t)time(NULL)))
		report_warn(scheduler->report, action->at, action->object, NULL,
			"%s: that its removal has ended could not be noted: %s", action->object,
			strerror(errno));
	tell(scheduler, PROGRESS_DONE, task, result);
	succeed(scheduler, task);
}

static void begin(struct scheduler *scheduler, struct task *task)
{
	const struct executor *executor = scheduler->executor;
	task->began = clock_of(scheduler);
	task->state = RUNNING;
	scheduler->running++;
	tell(scheduler, PROGRESS_BEGIN, task, NULL);
	struct finished failure;
	if (!write_ahead(scheduler, task, &failure)) {
		settle(scheduler, &failure);
		return;
	}
	if (verb_table[task->action->verb].performer == PERFORMER_STORAGE)
		executor->storage->driver->begin(executor->storage, task->action, &scheduler->links);
	else
		executor->host->driver->begin(executor->host, task->action, &scheduler->links);
}

static bool object_is_busy(const struct scheduler *scheduler, const char *object)
{
	if (!scheduler->running)
		return false;
	for (uint32_t i = 0; i < scheduler->count; i++)
		if (scheduler->tasks[i].state == RUNNING &&
			strcmp(scheduler->tasks[i].action->object, object) == 0)
			return true;
	return false;
}

static bool stopping(const struct scheduler *scheduler)
{
	return scheduler->executor->stop && *scheduler->executor->stop;
}

static void begin_ready(struct scheduler *scheduler)
{
	uint32_t i = scheduler->first_ready;
	bool skipped = false;
	for (; i < scheduler->count && scheduler->running < scheduler->executor->parallelism; i++) {
		struct task *task = &scheduler->tasks[i];
		if (task->state == READY && !stopping(scheduler)) {
			if (object_is_busy(scheduler, task->action->object))
				skipped = true;
			else
				begin(scheduler, task);
		}
		if (!skipped && i == scheduler->first_ready && task->state != READY && task->state != WAITING)
			scheduler->first_ready++;
	}
}

/* One action that ended, of storage or of the host; false if none did within a slice of time. */
static bool reap(struct scheduler *scheduler, struct finished *result)
{
	enum { SLICE_MS = 1000 };
	const struct executor *executor = scheduler->executor;
	*result = (struct finished){.arena = scheduler->arena};
	if (executor->storage->driver->reap(executor->storage, result))
		return true;
	return executor->host->driver->reap(executor->host, clock_of(scheduler) + SLICE_MS, result);
}

/* Actions of objects that are left out now never begin, nor does what needs them. */
static void leave_out(struct scheduler *scheduler)
{
	const struct executor *executor = scheduler->executor;
	for (uint32_t i = 0; executor->skip && i < scheduler->count; i++) {
		struct task *task = &scheduler->tasks[i];
		if (task->state == HELD || !executor->skip(executor->context, task->action))
			continue;
		task->state = HELD;
		scheduler->result.held++;
		hold_dependents(scheduler, task);
	}
}

struct execution execute(const struct executor *executor, const struct plan *plan, const struct have *have,
	struct arena *into, struct report *report)
{
	ARENA_SCOPED arena = arena_new();
	struct scheduler scheduler = {.executor = executor,
		.arena = arena,
		.into = into,
		.links = {.arena = arena},
		.report = report};
	link_all(&scheduler, plan, have);
	tasks_make(&scheduler, plan);
	leave_out(&scheduler);
	begin_ready(&scheduler);
	while (scheduler.running) {
		struct finished result;
		if (reap(&scheduler, &result))
			settle(&scheduler, &result);
		begin_ready(&scheduler);
	}
	return scheduler.result;
}
