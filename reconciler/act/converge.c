/* converge: the loop of the whole program. Nothing is carried from one pass to the next but back-off: each
 * pass believes only what it observes ("the world is the journal", docs/hacking.md). A pass either executes
 * something, or waits for the next moment at which something may be tried again, or is the last. */
#include "act/converge.h"
#include "act/backoff.h"
#include "act/sweep.h"
#include <string.h>
#include <time.h>

static const char the_host[] = "the host";

/* A domain that is torn down may take half a minute: looking is tried a little longer than acting. */
enum { UNSEEN_MORE = 2 };

struct pass {
	struct report *report;
	struct have *have;
	struct plan *plan;
};

struct loop {
	const struct executor *given;
	struct executor executor; /* the given one, with our skip */
	struct observer observer;
	const struct want *want;
	const struct converge_options *options;
	struct arena *arena;
	struct backoff failures; /* objects that failed */
	struct backoff unseen;   /* what could not be observed: objects, or "the host" */
	struct backoff rounds;   /* how often each object was changed: one that never settles is given up */
	struct list waiting;     /* const char *: objects that are not worked on in this pass */
	int64_t deadline;        /* 0: none */
	struct convergence result;
};

static int64_t clock_of(const struct loop *loop)
{
	return loop->given->host->driver->now(loop->given->host);
}

static void pass_free(struct pass *pass)
{
	plan_free(pass->plan);
	have_free(pass->have);
	report_free(pass->report);
}

static void pass_make(struct loop *loop, struct pass *pass)
{
	pass->report = report_new();
	loop->observer.now = (int64_t)time(NULL);
	pass->have = observe(&loop->observer, loop->want, pass->report);
	pass->plan = plan_make(loop->want, pass->have, &loop->options->plan, pass->report);
	loop->result.passes++;
	if (loop->options->planned)
		loop->options->planned(
			loop->given->context, pass->plan, pass->have, loop->result.passes, false);
}

static bool given_up(const struct backoff *backoff, const char *object)
{
	const struct setback *setback = backoff_find(backoff, object);
	return setback && setback->given_up;
}

static bool waits(const struct loop *loop, const char *object)
{
	for (uint32_t i = 0; i < loop->waiting.count; i++)
		if (strcmp(loop->waiting.item[i], object) == 0)
			return true;
	return false;
}

/* Does it need an action of an object that waits? */
static bool needs_waiting(const struct loop *loop, const struct plan *plan, const struct change *change)
{
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct action *action = change->actions.item[i];
		for (uint32_t k = 0; k < action->needs_count; k++) {
			const struct action *needed = plan->actions.item[action->needs[k] - 1];
			if (waits(loop, needed->change))
				return true;
		}
	}
	return false;
}

/* An object waits with what it needs, whole: else its first actions would be done anew in each pass while the
 * rest cannot be. */
static void choose_waiting(struct loop *loop, const struct plan *plan)
{
	loop->waiting.count = 0;
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];
		if (backoff_waits(&loop->failures, change->object, clock_of(loop)) ||
			given_up(&loop->rounds, change->object))
			list_add(loop->arena, &loop->waiting, (void *)(uintptr_t)change->object);
	}
	for (bool more = loop->waiting.count; more;) {
		more = false;
		for (uint32_t i = 0; i < plan->changes.count; i++) {
			const struct change *change = plan->changes.item[i];
			if (waits(loop, change->object) || !needs_waiting(loop, plan, change))
				continue;
			list_add(loop->arena, &loop->waiting, (void *)(uintptr_t)change->object);
			more = true;
		}
	}
}

static bool skip(void *context, const struct action *action)
{
	return waits(context, action->change);
}

static void told(void *context, const struct progress *progress)
{
	const struct loop *loop = context;
	if (loop->given->told)
		loop->given->told(loop->given->context, progress);
}

/* Does the plan still ask for it (failures), or still not know it (unseen)? */
static bool is_left(const struct pass *pass, const char *object, bool unseen)
{
	if (unseen && strcmp(object, the_host) == 0)
		return !pass->have->known;
	for (uint32_t i = 0; i < pass->plan->changes.count; i++) {
		const struct change *change = pass->plan->changes.item[i];
		if (strcmp(change->object, object) == 0)
			return change->kind == CHANGE_UNKNOWN || (!unseen && change->actions.count);
	}
	/* a host that is not seen says nothing about what is left on it */
	return !unseen && !pass->have->known;
}

/* Objects that are in order again are forgotten. */
static void clear_settled(struct backoff *backoff, const struct pass *pass, bool unseen)
{
	for (uint32_t i = 0; i < backoff->setbacks.count;) {
		const struct setback *setback = backoff->setbacks.item[i];
		if (is_left(pass, setback->object, unseen))
			i++;
		else
			backoff_clear(backoff, setback->object);
	}
}

static bool has_work(const struct loop *loop, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		const struct change *change = plan->changes.item[i];
		if (change->actions.count && !waits(loop, change->object))
			return true;
	}
	return false;
}

static void work(struct loop *loop, const struct pass *pass)
{
	struct list tried = {0}; /* struct change */
	for (uint32_t i = 0; i < pass->plan->changes.count; i++) {
		struct change *change = pass->plan->changes.item[i];
		if (change->actions.count && !waits(loop, change->object))
			list_add(loop->arena, &tried, change);
	}
	const struct execution execution =
		execute(&loop->executor, pass->plan, pass->have, loop->arena, pass->report);
	loop->result.done += execution.done;
	loop->result.failed += execution.failed;
	for (uint32_t i = 0; i < execution.failures.count; i++) {
		const struct failure *failure = execution.failures.item[i];
		backoff_note(&loop->failures, failure->action->change, failure, clock_of(loop));
	}
	for (uint32_t i = 0; i < tried.count; i++) {
		const char *object = ((struct change *)tried.item[i])->object;
		struct setback *failure = backoff_find(&loop->failures, object);
		if (backoff_note(&loop->rounds, object, NULL, 0)->given_up && failure)
			failure->given_up = true;
	}
}

static void note_unseen(struct loop *loop, const char *object)
{
	if (!backoff_waits(&loop->unseen, object, clock_of(loop)))
		backoff_note(&loop->unseen, object, NULL, clock_of(loop));
}

/* What could not be seen may be seen a little later: a domain that is torn down, an xl that was busy. */
static void note_unknown(struct loop *loop, const struct pass *pass)
{
	if (!pass->have->known)
		note_unseen(loop, the_host);
	for (uint32_t i = 0; i < pass->plan->changes.count; i++) {
		const struct change *change = pass->plan->changes.item[i];
		if (change->kind == CHANGE_UNKNOWN)
			note_unseen(loop, change->object);
	}
}

/* The next moment at which something may have become different; -1: none will come. */
static int64_t next_moment(const struct loop *loop)
{
	const int64_t now = clock_of(loop), failures = backoff_next(&loop->failures, now),
		      unseen = backoff_next(&loop->unseen, now);
	return failures < 0 || (unseen >= 0 && unseen < failures) ? unseen : failures;
}

/* By the host's clock; nothing is in flight, so reap only lets time pass. Signals end it early. */
static void wait_until(const struct loop *loop, int64_t moment)
{
	const struct host *host = loop->given->host;
	struct finished none = {.arena = loop->arena};
	while (clock_of(loop) < moment && !(loop->given->stop && *loop->given->stop)) {
		const int64_t slice = clock_of(loop) + 1000;
		host->driver->reap(loop->given->host, slice < moment ? slice : moment, &none);
	}
}

static bool stopped(struct loop *loop)
{
	loop->result.stopped = loop->given->stop && *loop->given->stop;
	loop->result.timed_out = loop->deadline && clock_of(loop) >= loop->deadline;
	return loop->result.stopped || loop->result.timed_out;
}

static enum converge_end judge(const struct loop *loop, const struct pass *pass)
{
	enum cause worst = CAUSE_NONE;
	if (!pass->have->known || loop->failures.setbacks.count)
		worst = CAUSE_ERROR;
	for (uint32_t i = 0; i < pass->plan->changes.count; i++) {
		const struct change *change = pass->plan->changes.item[i];
		const enum cause cause = change->actions.count ? CAUSE_ERROR : change->cause;
		if (cause > worst)
			worst = cause;
	}
	static const enum converge_end ends[] = {
		[CAUSE_NONE] = CONVERGED,
		[CAUSE_STAGED] = CONVERGED_STAGED,
		[CAUSE_LIMITS] = CONVERGE_BLOCKED,
		[CAUSE_ERROR] = CONVERGE_FAILED,
	};
	return ends[worst];
}

static void report_end(const struct loop *loop, const struct pass *pass, struct report *report)
{
	const struct diagnostic *all;
	const size_t count = report_all(pass->report, &all);
	for (size_t i = 0; i < count; i++)
		report_add(report, all[i].severity, &all[i].mark, all[i].object, all[i].hint, "%s",
			all[i].message);
	for (uint32_t i = 0; i < loop->failures.setbacks.count; i++) {
		const struct setback *setback = loop->failures.setbacks.item[i];
		if (setback->message)
			report_error(report, setback->at, setback->object, setback->hint,
				"%s: %s (%s after %d %s)", setback->object, setback->message,
				setback->given_up ? "given up" : "failed", setback->tries,
				setback->tries == 1 ? "try" : "tries");
	}
	for (uint32_t i = 0; i < loop->rounds.setbacks.count; i++) {
		const struct setback *setback = loop->rounds.setbacks.item[i];
		if (setback->given_up)
			report_error(report, NULL, setback->object,
				"the same difference comes back after each change: `plan` shows which",
				"%s does not settle: it was changed in %d passes and still differs",
				setback->object, setback->tries);
	}
}

struct convergence converge(const struct executor *executor, const struct observer *observer,
	const struct want *want, const struct converge_options *options, struct report *report)
{
	ARENA_SCOPED arena = arena_new();
	struct loop loop = {.given = executor,
		.executor = *executor,
		.observer = *observer,
		.want = want,
		.options = options,
		.arena = arena,
		.failures = {.arena = arena, .seed = options->seed, .most_tries = options->tries},
		.unseen = {.arena = arena, .seed = options->seed, .most_tries = options->tries + UNSEEN_MORE},
		.rounds = {.arena = arena, .seed = options->seed, .most_tries = options->tries * 3}};
	loop.executor.context = &loop;
	loop.executor.told = told;
	loop.executor.skip = skip;
	loop.deadline = options->timeout_ms ? clock_of(&loop) + options->timeout_ms : 0;
	struct pass pass;
	for (;;) {
		pass_make(&loop, &pass);
		clear_settled(&loop.failures, &pass, false);
		clear_settled(&loop.unseen, &pass, true);
		if (stopped(&loop))
			break;
		choose_waiting(&loop, pass.plan);
		if (has_work(&loop, pass.plan))
			work(&loop, &pass);
		else {
			note_unknown(&loop, &pass);
			const int64_t next = next_moment(&loop);
			if (next < 0 || (loop.deadline && next >= loop.deadline))
				break;
			wait_until(&loop, next);
		}
		pass_free(&pass);
	}
	if (options->plan.prune && !options->plan.only && !loop.result.stopped)
		sweep_records(observer, want, pass.have, pass.report);
	loop.result.end = judge(&loop, &pass);
	if (options->planned)
		options->planned(executor->context, pass.plan, pass.have, loop.result.passes, true);
	report_end(&loop, &pass, report);
	pass_free(&pass);
	return loop.result;
}
