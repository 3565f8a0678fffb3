/* Actions in flight. One begins (what stands at once is done then, as `xl create` makes a half-built domain
 * first), takes its time, and is over: its effect is done, and what came of it is told. A fault ends it
 * before, in the middle of, or after that. The words of a failure are in the arena of the op until they are
 * told. */
#include "host/sim/world.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static enum performer performer(const struct op *op)
{
	return verb_table[op->verb].performer;
}

void op_fail(struct op *op, enum outcome outcome, const char *hint, const char *format, ...)
{
	if (op->failure)
		return;
	char message[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	op->outcome = outcome;
	op->failure = arena_format(
		op->arena, "simulated %s of %s: %s", verb_table[op->verb].verb, op->name, message);
	op->hint = hint;
}

static int64_t deadline(const struct op *op)
{
	int64_t seconds = verb_table[op->verb].deadline ? verb_table[op->verb].deadline : op->number;
	return op->begun + seconds * 1000;
}

static const struct way *way_of(enum verb verb)
{
	return verb_table[verb].performer == PERFORMER_HOST ? &host_ways[verb] : &storage_ways[verb];
}

/* Everything that WANT and the plan own is copied: they may be gone before it is over. */
static struct op *op_new(struct world *world, const struct action *action)
{
	struct arena *arena = arena_new();
	struct op *op = arena_make(arena, struct op);
	const char *slash = action->object ? strchr(action->object, '/') : NULL;
	*op = (struct op){
		.arena = arena,
		.id = action->id,
		.verb = action->verb,
		.way = way_of(action->verb),
		.begun = world->clock,
		.object = arena_text(arena, action->object),
		.uid = arena_text(arena, action->uid),
		.domid = action->have && KNOWN(action->have, HaveDomain, domid) ? action->have->domid : -1,
		.number = action->number,
		.escalates = action->escalates,
	};
	op->name = arena_text(arena, slash ? slash + 1 : action->object ? action->object : "");
	if (action->domain)
		op->xen_name = arena_text(arena, action->domain->xen_name);
	op->cpus = arena_text(arena, action->cpus);
	if (action->scheduler)
		op->scheduler = object_copy(arena, &type_Scheduler, action->scheduler);
	if (action->record) {
		op->record = object_copy(arena, &type_Record, action->record);
		found_marks(&type_Record, op->record);
	}
	return op;
}

void op_begin(struct world *world, const struct action *action, const struct links *links)
{
	struct op *op = op_new(world, action);
	op->ends = op->begun + op->way->milliseconds;
	if (op->way->waits)
		op->ends = deadline(op);
	fault_choose(world, op);
	if (op->way->prepare)
		op->way->prepare(world, op, action, links);
	bool reaches_start = !op->faulty || op->when != sim_when_before;
	if (!op->failure && reaches_start && op->way->start && !world->frozen)
		op->way->start(world, op);
	if (op->failure)
		op->ends = op->begun + (op->way->waits ? 0 : op->way->milliseconds);
	else if (op->faulty && op->when == sim_when_hang)
		op->ends = deadline(op);
	else if (op->faulty && op->when == sim_when_before)
		op->ends = op->begun + op->way->milliseconds;
	world->ops = array_grow(world->ops, world->op_count, &world->op_room);
	world->ops[world->op_count++] = op;
}

static bool is_over(struct world *world, struct op *op)
{
	if (op->ends <= world->clock || op->failure || world->frozen)
		return op->ends <= world->clock || world->frozen;
	bool cut_short = op->faulty && op->when != sim_when_after;
	return op->way->waits && !cut_short && op->way->met(world, op);
}

static void fault_ends(struct world *world, struct op *op)
{
	bool in_the_middle = op->when == sim_when_half || op->when == sim_when_hang;
	if (in_the_middle && op->way->half)
		op->way->half(world, op);
	if (op->message)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "%s", op->message);
	else if (op->when == sim_when_hang)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "killed, it did not end in %lld s",
			(long long)(op->ends - op->begun) / 1000);
	else
		op_fail(op, OUTCOME_TRANSIENT, NULL, "a fault %s%s",
			op->when == sim_when_half ? "in the middle" : choice_sim_when[op->when],
			op->when == sim_when_half ? "" : " its effect");
}

static void op_ends(struct world *world, struct op *op)
{
	if (world->frozen) {
		op_fail(op, OUTCOME_TRANSIENT, NULL, "the process was killed");
		return;
	}
	if (op->failure)
		return;
	if (!op->faulty || op->when == sim_when_after)
		op->way->effect(world, op);
	if (op->faulty)
		fault_ends(world, op);
	if (world->broken)
		op_fail(op, OUTCOME_TERMINAL, NULL, "%s", world->broken);
}

/* The first to end, and of several the first begun. */
static struct op *first_over(struct world *world, enum performer whose, uint32_t *index)
{
	struct op *best = NULL;
	for (uint32_t i = 0; i < world->op_count; i++) {
		struct op *op = world->ops[i];
		if (performer(op) == whose && is_over(world, op) && (!best || op->ends < best->ends)) {
			best = op;
			*index = i;
		}
	}
	return best;
}

bool op_is_over(struct world *world, enum performer whose)
{
	uint32_t index;
	return first_over(world, whose, &index) != NULL;
}

struct op *op_over(struct world *world, enum performer whose)
{
	uint32_t index;
	struct op *op = first_over(world, whose, &index);
	if (!op)
		return NULL;
	memmove(world->ops + index, world->ops + index + 1,
		sizeof(*world->ops) * (--world->op_count - index));
	op_ends(world, op);
	return op;
}

int64_t op_next(const struct world *world)
{
	int64_t next = NEVER;
	for (uint32_t i = 0; i < world->op_count; i++)
		if (world->ops[i]->ends < next)
			next = world->ops[i]->ends;
	return next;
}

unsigned op_count(const struct world *world, enum performer whose)
{
	unsigned count = 0;
	for (uint32_t i = 0; i < world->op_count; i++)
		count += performer(world->ops[i]) == whose;
	return count;
}

void op_told(struct op *op, struct finished *done)
{
	struct arena *arena = done->arena;
	done->id = op->id;
	done->outcome = op->failure ? op->outcome : OUTCOME_DONE;
	done->message = op->failure ? arena_text(arena, op->failure) : NULL;
	done->hint = op->failure && op->hint ? arena_text(arena, op->hint) : NULL;
	done->link = op->link;
	done->link.place = arena_text(arena, op->link.place);
	done->link.path = arena_text(arena, op->link.path);
	done->link.id = arena_text(arena, op->link.id);
	op_free(op);
}

void op_free(struct op *op)
{
	arena_free(op->arena);
}
