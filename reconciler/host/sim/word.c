/* What a simulated guest says of its config drive: "done", a second after it was asked, unless host.json has
 * an entry of `sim.answers` for it. As on real Xen its time begins when a scene drive is attached, or when
 * its word is first waited for, and what it said goes when it boots anew. */
#include "host/sim/verb.h"
#include "model/quantity.h"

enum { ANSWER_MS = 1000 };

static const struct SimAnswer *entry_of(const struct world *world, const struct guest *guest)
{
	const struct list *answers = &world->state->answers;
	for (uint32_t i = 0; i < answers->count; i++) {
		const struct SimAnswer *entry = answers->item[i];
		if (!entry->name || text_equal(entry->name, guest->have->name))
			return entry;
	}
	return NULL;
}

static enum sim_answer answer_of(const struct SimAnswer *entry)
{
	return entry && KNOWN(entry, SimAnswer, answer) ? (enum sim_answer)entry->answer : sim_answer_done;
}

void word_given(const struct world *world, struct guest *guest)
{
	static const enum config_answer says[sim_answer_CHOICES] = {
		[sim_answer_done] = config_answer_done,
		[sim_answer_error] = config_answer_error,
		[sim_answer_unclear] = config_answer_unclear,
		[sim_answer_never] = config_answer_none,
		[sim_answer_early] = config_answer_done,
	};
	const struct SimAnswer *entry = entry_of(world, guest);
	struct ConfigAnswer *answer = type_new(guest->arena, &type_ConfigAnswer);
	guest->answers = NEVER;
	KNOW(answer, ConfigAnswer, answer, (int)says[answer_of(entry)]);
	if (entry && entry->words && answer->answer != config_answer_done)
		KNOW(answer, ConfigAnswer, words, arena_text(guest->arena, entry->words));
	KNOW(guest->have, HaveDomain, config, answer);
}

void word_forgotten(const struct world *world, struct guest *guest)
{
	guest->asked = guest->answers = NEVER;
	guest->have->at[HaveDomain_config] = NULL;
	guest->have->config = NULL;
	const struct SimAnswer *entry = entry_of(world, guest);
	if (answer_of(entry) == sim_answer_early)
		word_given(world, guest);
}

enum config_answer word_said(const struct guest *guest)
{
	const struct ConfigAnswer *answer =
		KNOWN(guest->have, HaveDomain, config) ? guest->have->config : NULL;
	return answer && KNOWN(answer, ConfigAnswer, answer) ? (enum config_answer)answer->answer
							     : config_answer_none;
}

void word_asked(struct world *world, struct guest *guest)
{
	if (guest->asked != NEVER)
		return;
	const struct SimAnswer *entry = entry_of(world, guest);
	guest->asked = world->clock;
	if (word_said(guest) == config_answer_none && answer_of(entry) != sim_answer_never) {
		guest->answers =
			world->clock + (entry && KNOWN(entry, SimAnswer, after) ? entry->after : ANSWER_MS);
		world_timer(world, guest->answers);
	}
	world_touched(world);
}

static void word_found(const struct world *world, const struct wanted_config *config,
	struct HaveDomain *domain, const struct guest *guest, struct arena *arena)
{
	const bool late = config->timeout && guest->asked != NEVER &&
			  world->clock >= guest->asked + config->timeout * 1000;
	const enum config_answer said = word_said(guest);
	if (!domain->config)
		domain->config = type_new(arena, &type_ConfigAnswer);
	KNOW(domain->config, ConfigAnswer, asked, guest->asked != NEVER);
	KNOW(domain->config, ConfigAnswer, answer,
		said == config_answer_none && late ? config_answer_timeout : (int)said);
	KNOW(domain, HaveDomain, config, domain->config);
}

void words_found(const struct world *world, const struct want *want, struct have *have)
{
	const struct list *domains = &have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++)
		((struct HaveDomain *)domains->item[i])->at[HaveDomain_config] = NULL;
	for (uint32_t i = 0; want && i < want->domains.count; i++) {
		const struct wanted_domain *wanted = want->domains.item[i];
		for (uint32_t k = 0; wanted->config && k < domains->count; k++) {
			struct HaveDomain *domain = domains->item[k];
			if (text_equal(domain->uuid, wanted->uid))
				word_found(world, wanted->config, domain, world->guests[k], have->arena);
		}
	}
}

/* config.acknowledge */

void word_prepare(struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)action, (void)links;
	const struct guest *guest = guest_changeable(world, op);
	if (!guest || guest->asked == NEVER)
		return;
	const int64_t ends = guest->asked + op->number * 1000;
	op->ends = ends > world->clock ? ends : world->clock;
}

void word_start(struct world *world, struct op *op)
{
	struct guest *guest = guest_changeable(world, op);
	if (guest)
		word_asked(world, guest);
}

bool word_met(struct world *world, struct op *op)
{
	const struct guest *guest = guest_of(world, op);
	return !guest || guest->have->power != found_power_Running || word_said(guest) != config_answer_none;
}

void word_effect(struct world *world, struct op *op)
{
	const struct guest *guest = guest_changeable(world, op);
	char text[32];
	if (!guest)
		return;
	const enum config_answer said = word_said(guest);
	const char *words =
		guest->have->config && guest->have->config->words ? guest->have->config->words : "";
	if (said == config_answer_none)
		op_fail(op, OUTCOME_TRANSIENT, "its console may say why",
			"ConfigTimeout: the guest has said nothing in %s", duration_text(op->number, text));
	else if (said != config_answer_done)
		op_fail(op, OUTCOME_TRANSIENT, NULL, "ConfigFailed: the guest answered %s'%s'",
			said == config_answer_error ? "error: " : "neither done nor error:TEXT but ", words);
}

bool word_is_early(struct op *op, const struct guest *guest)
{
	if (guest->asked != NEVER || word_said(guest) == config_answer_none)
		return false;
	op_fail(op, OUTCOME_TRANSIENT, "look at what the guest runs at its start",
		"ConfigEarly: the guest answered before its config drive was attached");
	return true;
}
