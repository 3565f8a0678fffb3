/* One pass over the world and the back-off between passes. Five clocks hold an object back, each for a reason
 * of its own:
 *
 *   failures   its last action failed
 *   rounds     it was changed again and again and still differs
 *   revivals   its guest was made, and soon after had to be made again
 *   missing    no manifest names it any more, but perhaps one will in a moment
 *   unseen     it could not be observed: looked at again, not acted on
 *
 * An object waits with what it needs, whole: else its first actions would be done anew in each pass while the
 * rest cannot be. */
#include "act/turn.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char the_host[] = "the host";

enum {
	UNSEEN_MORE = 2,   /* a domain that is torn down may take half a minute: looking is tried longer than
			      acting */
	ROUNDS_MORE = 3,   /* times the tries */
	ROUNDS_FREE = 3,   /* without a wait, where nothing is ever given up */
	REVIVALS_FREE = 2, /* a guest that somebody destroys or reboots by hand is back at once */
	STEADY_MS = 60000, /* a guest that lived so long has not come back in vain */
};

static int64_t clock_of(const struct turner *turner)
{
	return turner->given.host->driver->now(turner->given.host);
}

static bool waits(const struct turn *turn, const char *object)
{
	for (uint32_t i = 0; i < turn->waiting.count; i++)
		if (strcmp(turn->waiting.item[i], object) == 0)
			return true;
	return false;
}

static bool skip(void *owner, const struct action *action)
{
	return waits(owner, action->change);
}

static void told(void *context, const struct progress *progress)
{
	struct turner *turner = context;
	if (progress->kind == PROGRESS_DONE && progress->action->verb == verb_domain_create)
		backoff_note(&turner->revivals, progress->action->change, NULL, clock_of(turner));
	if (turner->given.told)
		turner->given.told(turner->given.context, progress);
}

void turner_init(struct turner *turner, const struct executor *executor, const struct observer *observer,
	const struct turn_options *options)
{
	const int tries = options->tries;
	struct executor own = *executor;
	own.context = turner;
	own.told = told;
	own.skip = skip;
	*turner = (struct turner){
		.given = *executor,
		.executing = executing_new(&own),
		.observer = *observer,
		.options = *options,
		.failures = {.seed = options->seed, .most_tries = tries},
		.unseen = {.seed = options->seed, .most_tries = tries ? tries + UNSEEN_MORE : 0},
		.rounds = {.seed = options->seed,
			.most_tries = tries * ROUNDS_MORE,
			.free_tries = tries ? tries * ROUNDS_MORE : ROUNDS_FREE},
		.revivals = {.seed = options->seed, .free_tries = REVIVALS_FREE},
	};
}

void turner_free(struct turner *turner)
{
	executing_free(turner->executing);
	backoff_free(&turner->failures);
	backoff_free(&turner->unseen);
	backoff_free(&turner->rounds);
	backoff_free(&turner->revivals);
	backoff_free(&turner->missing);
}

void turner_forget(struct turner *turner, const char *object)
{
	backoff_clear(&turner->failures, object);
	backoff_clear(&turner->unseen, object);
	backoff_clear(&turner->rounds, object);
	backoff_clear(&turner->revivals, object);
}

void turner_leave_want(struct turner *turner)
{
	for (uint32_t i = 0; i < turner->failures.count; i++)
		turner->failures.item[i]->at = NULL;
}

static const struct change *change_of(const struct turn *turn, const char *object)
{
	for (uint32_t i = 0; i < turn->plan->changes.count; i++) {
		const struct change *change = turn->plan->changes.item[i];
		if (strcmp(change->object, object) == 0)
			return change;
	}
	return NULL;
}

/* Is there still something to be done for it? What is not seen is not in order. */
static bool has_actions(const struct turn *turn, const char *object)
{
	const struct change *change = change_of(turn, object);
	return !turn->have->known || (change && (change->kind == CHANGE_UNKNOWN || change->actions.count));
}

/* Is it still not known? */
static bool is_unseen(const struct turn *turn, const char *object)
{
	const struct change *change = change_of(turn, object);
	return strcmp(object, the_host) == 0 ? !turn->have->known : change && change->kind == CHANGE_UNKNOWN;
}

static bool is_pruned(const struct change *change)
{
	return change && change->kind == CHANGE_DESTROY && !change->subject && change->actions.count;
}

static bool is_unwanted(const struct turn *turn, const char *object)
{
	return !turn->have->known || is_pruned(change_of(turn, object));
}

/* Forgets what is in order again. */
static void clear(struct backoff *backoff, const struct turn *turn,
	bool (*is_left)(const struct turn *, const char *object))
{
	for (uint32_t i = 0; i < backoff->count;) {
		if (is_left(turn, backoff->item[i]->object))
			i++;
		else
			backoff_clear(backoff, backoff->item[i]->object);
	}
}

static void clear_steady(struct turner *turner, const struct turn *turn)
{
	const int64_t now = clock_of(turner);
	for (uint32_t i = 0; i < turner->revivals.count;) {
		const struct setback *revival = turner->revivals.item[i];
		if (now - revival->noted < STEADY_MS || has_actions(turn, revival->object))
			i++;
		else
			backoff_clear(&turner->revivals, revival->object);
	}
}

static void note_missing(struct turner *turner, const struct turn *turn)
{
	const int64_t until = clock_of(turner) + turner->options.prune_delay_ms;
	for (uint32_t i = 0; turner->options.prune_delay_ms && i < turn->plan->changes.count; i++) {
		const struct change *change = turn->plan->changes.item[i];
		if (is_pruned(change))
			backoff_hold(&turner->missing, change->object, until);
	}
}

struct turn *turn_look(struct turner *turner, const struct want *want)
{
	struct turn *turn = calloc(1, sizeof(*turn));
	if (!turn)
		memory_ended();
	turner->observer.now = (int64_t)time(NULL);
	turn->turner = turner;
	turn->want = want;
	turn->report = report_new();
	turn->have = observe(&turner->observer, want, turn->report);
	turn->plan = plan_make(want, turn->have, &turner->options.plan, turn->report);
	clear(&turner->failures, turn, has_actions);
	clear(&turner->rounds, turn, has_actions);
	clear(&turner->unseen, turn, is_unseen);
	clear(&turner->missing, turn, is_unwanted);
	clear_steady(turner, turn);
	note_missing(turner, turn);
	return turn;
}

void turn_free(struct turn *turn)
{
	plan_free(turn->plan);
	have_free(turn->have);
	report_free(turn->report);
	free(turn);
}

/* Does it need an action of an object that waits? */
static bool needs_waiting(const struct turn *turn, const struct change *change)
{
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct action *action = change->actions.item[i];
		for (uint32_t k = 0; k < action->needs_count; k++) {
			const struct action *needed = turn->plan->actions.item[action->needs[k] - 1];
			if (waits(turn, needed->change))
				return true;
		}
	}
	return false;
}

/* Changes of which only so many may be under way at a time: a plan counts them for itself, not beside
 * another. */
static bool takes_down(const struct change *change)
{
	return change->kind == CHANGE_RESTART || change->kind == CHANGE_RECREATE ||
	       change->kind == CHANGE_DESTROY || (change->kind == CHANGE_STOP && change->blast >= level_stop);
}

/* Is anything that it would work on worked on already? */
static bool is_busy(const struct turner *turner, const struct change *change)
{
	if (takes_down(change) && executing_kind(turner->executing, takes_down))
		return true;
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct action *action = change->actions.item[i];
		if (executing_busy(turner->executing, action->object))
			return true;
	}
	return executing_busy(turner->executing, change->object);
}

static bool is_held(const struct turner *turner, const struct change *change)
{
	const int64_t now = clock_of(turner);
	return (executing_any(turner->executing) && is_busy(turner, change)) ||
	       backoff_waits(&turner->failures, change->object, now) ||
	       backoff_waits(&turner->rounds, change->object, now) ||
	       (change->kind == CHANGE_CREATE && backoff_waits(&turner->revivals, change->object, now)) ||
	       (is_pruned(change) && backoff_waits(&turner->missing, change->object, now));
}

static void choose_waiting(struct turn *turn)
{
	const struct turner *turner = turn->turner;
	const struct list *changes = &turn->plan->changes;
	struct arena *arena = turn->plan->arena;
	turn->waiting.count = 0;
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->item[i];
		if (change->actions.count && is_held(turner, change))
			list_add(arena, &turn->waiting, (void *)(uintptr_t)change->object);
	}
	for (bool more = turn->waiting.count; more;) {
		more = false;
		for (uint32_t i = 0; i < changes->count; i++) {
			const struct change *change = changes->item[i];
			if (waits(turn, change->object) || !needs_waiting(turn, change))
				continue;
			list_add(arena, &turn->waiting, (void *)(uintptr_t)change->object);
			more = true;
		}
	}
}

static bool has_work(const struct turn *turn)
{
	for (uint32_t i = 0; i < turn->plan->changes.count; i++) {
		const struct change *change = turn->plan->changes.item[i];
		if (change->actions.count && !waits(turn, change->object))
			return true;
	}
	return false;
}

/* A failure is noted with its object; everything that was tried has had one more round. */
static void note_work(struct turner *turner, const struct turn *turn, const struct execution *execution)
{
	turner->done += execution->done;
	turner->failed += execution->failed;
	for (uint32_t i = 0; i < execution->failures.count; i++) {
		const struct failure *failure = execution->failures.item[i];
		backoff_note(&turner->failures, failure->action->change, failure, clock_of(turner));
	}
	for (uint32_t i = 0; i < turn->plan->changes.count; i++) {
		const struct change *change = turn->plan->changes.item[i];
		if (!change->actions.count || waits(turn, change->object))
			continue;
		struct setback *failure = backoff_find(&turner->failures, change->object);
		if (failure && !turner->options.tries)
			continue; /* waits for that already */
		if (backoff_note(&turner->rounds, change->object, NULL, clock_of(turner))->given_up &&
			failure)
			failure->given_up = true;
	}
}

/* What could not be seen may be seen a little later: a domain that is torn down, an xl that was busy. */
static void note_unseen(struct turner *turner, const struct turn *turn)
{
	const int64_t now = clock_of(turner);
	if (!turn->have->known && !backoff_waits(&turner->unseen, the_host, now))
		backoff_note(&turner->unseen, the_host, NULL, now);
	for (uint32_t i = 0; i < turn->plan->changes.count; i++) {
		const struct change *change = turn->plan->changes.item[i];
		if (change->kind == CHANGE_UNKNOWN && !backoff_waits(&turner->unseen, change->object, now))
			backoff_note(&turner->unseen, change->object, NULL, now);
	}
}

bool turn_begin(struct turn *turn)
{
	struct turner *turner = turn->turner;
	choose_waiting(turn);
	if (!has_work(turn)) {
		note_unseen(turner, turn);
		return false;
	}
	executing_add(turner->executing, turn->plan, turn->have, turn->report, turn);
	return true;
}

bool turner_works(const struct turner *turner)
{
	return executing_any(turner->executing);
}

struct turn *turner_step(struct turner *turner, int64_t until)
{
	struct execution execution;
	struct turn *turn = executing_step(turner->executing, until, &execution);
	if (turn)
		note_work(turner, turn, &execution);
	return turn;
}

int64_t turn_next(const struct turn *turn)
{
	const struct turner *turner = turn->turner;
	const int64_t now = clock_of(turner);
	const struct backoff *const clocks[] = {
		&turner->failures, &turner->unseen, &turner->rounds, &turner->revivals, &turner->missing};
	int64_t next = -1;
	for (size_t i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		/* a guest that lives has no moment at which it is to be made again */
		if (clocks[i] == &turner->revivals && !turn->waiting.count)
			continue;
		const int64_t moment = backoff_next(clocks[i], now);
		if (moment >= 0 && (next < 0 || moment < next))
			next = moment;
	}
	return next;
}
