/* converge: turns until nothing differs, or nothing more can be done. A turn either executes something, or
 * waits for the next moment at which something may be tried again, or is the last. */
#include "act/converge.h"
#include "act/sweep.h"

struct loop {
	const struct executor *given;
	const struct converge_options *options;
	struct turner turner;
	int64_t deadline; /* 0: none */
	struct convergence result;
};

static int64_t clock_of(const struct loop *loop)
{
	return loop->given->host->driver->now(loop->given->host);
}

/* By the host's clock; nothing is in flight, so reap only lets time pass. Signals end it early. */
static void wait_until(const struct loop *loop, int64_t moment)
{
	const struct host *host = loop->given->host;
	ARENA_SCOPED arena = arena_new();
	struct finished none = {.arena = arena};
	while (clock_of(loop) < moment && !(loop->given->stop && *loop->given->stop)) {
		const int64_t slice = clock_of(loop) + 1000;
		host->driver->reap(loop->given->host, slice < moment ? slice : moment, &none);
	}
}

/* Until the turn that was begun has ended. */
static void work_off(struct loop *loop)
{
	enum { SLICE_MS = 1000 };
	struct turn *turn = NULL;
	while (!turn)
		turn = turner_step(&loop->turner, clock_of(loop) + SLICE_MS);
	turn_free(turn);
}

static bool stopped(struct loop *loop)
{
	loop->result.stopped = loop->given->stop && *loop->given->stop;
	loop->result.timed_out = loop->deadline && clock_of(loop) >= loop->deadline;
	return loop->result.stopped || loop->result.timed_out;
}

static enum converge_end judge(const struct loop *loop, const struct turn *turn)
{
	enum cause worst = CAUSE_NONE;
	if (!turn->have->known || loop->turner.failures.count)
		worst = CAUSE_ERROR;
	for (uint32_t i = 0; i < turn->plan->changes.count; i++) {
		const struct change *change = turn->plan->changes.item[i];
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

static void report_end(const struct loop *loop, const struct turn *turn, struct report *report)
{
	const struct backoff *failures = &loop->turner.failures, *rounds = &loop->turner.rounds;
	const struct diagnostic *all;
	const size_t count = report_all(turn->report, &all);
	for (size_t i = 0; i < count; i++)
		report_add(report, all[i].severity, &all[i].mark, all[i].object, all[i].hint, "%s",
			all[i].message);
	for (uint32_t i = 0; i < failures->count; i++) {
		const struct setback *setback = failures->item[i];
		if (setback->message)
			report_error(report, setback->at, setback->object, setback->hint,
				"%s: %s (%s after %d %s)", setback->object, setback->message,
				setback->given_up ? "given up" : "failed", setback->tries,
				setback->tries == 1 ? "try" : "tries");
	}
	for (uint32_t i = 0; i < rounds->count; i++) {
		const struct setback *setback = rounds->item[i];
		if (setback->given_up)
			report_error(report, NULL, setback->object,
				"the same difference comes back after each change: `plan` shows which",
				"%s does not settle: it was changed in %d passes and still differs",
				setback->object, setback->tries);
	}
}

static void tell(struct loop *loop, const struct turn *turn, bool final)
{
	if (loop->options->planned)
		loop->options->planned(
			loop->given->context, turn->plan, turn->have, loop->result.passes, final);
}

struct convergence converge(const struct executor *executor, const struct observer *observer,
	const struct want *want, const struct converge_options *options, struct report *report)
{
	struct loop loop = {.given = executor, .options = options};
	turner_init(&loop.turner, executor, observer,
		&(struct turn_options){
			.plan = options->plan, .seed = options->seed, .tries = options->tries});
	loop.deadline = options->timeout_ms ? clock_of(&loop) + options->timeout_ms : 0;
	struct turn *turn;
	for (;;) {
		turn = turn_look(&loop.turner, want);
		loop.result.passes++;
		tell(&loop, turn, false);
		if (stopped(&loop))
			break;
		if (turn_begin(turn)) {
			work_off(&loop);
			continue;
		}
		const int64_t next = turn_next(turn);
		if (next < 0 || (loop.deadline && next >= loop.deadline))
			break;
		wait_until(&loop, next);
		turn_free(turn);
	}
	if (options->plan.prune && !options->plan.only && !loop.result.stopped)
		sweep_records(observer, want, turn->have, turn->report);
	if (!loop.result.stopped)
		sweep_storage(observer, want, turn->have);
	if (!loop.result.stopped)
		sweep_host(executor->host, turn->have, executor->stop, turn->report);
	loop.result.done = loop.turner.done;
	loop.result.failed = loop.turner.failed;
	loop.result.end = judge(&loop, turn);
	tell(&loop, turn, true);
	report_end(&loop, turn, report);
	turn_free(turn);
	turner_free(&loop.turner);
	return loop.result;
}
