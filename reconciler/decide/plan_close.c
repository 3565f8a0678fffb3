/* Volumes of ours that are bound to devices or mounted though no guest has them and none is to have them:
 * they are closed, from the top down. What becomes free by this plan is closed by it, after the action that
 * frees it; what somebody may have is left open. Closing takes nothing from anybody's data, and opening again
 * is a part of every start. */
#include "decide/planner.h"
#include "model/chain.h"
#include <string.h>

static bool is_open(const struct LayerFound *layer)
{
	return KNOWN(layer, LayerFound, open) && layer->open;
}

struct draft *draft_closes(
	struct planner *planner, struct change *change, const struct HaveVolume *volume, struct draft *after)
{
	const char *name = volume->name ? volume->name : volume->uid;
	struct draft *last = after;
	for (uint32_t i = volume->chain.count; i-- > 0;) {
		const struct LayerFound *layer = volume->chain.item[i];
		if (!is_open(layer))
			continue;
		last = draft_add(planner, change, verb_volume_close,
			arena_format(planner->arena, "Volume/%s", name), name,
			arena_format(planner->arena, "(%s%s%s)", layer->layer, layer->path ? " " : "",
				layer->path ? layer->path : ""),
			last);
		last->action.have_volume = volume;
		last->action.uid = volume->uid;
		last->action.layer = i;
	}
	return last;
}

static bool any_open(const struct HaveVolume *volume)
{
	for (uint32_t i = 0; i < volume->chain.count; i++)
		if (is_open(volume->chain.item[i]))
			return true;
	return false;
}

/* Does an action of this plan open it or remove it? Its own change closes it, then. */
static bool is_planned(const struct planner *planner, const struct HaveVolume *volume)
{
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		const struct change *change = planner->plan->changes.item[i];
		for (uint32_t k = 0; k < change->actions.count; k++) {
			const struct action *action = &((struct draft *)change->actions.item[k])->action;
			if (verb_table[action->verb].performer == PERFORMER_STORAGE &&
				action->verb != verb_volume_record && text_equal(action->uid, volume->uid))
				return true;
		}
	}
	return false;
}

/* Is it for these manifests to close: wanted by them, or made from their folder? */
static bool is_ours(
	const struct planner *planner, const struct HaveVolume *volume, const struct wanted_volume *wanted)
{
	if (!volume->label || !text_equal(volume->label->owner, planner->want->owner))
		return false;
	if (!planner->options->only)
		return wanted || prune_root(planner, volume->label->source);
	return wanted && strcmp(planner->options->only, wanted->object->text) == 0;
}

/* The change of this volume: the one that it has already, or that its domain has; or a new one. */
static struct change *change_of(
	struct planner *planner, const struct HaveVolume *volume, const struct wanted_volume *wanted)
{
	const char *object =
		arena_format(planner->arena, "Volume/%s", volume->name ? volume->name : volume->uid);
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		struct change *change = planner->plan->changes.item[i];
		if (text_equal(change->object, object) ||
			(wanted && wanted->vdev && text_equal(change->object, wanted->object->text)))
			return change;
	}
	struct change *change = change_add(
		planner, object, wanted && !wanted->vdev ? wanted->object : NULL, wanted ? wanted->at : NULL);
	change->have_volume = volume;
	change->kind = CHANGE_LIVE;
	change->detail = "no guest has it";
	return change;
}

static void close_volume(struct planner *planner, const struct HaveVolume *volume)
{
	const struct wanted_volume *wanted = want_volume(planner->want, volume->uid);
	struct list after = {0}; /* struct draft */
	if (!any_open(volume) || (wanted && volume_plan_of(planner, wanted)->used) ||
		!is_ours(planner, volume, wanted) || is_planned(planner, volume) ||
		volume_holder(planner, volume, NULL, &after).domain)
		return;
	struct change *change = change_of(planner, volume, wanted);
	if (!change->allowed)
		return;
	const uint32_t first = change->actions.count;
	draft_closes(planner, change, volume, NULL);
	for (uint32_t i = 0; i < after.count; i++)
		draft_needs(planner, change->actions.item[first], after.item[i]);
}

void plan_close(struct planner *planner)
{
	const struct Observation *found = planner->have->found;
	if (!planner->have->known || !planner->have->storage_known)
		return;
	for (uint32_t i = 0; i < found->volumes.count; i++)
		close_volume(planner, found->volumes.item[i]);
}
