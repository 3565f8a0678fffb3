/* Gates: what needs consent. The digest names a plan by its gated changes (levels stop and up) and their
 * actions, so that it stands still while other things move. Removals are capped per rolling hour; beyond the
 * cap, and for a source with nothing in it, only the consent that names this very digest lets them pass. */
#include "decide/planner.h"
#include <stdlib.h>
#include <string.h>

static int by_object(const void *a, const void *b)
{
	return strcmp((*(struct change *const *)a)->object, (*(struct change *const *)b)->object);
}

static bool is_gated(const struct change *change)
{
	return change->kind == CHANGE_STOP || change->kind == CHANGE_RECREATE ||
	       change->kind == CHANGE_DESTROY;
}

static int position(const struct change *change, const struct draft *draft)
{
	for (uint32_t i = 0; i < change->actions.count; i++)
		if (change->actions.item[i] == draft)
			return (int)i + 1;
	return 0;
}

/* One gated change in canonical JSON: keys in order of the alphabet, needs by place within the change. */
static void digest_change(struct json *json, const struct change *change)
{
	json_open_object(json, NULL);
	json_open_array(json, "actions");
	for (uint32_t i = 0; i < change->actions.count; i++) {
		const struct draft *draft = change->actions.item[i];
		json_open_object(json, NULL);
		json_text(json, "blast", choice_level[draft->action.blast]);
		json_open_array(json, "needs");
		for (uint32_t k = 0; k < draft->needs.count; k++) {
			int place = position(change, draft->needs.item[k]);
			if (place)
				json_int(json, NULL, place);
		}
		json_close(json, ']');
		json_text(json, "object", draft->action.object);
		json_text(json, "verb", verb_table[draft->action.verb].verb);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_text(json, "blast", choice_level[change->blast]);
	json_text(json, "change", change_name[change->kind]);
	json_open_array(json, "fields");
	for (uint32_t i = 0; i < change->difference_count; i++) {
		const struct difference *difference = &change->differences[i];
		json_open_object(json, NULL);
		json_text(json, "effect", choice_level[difference->effect]);
		if (difference->have)
			value_json(json, "have", difference->field, difference->have);
		json_text(json, "path", difference->path);
		if (difference->want)
			value_json(json, "want", difference->field, difference->want);
		json_close(json, '}');
	}
	json_close(json, ']');
	json_text(json, "object", change->object);
	json_close(json, '}');
}

void gate_digest(struct planner *planner)
{
	struct list gated = {0};
	for (uint32_t i = 0; i < planner->plan->changes.count; i++)
		if (is_gated(planner->plan->changes.item[i]))
			list_add(planner->arena, &gated, planner->plan->changes.item[i]);
	list_sort(&gated, by_object);
	BUFFER_SCOPED text = {0};
	struct json json = json_to_buffer(&text, false);
	json_open_array(&json, NULL);
	for (uint32_t i = 0; i < gated.count; i++)
		digest_change(&json, gated.item[i]);
	json_close(&json, ']');
	char hash[65];
	text_sha256(text.text, text.size, hash);
	memcpy(planner->plan->digest, "sha256:", 7);
	memcpy(planner->plan->digest + 7, hash, sizeof hash);
}

/* How many removals this pass may still do. */
static int64_t removals_left(const struct planner *planner)
{
	const struct HostSpec *host = planner->want->host;
	const struct Deletions *deletions = host->deletions;
	int64_t owned = 0;
	const struct list *domains = &planner->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];
		owned += owns_domain(planner, domain);
	}
	const struct HostFacts *facts = planner->have->found->host;
	const int64_t gone = KNOWN(facts, HostFacts, deletions) ? facts->deletions : 0;
	/* the share is of what was owned when the hour began */
	const int64_t free = deletions ? deletions->free : 1, percent = deletions ? deletions->percent : 20;
	const int64_t share = (owned + gone) * percent / 100;
	const int64_t cap = free > share ? free : share;
	return cap > gone ? cap - gone : 0;
}

/* A root without an object in it: everything of it would go, so it is more likely a mistake than a wish. */
static bool is_empty_root(const struct planner *planner, const char *source)
{
	for (uint32_t i = 0; i < planner->want->objects.count; i++) {
		const struct object *object = planner->want->objects.item[i];
		if (object->root && !object->root->is_file && strcmp(object->root->path, source) == 0)
			return false;
	}
	return true;
}

bool removal_is_begun(const struct planner *planner, const char *uid)
{
	const struct texts *removing = &planner->have->found->host->removing;
	for (uint32_t i = 0; i < removing->count; i++)
		if (strcmp(removing->item[i], uid) == 0)
			return true;
	return false;
}

/* An inline volume goes with its domain: where that was interrupted in between, it is still the same removal.
 */
static bool goes_on(const struct planner *planner, const struct change *change)
{
	if (change->have)
		return removal_is_begun(planner, change->have->uuid);
	const char *domain = change->have_volume->label->domain;
	return removal_is_begun(planner, change->have_volume->uid) ||
	       (domain && removal_is_begun(planner, domain));
}

static const char other_plan[] = "the consent that was given is for another plan";

static void gate(struct planner *planner, struct change *change, const char *reason)
{
	planner->plan->needs_consent = true;
	change_block(planner, change, CHANGE_BLOCKED,
		arena_format(planner->arena, "not removed without consent: %s", reason));
	change->cause = CAUSE_LIMITS;
}

/* A consent that names another plan: whoever gave it did not see this one, so nothing of it is begun that
 * could not be undone. A recreate that only --allow lets pass needs consent as such. */
static void gate_recreates(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		struct change *change = planner->plan->changes.item[i];
		if (change->kind != CHANGE_RECREATE ||
			change->domain->spec->disruption == disruption_recreate)
			continue;
		planner->plan->needs_consent = true;
		change_block(planner, change, CHANGE_BLOCKED, other_plan);
		change->cause = CAUSE_LIMITS;
	}
}

static void gate_unseen(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		struct change *change = planner->plan->changes.item[i];
		if (change->kind != CHANGE_DESTROY || goes_on(planner, change))
			continue;
		change_block(planner, change, CHANGE_BLOCKED, other_plan);
		change->cause = CAUSE_LIMITS;
	}
}

/* A volume goes after what takes it from its guest; where that is not done, it stays. */
static void gate_dependents(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		struct change *change = planner->plan->changes.item[i];
		if (change->kind != CHANGE_DESTROY || change->have || !change->actions.count)
			continue;
		const struct draft *remove = change->actions.item[0];
		for (uint32_t k = 0; k < remove->needs.count; k++) {
			const struct change *other = ((const struct draft *)remove->needs.item[k])->change;
			if (other == change || other->actions.count)
				continue;
			change_block(planner, change, CHANGE_BLOCKED,
				arena_format(
					planner->arena, "not removed: %s has it, and stays", other->object));
			change->cause = CAUSE_LIMITS;
			break;
		}
	}
}

static bool bears_wanted_name(const struct planner *planner, const struct change *change)
{
	if (change->have)
		return change->have->mark->name && want_domain(planner->want, change->have->mark->name);
	return change->have_volume->name && wants_volume_named(planner, change->have_volume->name);
}

void gate_removals(struct planner *planner)
{
	struct plan *plan = planner->plan;
	const char *consent = planner->options->consent;
	if (consent && strcmp(consent, plan->digest) == 0)
		return;
	if (consent && !planner->options->only)
		gate_recreates(planner);
	struct list removals = {0};
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		struct change *change = plan->changes.item[i];
		if (change->kind == CHANGE_DESTROY)
			list_add(planner->arena, &removals, change);
	}
	list_sort(&removals, by_object);
	int64_t left = removals_left(planner);
	for (uint32_t i = 0; i < removals.count; i++) {
		struct change *change = removals.item[i];
		const char *source =
			change->have ? change->have->mark->source : change->have_volume->label->source;
		if (is_empty_root(planner, source))
			gate(planner, change,
				arena_format(planner->arena, "there is no object left in %s", source));
		else if (goes_on(planner, change))
			continue;
		else if (bears_wanted_name(planner, change))
			gate(planner, change,
				"its name is wanted with another uid, so this may be what somebody still "
				"means");
		else if (left > 0)
			left--;
		else
			gate(planner, change,
				"the limit of removals in an hour is reached (Host spec.deletions)");
	}
	if (consent && plan->needs_consent) {
		gate_unseen(planner);
		report_warn(planner->report, NULL, NULL,
			"look at the plan again; its digest is what --consent takes",
			"--consent names another plan than this one (%s): nothing of it is removed or made "
			"anew",
			plan->digest);
	}
	gate_dependents(planner);
}
