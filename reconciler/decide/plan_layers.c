/* The layers of a volume, gone through from the bottom: what is not there is made, what is to be had is
 * opened, what is too small grows. Which layers grow is said by the differences of the volume, up to a level;
 * what stands on one grows with it, or is opened anew. What was opened only for that is closed again. Images
 * are checked before the first layer that stands on them. */
#include "decide/planner.h"
#include "model/chain.h"
#include "model/quantity.h"
#include <string.h>

const char *layer_words(struct arena *arena, const struct Layer *layer)
{
	char size[32];
	if (layer->image)
		return arena_format(arena, "image %s", layer->image->name);
	if (layer->overlay)
		return layer->overlay->at[OverlayLayer_size] ? arena_format(arena, "overlay qcow2 %s",
								       size_text(layer->overlay->size, size))
							     : "overlay qcow2";
	if (layer->file)
		return arena_format(arena, "file %s %s", choice_disk_format[layer->file->format],
			size_text(layer->file->size, size));
	for (int i = 0; i < type_Layer.count; i++)
		if (layer->at[i])
			return type_Layer.fields[i].key;
	return "nothing";
}

/* Why a layer cannot stand on its image, or NULL. */
static const char *image_obstacle(struct planner *planner, const struct Layer *layer)
{
	if (!layer->image)
		return NULL;
	const char *name = layer->image->name;
	const struct wanted_image *image = want_image(planner->want, name);
	if (!image)
		return arena_format(planner->arena, "there is no Image/%s", name);
	const struct HaveImage *have = have_image(planner->have, name);
	if (image->object->refused)
		return arena_format(
			planner->arena, "Image/%s is not yet supported: %s", name, image->object->refused);
	if (have && KNOWN(have, HaveImage, present) && !have->present)
		return arena_format(planner->arena, "Image/%s: %s is not there", name, image->path);
	if (image->sha256 && have && KNOWN(have, HaveImage, digest) &&
		strcmp(have->digest, image->sha256) != 0)
		return arena_format(planner->arena, "Image/%s: %s has sha256 %s, wanted is %s", name,
			image->path, have->digest, image->sha256);
	return NULL;
}

/* A check whose own change came to nothing becomes part of this one. */
static void adopt(struct planner *planner, struct change *change, struct draft *verify)
{
	if (!verify)
		return;
	for (uint32_t i = 0; i < verify->change->actions.count; i++)
		if (verify->change->actions.item[i] == verify)
			return;
	verify->change = change;
	verify->action.change = change->object;
	list_add(planner->arena, &change->actions, verify);
}

/* The action that checks the digest of an image, one for all volumes on it; NULL where nothing is asked or it
 * is known to be right. */
static struct draft *plan_image(
	struct planner *planner, struct change *change, const struct wanted_image *image)
{
	struct image_plan *plan = &planner->images[image->index];
	if (plan->planned) {
		adopt(planner, change, plan->verify);
		return plan->verify;
	}
	plan->planned = true;
	const struct HaveImage *have = have_image(planner->have, image->name);
	if (!image->sha256 || (have && KNOWN(have, HaveImage, digest)))
		return NULL;
	plan->verify = draft_add(planner, change, verb_image_verify,
		arena_format(planner->arena, "Image/%s", image->name), image->name, NULL, NULL);
	plan->verify->action.image = image;
	plan->verify->action.at = image->object->at;
	return plan->verify;
}

const struct LayerFound *plan_layer_found(const struct HaveVolume *have, uint32_t index)
{
	return have && KNOWN(have, HaveVolume, state) && have->state != volume_state_broken &&
			       index < have->chain.count
		       ? have->chain.item[index]
		       : NULL;
}

/* What one layer still needs, in this order. */
struct need {
	bool is_open, close, create, open, grow;
};

struct layering {
	struct planner *planner;
	struct change *change;
	struct volume_plan *plan;
	struct need *needs; /* of each layer */
	struct draft *last;
	const struct wanted_image *image; /* at or below the layer */
};

static const struct layer_row *row_of(const struct layering *layering, uint32_t index)
{
	return layer_row_of(layering->plan->volume->chain.item[index]);
}

static void needs_find(struct layering *layering)
{
	const struct volume_plan *plan = layering->plan;
	const uint32_t count = plan->volume->chain.count;
	for (uint32_t i = 0; i < count; i++) {
		const struct layer_row *row = row_of(layering, i);
		const struct LayerFound *found = plan_layer_found(plan->have, i);
		struct need *need = &layering->needs[i];
		/* a layer that makes nothing is taken in passing, but a volume of nothing else needs its
		 * label, too */
		need->create = !found && (row->makes || (i + 1 == count && !row->binds));
		need->is_open = row->binds && found && KNOWN(found, LayerFound, open) && found->open;
		need->open = row->binds && !need->is_open;
	}
}

/* What stands on a layer that grows follows, up to a filesystem. What only follows when it is opened anew is
 * closed before, and all that is open above it. */
static void needs_follow(struct layering *layering, uint32_t index)
{
	const uint32_t count = layering->plan->volume->chain.count;
	bool anew = false;
	for (uint32_t i = index + 1, grows = true; i < count; i++) {
		const struct layer_row *row = row_of(layering, i);
		struct need *need = &layering->needs[i];
		anew |= grows && need->is_open && row->grows == GROWS_WHEN_OPENED;
		if (anew && need->is_open)
			need->close = need->open = true;
		if (grows && row->grows == GROWS_WITH_BELOW && !need->create)
			need->grow = row->makes || (need->is_open && !need->close);
		else if (need->close)
			need->grow &= row->makes;
		grows &= row->gives != PLACE_DATA;
	}
}

/* The layers that are to grow, where that does nothing worse than `level` to a guest. */
static void needs_grow(struct layering *layering, enum level level)
{
	struct planner *planner = layering->planner;
	const struct volume_plan *plan = layering->plan;
	struct list differences = {0};
	if (!plan->have || !diff_grows(plan->volume, plan->have))
		return;
	diff_volume(planner->arena, planner->want, planner->have, plan->volume, plan->have, &differences);
	for (uint32_t i = 0; i < differences.count; i++) {
		const struct difference *difference = differences.item[i];
		if (difference->verb != verb_volume_grow || difference->refused ||
			difference->effect > level || (difference->unknown && level < level_restart) ||
			layering->needs[difference->layer].create)
			continue;
		layering->needs[difference->layer].grow = true;
		needs_follow(layering, difference->layer);
	}
}

/* How many layers are gone through from the bottom: all where a guest is to have the volume, else up to the
 * highest that is to be made or to grow. */
static uint32_t layers_needed(const struct layering *layering)
{
	uint32_t count = layering->plan->volume->chain.count;
	while (!layering->plan->used && count && !layering->needs[count - 1].create &&
		!layering->needs[count - 1].grow)
		count--;
	return count;
}

static void draft_layer(struct layering *layering, enum verb verb, uint32_t index, struct draft *verify)
{
	struct planner *planner = layering->planner;
	const struct volume_plan *plan = layering->plan;
	const struct wanted_volume *volume = plan->volume;
	struct draft *draft = draft_add(planner, layering->change, verb,
		arena_format(planner->arena, "Volume/%s", volume->name), volume->name,
		arena_format(planner->arena, "(%s)", layer_words(planner->arena, volume->chain.item[index])),
		layering->last);
	/* the check of an image stands for itself: volumes of several domains wait for it */
	draft_needs(planner, draft, verify);
	draft->action.volume = volume;
	draft->action.have_volume = plan->have;
	draft->action.uid = volume->uid;
	draft->action.layer = index;
	draft->action.image = layering->image;
	draft->action.label = label_of(planner, plan);
	draft->action.at = volume->at;
	layering->last = draft;
}

/* What is open and need not be: what was opened only to make something above, or nobody has. */
static void draft_closing(struct layering *layering, uint32_t needed)
{
	for (uint32_t i = layering->plan->volume->chain.count; i-- > 0;) {
		const struct need *need = &layering->needs[i];
		if (i < needed ? row_of(layering, i)->binds : need->is_open && !need->close)
			draft_layer(layering, verb_volume_close, i, NULL);
	}
}

static bool is_complete(const struct volume_plan *plan)
{
	return plan->have && KNOWN(plan->have, HaveVolume, state) &&
	       plan->have->state == volume_state_complete;
}

void draft_layers(struct planner *planner, struct change *change, struct volume_plan *plan,
	struct draft *after, enum level growth)
{
	const struct wanted_volume *volume = plan->volume;
	/* one that is whole stands on what it stood on */
	const bool complete = is_complete(plan);
	if (complete && !diff_grows(volume, plan->have)) {
		plan->ready = true;
		return;
	}
	struct layering layering = {planner, change, plan,
		arena_array(planner->arena, struct need, volume->chain.count), after, NULL};
	struct draft *verify = NULL;
	needs_find(&layering);
	needs_grow(&layering, growth);
	const uint32_t needed = layers_needed(&layering);
	for (uint32_t i = 0; i < needed && !complete && !plan->blocked; i++)
		plan->blocked = image_obstacle(planner, volume->chain.item[i]);
	if (plan->blocked)
		return;
	for (uint32_t i = volume->chain.count; i-- > 0;)
		if (layering.needs[i].close)
			draft_layer(&layering, verb_volume_close, i, NULL);
	for (uint32_t i = 0; i < needed; i++) {
		const struct Layer *layer = volume->chain.item[i];
		const struct need *need = &layering.needs[i];
		if (layer->image && !complete) {
			layering.image = want_image(planner->want, layer->image->name);
			verify = plan_image(planner, change, layering.image);
		}
		if (need->create)
			draft_layer(&layering, verb_volume_create, i, verify);
		if (need->open)
			draft_layer(&layering, verb_volume_open, i, verify);
		if (need->grow)
			draft_layer(&layering, verb_volume_grow, i, verify);
		if (need->grow)
			plan->grown = change;
	}
	plan->last = layering.last != after ? layering.last : plan->last;
	if (layering.last != after && !plan->used && growth != level_live)
		draft_closing(&layering, needed);
	plan->ready = true;
}
