/* Pruning, the second half: volumes. One goes only when no guest has it any more, or after what takes it from
 * the last one that has: then the plan that is shown says so, not a later one. An inline volume goes with its
 * domain, or when a wanted domain has no such disk any more; a declared one when its manifest is gone; both
 * only where their label says reclaim Delete, and never one that dom0 has, that is protected, or that is not
 * what its label says. */
#include "decide/planner.h"
#include "model/chain.h"
#include <string.h>

bool volume_owns(const struct LayerFound *layer)
{
	const struct layer_row *row = layer_row_find(layer->layer);
	return row && (row->makes || row->binds);
}

/* Is there something of it that goes with the volume? */
static bool layer_makes(const struct LayerFound *layer)
{
	const struct layer_row *row = layer_row_find(layer->layer);
	return row && row->makes;
}

/* The last action that takes the volume from a domain that has it; NULL: this plan leaves it there. */
struct draft *draft_taking_away(
	const struct planner *planner, const struct HaveDomain *domain, const struct HaveVolume *volume)
{
	const struct list *changes = &planner->plan->changes;
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->item[i];
		if (change->have != domain || !change->actions.count)
			continue;
		if (change->kind != CHANGE_LIVE && change->kind != CHANGE_REATTACH)
			return change->actions.item[change->actions.count - 1];
		for (uint32_t k = 0; k < change->actions.count; k++) {
			struct draft *draft = change->actions.item[k];
			if (draft->action.verb == verb_disk_detach && have_is_on(draft->action.disk, volume))
				return draft;
		}
	}
	return NULL;
}

/* Does this domain keep it? What takes it away is added to `after`. */
static bool keeps(struct planner *planner, const struct HaveVolume *volume, const struct HaveDomain *domain,
	struct list *after)
{
	struct draft *draft = draft_taking_away(planner, domain, volume);
	if (draft)
		list_add(planner->arena, after, draft);
	return !draft;
}

struct holder volume_holder(struct planner *planner, const struct HaveVolume *volume,
	const struct HaveDomain *except, struct list *after)
{
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *layer = volume->chain.item[i];
		const char *const keys[] = {layer->id, layer->path};
		for (int k = 0; k < 2 && volume_owns(layer); k++) {
			const struct HaveDomain *domain;
			for (uint32_t at = 0;
				keys[k] && (domain = claims_found(planner->claims, keys[k], &at));)
				if (domain != except && keeps(planner, volume, domain, after))
					return (struct holder){.domain = domain, .surely = true};
		}
	}
	for (uint32_t i = 0; i < planner->undescribed.count; i++) {
		const struct HaveDomain *domain = planner->undescribed.item[i];
		if (domain != except && keeps(planner, volume, domain, after))
			return (struct holder){.domain = domain};
	}
	return (struct holder){0};
}

/* Does dom0 use something of it because the volume itself is mounted? */
static bool is_its_own(const struct HaveVolume *volume, const struct HostUse *use)
{
	for (uint32_t i = 0; use->place && i < volume->chain.count; i++)
		if (text_equal(((const struct LayerFound *)volume->chain.item[i])->path, use->place))
			return true;
	return false;
}

/* Why this volume must not be deleted, whoever asks for it; NULL: it may. */
static const char *volume_obstacle(struct planner *planner, const struct HaveVolume *volume)
{
	const struct list *uses = &planner->have->found->uses;
	for (uint32_t i = 0; i < uses->count; i++) {
		const struct HostUse *use = uses->item[i];
		if (is_its_own(volume, use))
			continue;
		for (uint32_t k = 0; k < volume->chain.count; k++) {
			const struct LayerFound *layer = volume->chain.item[k];
			if (volume_owns(layer) && use->id && text_equal(use->id, layer->id))
				return arena_format(planner->arena, "dom0 has it: %s", use->what);
		}
	}
	if (volume->label->protect)
		return "it is protected";
	if (!KNOWN(volume, HaveVolume, state))
		return "its state is not known";
	return volume->state == volume_state_broken ? "it is not what its volume.json says" : NULL;
}

static struct draft *draft_remove(
	struct planner *planner, struct change *change, const struct HaveVolume *volume, struct draft *after)
{
	struct draft *closed = draft_closes(planner, change, volume, after);
	struct draft *remove = draft_add(planner, change, verb_volume_remove,
		arena_format(planner->arena, "Volume/%s", volume->name ? volume->name : volume->uid),
		volume->name ? volume->name : volume->uid, NULL, closed);
	remove->action.have_volume = volume;
	remove->action.uid = volume->uid;
	if (change->blast < level_data_loss)
		change->blast = level_data_loss;
	return remove;
}

enum stays volume_stays(struct planner *planner, const struct HaveVolume *volume,
	const struct source_root *root, struct list *after, const char **why)
{
	*why = volume_obstacle(planner, volume);
	if (*why)
		return STAYS_ITSELF;
	*why = prune_root_obstacle(planner, root);
	if (*why)
		return STAYS_ROOT;
	const struct holder holder = volume_holder(planner, volume, NULL, after);
	if (!holder.domain)
		return STAYS_NOT;
	const char *name = domain_words(holder.domain);
	*why = arena_format(planner->arena,
		holder.surely ? "%s has it" : "%s may have it, its disks are not known", name);
	return holder.surely ? STAYS_ITSELF : STAYS_UNKNOWN;
}

void volume_remove(struct planner *planner, struct change *change, const struct HaveVolume *volume,
	const struct list *after)
{
	const char *domain = volume->label->domain;
	struct draft *remove = draft_remove(planner, change, volume, NULL);
	/* it may be what is left of its domain's removal, which is counted already */
	remove->action.counted = !(domain && removal_is_begun(planner, domain));
	for (uint32_t i = 0; i < after->count; i++)
		draft_needs(planner, change->actions.item[0], after->item[i]);
	change->detail = "what it stands on stays";
	for (uint32_t i = 0; i < volume->chain.count; i++)
		if (layer_makes(volume->chain.item[i]))
			change->detail = "deletes its data";
}

static void say_more(struct planner *planner, const char **words, const char *first, const char *more)
{
	*words = *words ? arena_format(planner->arena, "%s, %s", *words, more)
			: arena_format(planner->arena, "%s %s", first, more);
}

/* What another guest has stays: its holder decides in a change of the volume's own, once the domain is gone.
 */
void prune_inline_volumes(
	struct planner *planner, struct change *change, const struct HaveDomain *have, struct draft *gone)
{
	uint32_t count;
	const struct index_entry *volumes = have_volumes_of(planner->have, have->uuid, &count);
	const char *deleted = NULL, *kept = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct HaveVolume *volume = volumes[i].item;
		const struct Label *label = volume->label;
		const char *name = volume->name ? volume->name : volume->uid;
		struct list others = {0};
		const struct holder holder = volume_holder(planner, volume, have, &others);
		const bool asked = KNOWN(label, Label, reclaim) && label->reclaim == reclaim_Delete;
		const char *obstacle = volume_obstacle(planner, volume);
		if (asked && !obstacle && wants_volume_named(planner, name)) {
			/* what it is asked for once its guest is gone: see gate.c */
			say_more(planner, &kept, "keeps volume",
				arena_format(planner->arena, "%s (wanted with another uid)", name));
		} else if (asked && !obstacle && !holder.domain && !others.count) {
			draft_remove(planner, change, volume, gone);
			say_more(planner, &deleted, "deletes volume", name);
		} else if (asked && holder.domain && !obstacle)
			say_more(planner, &kept, "keeps volume",
				arena_format(planner->arena, "%s (%s %s it)", name,
					domain_words(holder.domain), holder.surely ? "has" : "may have"));
		else if (asked && obstacle)
			say_more(planner, &kept, "keeps volume",
				arena_format(planner->arena, "%s (%s)", name, obstacle));
		else
			say_more(planner, &kept, "keeps volume", name);
	}
	change->detail = deleted && kept ? arena_format(planner->arena, "%s; %s", deleted, kept)
			 : deleted       ? deleted
					 : kept;
}

/* An inline volume goes the way of its domain: with it, or when a wanted domain has no such disk any more. */
bool wants_found_volume(const struct planner *planner, const struct HaveVolume *volume)
{
	const struct want *want = planner->want;
	const char *domain = volume->label->domain;
	if (want_volume(want, volume->uid) || want_names(want, volume->uid))
		return true;
	if (!domain)
		return false;
	if (!want_names(want, domain))
		return have_domain(planner->have, domain) != NULL; /* goes with it */
	for (uint32_t i = 0; i < want->domains.count; i++)
		if (strcmp(((struct wanted_domain *)want->domains.item[i])->uid, domain) == 0)
			return false;
	return true; /* of a domain for another host */
}

/* Is there a wanted volume of this name, with another uid? */
bool wants_volume_named(const struct planner *planner, const char *name)
{
	uint32_t low = 0, high = planner->want->volumes.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct wanted_volume *volume = planner->want->volumes.item[middle];
		int order = strcmp(volume->name, name);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return want_object(planner->want, KIND_VOLUME, name) != NULL;
}

/* A volume that nothing wants, with reclaim Delete in its label: a declared one whose manifest is gone, an
 * inline one whose disk or domain is gone. What is retained is left to `gc`. */
void prune_volume(struct planner *planner, const struct HaveVolume *volume)
{
	const struct Label *label = volume->label;
	if (!label || !label->source || !KNOWN(label, Label, reclaim) || label->reclaim != reclaim_Delete ||
		!text_equal(label->owner, planner->want->owner))
		return;
	const struct source_root *root = prune_root(planner, label->source);
	const char *name = volume->name ? volume->name : volume->uid;
	if (!root || wants_found_volume(planner, volume))
		return;
	const bool twin = wants_volume_named(planner, name);
	struct change *change = change_add(
		planner, arena_format(planner->arena, "Volume/%s", twin ? volume->uid : name), NULL, NULL);
	change->have_volume = volume;
	change->kind = CHANGE_DESTROY;
	change->blast = level_data_loss;
	struct list after = {0}; /* struct draft */
	const char *why = NULL;
	const enum stays stays = volume_stays(planner, volume, root, &after, &why);
	switch (stays) {
	case STAYS_NOT:
		volume_remove(planner, change, volume, &after);
		break;
	case STAYS_ITSELF:
		prune_keep(planner, change, why);
		break;
	case STAYS_ROOT:
		prune_block(planner, change, why);
		break;
	case STAYS_UNKNOWN:
		change_block(planner, change, CHANGE_UNKNOWN,
			arena_format(planner->arena, "not removed: %s", why));
		break;
	}
}
