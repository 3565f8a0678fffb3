/* Faults. A script names them one by one; a seed strews them: the same seed, the same faults, also when the
 * actions are spread over several runs of the program, because the number of draws is kept in the file. */
#include "host/sim/world.h"
#include "model/quantity.h"
#include <string.h>

static bool fits(const struct SimFault *fault, const struct op *op)
{
	return (!fault->verb || strcmp(fault->verb, verb_table[op->verb].verb) == 0) &&
	       (!fault->name || strcmp(fault->name, op->name) == 0);
}

static bool from_script(struct world *world, struct op *op)
{
	struct list *faults = &world->state->faults;
	for (uint32_t i = 0; i < faults->count; i++) {
		struct SimFault *fault = faults->item[i];
		if (!fits(fault, op))
			continue;
		op->faulty = true;
		op->when = fault->when;
		op->message = fault->message;
		int64_t left = (KNOWN(fault, SimFault, count) ? fault->count : 1) - 1;
		KNOW(fault, SimFault, count, left);
		if (left <= 0)
			list_remove(faults, i);
		if (!faults->count)
			world->state->at[SimState_faults] = NULL;
		world_touched(world);
		return true;
	}
	return false;
}

/* splitmix64: the n-th number of a seed, without what came before. */
static uint64_t draw(uint64_t seed, uint64_t n)
{
	uint64_t x = seed + n * 0x9e3779b97f4a7c15;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

static void from_seed(struct world *world, struct op *op)
{
	static const enum sim_when kinds[] = {sim_when_before, sim_when_before, sim_when_before,
		sim_when_after, sim_when_after, sim_when_half, sim_when_half, sim_when_hang};
	struct SimState *state = world->state;
	if (!KNOWN(state, SimState, faultPercent) || state->faultPercent <= 0)
		return;
	KNOW(state, SimState, draws, state->draws + 1);
	uint64_t number = draw((uint64_t)state->seed, (uint64_t)state->draws);
	world_touched(world);
	if ((int64_t)(number % 100) >= state->faultPercent)
		return;
	op->faulty = true;
	op->when = kinds[(number >> 32) % (sizeof(kinds) / sizeof(*kinds))];
}

void fault_choose(struct world *world, struct op *op)
{
	if (!from_script(world, op))
		from_seed(world, op);
}
