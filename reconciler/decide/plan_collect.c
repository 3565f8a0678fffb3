/* Collecting: what of ours nothing wants any more, and pruning leaves alone: volumes that are retained, and
 * what interrupted work left. All of it is listed with the reason for which it stays; what was asked for by
 * its uid, or as a leftover, is deleted under the guards of pruning (plan_prune_volume.c, gate.c) and one
 * more: nothing that something else stands on. A volume that is not what its label says, or has none, is
 * never deleted: nobody can tell what it is. */
#include "decide/planner.h"
#include "model/chain.h"
#include <string.h>

static int by_object(const void *a, const void *b)
{
	return strcmp((*(struct garbage *const *)a)->object, (*(struct garbage *const *)b)->object);
}

/* Does another volume found here bear this name? They are sorted by it. */
static bool has_namesake(const struct planner *planner, uint32_t index)
{
	const struct list *volumes = &planner->have->found->volumes;
	const struct HaveVolume *volume = volumes->item[index];
	for (uint32_t step = 0; step < 2; step++) {
		const uint32_t at = step ? index + 1 : index - 1;
		if (at < volumes->count &&
			text_equal(((const struct HaveVolume *)volumes->item[at])->name, volume->name))
			return true;
	}
	return false;
}

static bool is_same_place(const struct LayerFound *own, const char *id, const char *path)
{
	return (id && text_equal(own->id, id)) || (path && text_equal(own->path, path));
}

/* Is this layer of the volume what a layer of another volume is recorded to be, or was found to be? */
static const char *stands_on(
	struct planner *planner, const struct HaveVolume *volume, const struct LayerFound *own)
{
	const struct list *volumes = &planner->have->found->volumes;
	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct HaveVolume *other = volumes->item[i];
		const struct list *const chains[] = {
			&other->chain, other->label ? &other->label->chain : NULL};
		for (int k = 0; other != volume && k < 2; k++)
			for (uint32_t n = 0; chains[k] && n < chains[k]->count; n++) {
				const struct LayerFound *layer = chains[k]->item[n];
				if (is_same_place(own, layer->id, layer->path))
					return arena_format(planner->arena, "Volume/%s stands on it",
						other->name ? other->name : other->uid);
			}
	}
	for (uint32_t i = 0; i < planner->want->images.count; i++) {
		const struct wanted_image *image = planner->want->images.item[i];
		const struct HaveImage *have = have_image(planner->have, image->name);
		if (is_same_place(own, have ? have->id : NULL, image->path))
			return arena_format(planner->arena, "%s is this file", image->object->text);
	}
	return NULL;
}

/* A device that is bound has a name for the moment only. */
static bool makes(const struct LayerFound *layer)
{
	const struct layer_row *row = layer_row_find(layer->layer);
	return row && row->makes;
}

static const char *base_obstacle(struct planner *planner, const struct HaveVolume *volume)
{
	const char *why = NULL;
	for (uint32_t i = 0; i < volume->chain.count && !why; i++)
		if (makes(volume->chain.item[i]))
			why = stands_on(planner, volume, volume->chain.item[i]);
	return why;
}

/* Whatever its label says, or although it has none. */
static enum garbage_kind kind_of(const struct planner *planner, const struct HaveVolume *volume)
{
	if (!KNOWN(volume, HaveVolume, state) || volume->state == volume_state_broken)
		return GARBAGE_BROKEN;
	if (!volume->label)
		return GARBAGE_UNLABELLED;
	if (!prune_root(planner, volume->label->source))
		return GARBAGE_ELSEWHERE;
	return volume->state == volume_state_partial ? GARBAGE_LEFTOVER : GARBAGE_RETAINED;
}

static enum stays stays(
	struct planner *planner, const struct garbage *garbage, struct list *after, const char **why)
{
	const struct HaveVolume *volume = garbage->volume;
	const char *source = volume->label ? volume->label->source : NULL;
	switch (garbage->kind) {
	case GARBAGE_BROKEN:
		*why = volume->problem ? volume->problem : "what is there could not be read";
		return STAYS_ITSELF;
	case GARBAGE_UNLABELLED:
		*why = arena_format(planner->arena, "%s: if nobody works on it, remove it by hand",
			volume->problem ? volume->problem : "it has no label that says whose it is");
		return STAYS_ITSELF;
	case GARBAGE_ELSEWHERE:
		*why = source ? arena_format(planner->arena,
					"it belongs to the manifests in %s: give that folder", source)
			      : "its label names no folder of manifests";
		return STAYS_ITSELF;
	default:
		break;
	}
	*why = base_obstacle(planner, volume);
	return *why ? STAYS_ITSELF : volume_stays(planner, volume, prune_root(planner, source), after, why);
}

static bool is_asked(const struct planner *planner, const struct garbage *garbage)
{
	const struct collect_options *asked = planner->options->collect;
	for (size_t i = 0; i < asked->uid_count; i++)
		if (strcmp(asked->uids[i], garbage->volume->uid) == 0)
			return true;
	return asked->leftovers && garbage->kind == GARBAGE_LEFTOVER;
}

static void collect(struct planner *planner, struct garbage *garbage)
{
	struct list after = {0}; /* struct draft */
	const enum stays how = stays(planner, garbage, &after, &garbage->kept);
	if (!is_asked(planner, garbage))
		return;
	struct change *change = change_add(planner, garbage->object, NULL, NULL);
	change->have_volume = garbage->volume;
	change->kind = CHANGE_DESTROY;
	change->blast = level_data_loss;
	switch (how) {
	case STAYS_NOT:
		volume_remove(planner, change, garbage->volume, &after);
		break;
	case STAYS_ITSELF:
		prune_keep(planner, change, garbage->kept);
		break;
	case STAYS_ROOT:
		prune_block(planner, change, garbage->kept);
		break;
	case STAYS_UNKNOWN:
		change_block(planner, change, CHANGE_UNKNOWN,
			arena_format(planner->arena, "not removed: %s", garbage->kept));
		break;
	}
}

/* What has no label cannot say whose it is, but its folder bears a uid. */
static bool is_wanted(const struct planner *planner, const struct HaveVolume *volume)
{
	if (volume->label)
		return wants_found_volume(planner, volume);
	return want_volume(planner->want, volume->uid) || want_names(planner->want, volume->uid);
}

static bool is_foreign(const struct planner *planner, const struct HaveVolume *volume)
{
	return volume->label && !text_equal(volume->label->owner, planner->want->owner);
}

void plan_collect(struct planner *planner)
{
	const struct list *volumes = &planner->have->found->volumes;
	if (!planner->have->known || !planner->have->storage_known)
		return;
	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct HaveVolume *volume = volumes->item[i];
		if (!volume->uid || is_foreign(planner, volume) || is_wanted(planner, volume))
			continue;
		struct garbage *garbage = arena_make(planner->arena, struct garbage);
		const bool by_name = volume->name && !has_namesake(planner, i) &&
				     !wants_volume_named(planner, volume->name);
		garbage->volume = volume;
		garbage->object =
			arena_format(planner->arena, "Volume/%s", by_name ? volume->name : volume->uid);
		garbage->kind = kind_of(planner, volume);
		list_add(planner->arena, &planner->plan->garbage, garbage);
	}
	list_sort(&planner->plan->garbage, by_object);
	for (uint32_t i = 0; i < planner->plan->garbage.count; i++)
		collect(planner, planner->plan->garbage.item[i]);
}
