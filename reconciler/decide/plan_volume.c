/* Volumes: what has to be done so that a wanted volume is there, layer by layer from the bottom. An inline
 * volume's actions stand in the change of its domain, a declared one has a change of its own. Images are
 * checked before the first layer that stands on them. */
#include "decide/planner.h"
#include "model/chain.h"
#include "model/quantity.h"
#include <string.h>

const char *volume_words(struct arena *arena, const struct wanted_volume *volume)
{
	const char *words = "";
	for (uint32_t i = 0; i < volume->chain.count; i++)
		words = arena_format(
			arena, "%s%s%s", words, i ? " <- " : "", layer_words(arena, volume->chain.item[i]));
	return words;
}

/* What the label of a volume is to say, but for its chain. */
struct Label *label_of(struct planner *planner, const struct volume_plan *plan)
{
	const struct wanted_volume *volume = plan->volume;
	const struct Label *have = plan->have ? plan->have->label : NULL;
	struct Label *label = type_new(planner->arena, &type_Label);
	KNOW(label, Label, owner, planner->want->owner);
	KNOW(label, Label, kind, kind_name[volume->object->kind]);
	KNOW(label, Label, name, volume->name);
	KNOW(label, Label, uid, volume->uid);
	const char *source = source_of(planner, volume->object, have ? have->source : NULL);
	if (source)
		KNOW(label, Label, source, source);
	if (volume->domain_uid)
		KNOW(label, Label, domain, volume->domain_uid);
	KNOW(label, Label, reclaim, (int)volume->reclaim);
	KNOW(label, Label, protect, volume->protect);
	if (have && KNOWN(have, Label, config))
		KNOW(label, Label, config, have->config);
	if (have && KNOWN(have, Label, configFailed))
		KNOW(label, Label, configFailed, have->configFailed);
	return label;
}

static bool label_same(const struct Label *want, const struct Label *have)
{
	return text_equal(want->owner, have->owner) && text_equal(want->kind, have->kind) &&
	       text_equal(want->name, have->name) && text_equal(want->source, have->source) &&
	       text_equal(want->domain, have->domain) && want->reclaim == have->reclaim &&
	       want->protect == have->protect;
}

/* What of a label changes, for people; NULL where it is not worth a word. */
static const char *label_words(struct planner *planner, const struct Label *want, const struct Label *have)
{
	const char *words = NULL;
	if (want->reclaim != have->reclaim)
		words = want->reclaim == reclaim_Delete ? "deleted when nothing wants it any more"
							: "kept when nothing wants it any more";
	if (want->protect != have->protect)
		words = arena_format(planner->arena, "%s%s%s", words ? words : "", words ? "; " : "",
			want->protect ? "protected" : "not protected any more");
	if (!text_equal(want->source, have->source))
		words = arena_format(planner->arena, "%s%sit belongs to the manifests in %s",
			words ? words : "", words ? "; " : "", want->source);
	return words ? arena_format(planner->arena, "(from now on: %s)", words) : NULL;
}

void plan_label(struct planner *planner, struct change *change, const struct volume_plan *plan)
{
	const struct wanted_volume *volume = plan->volume;
	/* what makes or opens a layer writes it, too; what only grows does not */
	const bool only_grows = plan->grown && plan->have && plan->have->state == volume_state_complete;
	if (!plan->ready || (plan->last && !only_grows) || !plan->have || !plan->have->label)
		return;
	struct planner passing = *planner;
	passing.arena = planner->scratch;
	const bool same = label_same(label_of(&passing, plan), plan->have->label);
	arena_reset(planner->scratch);
	if (same)
		return;
	const struct Label *label = label_of(planner, plan);
	struct draft *draft = draft_add(planner, change, verb_volume_record,
		arena_format(planner->arena, "Volume/%s", volume->name), volume->name,
		label_words(planner, label, plan->have->label), only_grows ? plan->last : NULL);
	draft->action.volume = volume;
	draft->action.have_volume = plan->have;
	draft->action.uid = volume->uid;
	draft->action.label = label;
	draft->action.at = volume->at;
}

/* An overlay stands on the very bytes it was made on: a base that changed since would be read as garbage. */
static const char *base_changed(struct planner *planner, const struct HaveVolume *have)
{
	const char *image = have_changed_base(planner->have, have);
	return image ? arena_format(planner->arena,
			       "BaseChanged: Image/%s is not the file any more that volume %s was made on",
			       image, have->name ? have->name : have->uid)
		     : NULL;
}

/* Why a volume that is there is not for these manifests, or NULL. */
static const char *foreign(struct planner *planner, const struct volume_plan *plan)
{
	const struct Label *label = plan->have ? plan->have->label : NULL;
	const struct source_root *root = plan->volume->object->root;
	if (label && label->owner && strcmp(label->owner, planner->want->owner) != 0)
		return arena_format(
			planner->arena, "volume %s belongs to owner %s", plan->volume->name, label->owner);
	if (!label || !label->source || !root || planner->options->take_over ||
		source_matches(label->source, root))
		return NULL;
	return arena_format(planner->arena,
		"volume %s belongs to the manifests in %s; --take-over makes it yours", plan->volume->name,
		label->source);
}

/* Why a volume that was begun cannot be finished as it is wanted now, or NULL. */
static const char *begun_otherwise(struct planner *planner, const struct volume_plan *plan)
{
	struct list differences = {0};
	/* where nothing is made yet, the label may still be written anew */
	if (plan_layer_found(plan->have, 0) && plan->have->label && KNOWN(plan->have->label, Label, chain))
		diff_volume(
			planner->arena, planner->want, planner->have, plan->volume, plan->have, &differences);
	for (uint32_t i = 0; i < differences.count; i++) {
		const struct difference *difference = differences.item[i];
		if (difference->effect == level_data_loss)
			return difference->refused;
	}
	return NULL;
}

struct volume_plan *plan_volume(struct planner *planner, struct change *change,
	const struct wanted_volume *volume, struct draft *after)
{
	struct volume_plan *plan = volume_plan_of(planner, volume);
	if (plan->planned)
		return plan;
	plan->planned = true;
	if (!planner->have->storage_known)
		plan->blocked = "storage could not be read, so it is not known what is there";
	else if (volume->object->refused)
		plan->blocked = arena_format(planner->arena, "%s is not yet supported: %s",
			volume->object->text, volume->object->refused);
	else if (foreign(planner, plan))
		plan->blocked = foreign(planner, plan);
	else if (plan->have && !KNOWN(plan->have, HaveVolume, state))
		plan->blocked =
			arena_format(planner->arena, "the state of volume %s is not known", volume->name);
	else if (plan->have &&
		 (plan->have->state == volume_state_complete || plan->have->state == volume_state_closed) &&
		 base_changed(planner, plan->have))
		plan->blocked = base_changed(planner, plan->have);
	else if (plan->have && plan->have->state == volume_state_broken)
		plan->blocked = arena_format(planner->arena,
			"volume %s is there but not what its volume.json says; it is not touched",
			volume->name);
	else if (plan->have && plan->have->state == volume_state_closed && !plan->used &&
		 begun_otherwise(planner, plan))
		plan->ready = true; /* it is not what is wanted, but whole, and nobody is to have it */
	else if ((!plan->have || plan->have->state != volume_state_complete) &&
		 begun_otherwise(planner, plan))
		plan->blocked = begun_otherwise(planner, plan);
	else
		draft_layers(planner, change, plan, after, level_none);
	return plan;
}

void plan_declared_volume(struct planner *planner, const struct wanted_volume *volume)
{
	struct change *change = change_add(planner, volume->object->text, volume->object, volume->object->at);
	change->volume = volume;
	change->have_volume = volume_plan_of(planner, volume)->have;
	if (volume->object->refused) {
		report_error(planner->report, volume->object->refused_at, volume->object->text, NULL,
			"%s is not yet supported", volume->object->refused);
		change_block(planner, change, CHANGE_BLOCKED,
			arena_format(planner->arena, "%s is not yet supported", volume->object->refused));
		return;
	}
	if (!planner->have->known || !planner->have->storage_known) {
		change_block(planner, change, CHANGE_UNKNOWN,
			planner->have->why_unknown ? planner->have->why_unknown
						   : "storage could not be read");
		return;
	}
	const struct Label *label = change->have_volume ? change->have_volume->label : NULL;
	if (label && label->source && volume->object->root && !planner->options->take_over &&
		!source_matches(label->source, volume->object->root)) {
		change_block(planner, change, CHANGE_BLOCKED,
			arena_format(planner->arena,
				"it belongs to the manifests in %s; --take-over makes it yours",
				label->source));
		change->cause = CAUSE_LIMITS;
		return;
	}
	struct volume_plan *plan = plan_volume(planner, change, volume, NULL);
	if (!plan->ready) {
		change_block(planner, change, CHANGE_BLOCKED, plan->blocked);
		return;
	}
	if (change->actions.count &&
		(plan->grown != change || !plan->have || plan->have->state == volume_state_partial)) {
		change->kind = CHANGE_CREATE;
		return;
	}
	struct list differences = {0};
	diff_volume(planner->arena, planner->want, planner->have, volume, plan->have, &differences);
	change_differences(planner, change, &differences);
	change->kind = CHANGE_LIVE;
	for (uint32_t i = 0; i < change->difference_count; i++) {
		const struct difference *difference = &change->differences[i];
		if (difference->effect > change->blast)
			change->blast = difference->effect;
		if (difference->verb == verb_volume_grow && !difference->unknown && !difference->refused) {
			/* else plan_grow.c settles it, which knows what becomes of those who have it */
			change->difference_allowed[i] = plan->grown == change;
			continue;
		}
		const char *why = !difference->unknown ? difference->refused
				  : difference->grows  ? "a guest may have it whose disks are not known"
						       : "what is there could not be read";
		if (!change->actions.count)
			change_block(
				planner, change, difference->unknown ? CHANGE_UNKNOWN : CHANGE_BLOCKED, why);
		else {
			change_reason(planner, change, why);
			change->cause = CAUSE_ERROR;
		}
	}
	/* what its manifest says of deleting it holds whatever else differs */
	plan_label(planner, change, plan);
	if (change->actions.count && change->kind == CHANGE_BLOCKED) {
		change->kind = CHANGE_LIVE;
		change->allowed = true;
	}
}
