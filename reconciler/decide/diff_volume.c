/* Volumes that are there against the chain that is wanted: the layers that the label recorded, one by one. A
 * size may grow; whether that can be done while a guest has the volume follows from the layers between the
 * one that grows and the guest. Every other difference is refused, at its line. */
#include "decide/diff.h"
#include "model/chain.h"
#include "model/effect.h"
#include <string.h>

static struct difference *add(struct arena *arena, struct list *out, const char *path,
	const struct field *field, const void *want, const void *have, const struct mark *at,
	enum level effect)
{
	struct difference *difference = arena_make(arena, struct difference);
	*difference = (struct difference){
		.path = path, .field = field, .want = want, .have = have, .at = at, .effect = effect};
	list_add(arena, out, difference);
	return difference;
}

/* A volume that is there, and what is found out about its growing. */
struct comparing {
	struct arena *arena;
	const struct have *have;
	const struct wanted_volume *volume;
	const struct HaveVolume *found;
	const char *prefix; /* of paths */
	struct list *out;
};

static const struct layer_row *row_at(const struct comparing *comparing, uint32_t index)
{
	return layer_row_of(comparing->volume->chain.item[index]);
}

/* As it was found, or, where it is not there yet, as it is recorded. */
static const struct LayerFound *layer_at(const struct comparing *comparing, uint32_t index)
{
	const struct list *found = &comparing->found->chain;
	return index < found->count ? found->item[index] : comparing->found->label->chain.item[index];
}

/* Up to where it matters that the layer at `index` grows: a filesystem hands on a place, which has no size.
 */
static uint32_t growth_end(const struct comparing *comparing, uint32_t index)
{
	uint32_t end = index + 1;
	while (end < comparing->volume->chain.count && row_at(comparing, end)->gives != PLACE_DATA)
		end++;
	return end < comparing->volume->chain.count ? end + 1 : end;
}

/* Why a layer does not grow, or what stands on it does not grow with it; NULL: nothing stands in the way. */
static const char *growth_obstacle(const struct comparing *comparing, uint32_t index)
{
	if (row_at(comparing, index)->grows != GROWS_TO_SIZE)
		return arena_format(comparing->arena, "layer %s cannot grow", row_at(comparing, index)->key);
	const uint32_t end = growth_end(comparing, index);
	for (uint32_t i = index + 1; i < end; i++) {
		const struct layer_row *row = row_at(comparing, i);
		if (row == &layer_table[Layer_overlay])
			return "an overlay stands on it, whose base never changes: give the overlay a size "
			       "of its own";
		if (row->grows == GROWS_NOT)
			return arena_format(comparing->arena,
				"layer %s, which stands on it, cannot grow: its table is its author's to "
				"change",
				row->key);
	}
	return NULL;
}

/* Can all layers that are to grow do it under a guest? */
static enum level growth_level(const struct comparing *comparing, uint32_t index)
{
	const uint32_t end = growth_end(comparing, index);
	enum level level = level_live;
	for (uint32_t i = index; i < end; i++) {
		const struct LayerFound *layer = layer_at(comparing, i);
		const struct circumstances at = {.format = i == index && KNOWN(layer, LayerFound, format)
								   ? (enum disk_format)layer->format
								   : disk_format_raw};
		if (effect_grow(&at) > level)
			level = effect_grow(&at);
		if (row_at(comparing, i)->grows == GROWS_WHEN_OPENED)
			level = level_restart;
	}
	return level;
}

/* May a guest have it of which it is not known which disks it has? An inline volume is with its own guest, or
 * with none; one that is not whole, or not open, is with none. */
static bool may_be_held(const struct comparing *comparing)
{
	if (comparing->found->state != volume_state_complete)
		return false;
	const struct list *domains = &comparing->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];
		const bool described = KNOWN(domain, HaveDomain, spec) && domain->spec &&
				       KNOWN(domain->spec, DomainSpec, disks);
		const bool stranger = KNOWN(domain, HaveDomain, owned) && !domain->owned;
		if (!described && !stranger &&
			(!comparing->volume->vdev || text_equal(domain->uuid, comparing->volume->domain_uid)))
			return true;
	}
	return !comparing->have->known;
}

/* A guest sees another size only of a disk of the kind that may come and go; one that is half gone sees
 * nothing. */
static bool may_see(const struct comparing *comparing, const struct Disk *disk)
{
	const struct layer_row *top = row_at(comparing, comparing->volume->chain.count - 1);
	return strncmp(disk->vdev, "xvd", 3) == 0 &&
	       !(KNOWN(disk, Disk, fault) && disk->fault != fault_none) &&
	       (top->gives != FILE_DATA || have_can(comparing->have, verb_disk_grow));
}

/* What growing does to those who have it. */
static void judge_growth(const struct comparing *comparing, uint32_t index, struct difference *difference)
{
	const struct have *have = comparing->have;
	const bool reaches = growth_end(comparing, index) == comparing->volume->chain.count &&
			     row_at(comparing, comparing->volume->chain.count - 1)->gives != PLACE_DATA;
	const struct HaveDomain *holder, *first = NULL;
	const struct Disk *disk;
	difference->effect = level_none;
	for (uint32_t at = 0; (holder = have_holder(have, comparing->found, &at, &disk));) {
		const enum level level =
			reaches && !may_see(comparing, disk) ? level_restart : growth_level(comparing, index);
		const char *name = holder->name ? holder->name : holder->uuid;
		if (level > difference->effect)
			difference->effect = level;
		if (!(KNOWN(holder, HaveDomain, owned) && holder->owned))
			difference->refused =
				arena_format(comparing->arena, "domain %s has it, which is not ours", name);
		else if (first && difference->effect > level_live)
			difference->refused = arena_format(comparing->arena,
				"%s and %s have it, and it cannot grow while a guest has it: stop them",
				first->name ? first->name : first->uuid, name);
		first = holder;
	}
	/* what is live does no harm to another one either */
	difference->unknown = (!first || difference->effect > level_live) && may_be_held(comparing);
}

/* What was begun and not ended: the label learns of a size last, when all that stands on it has grown. */
static const int64_t *size_begun(const struct comparing *comparing, uint32_t index)
{
	const struct list *recorded = &comparing->found->label->chain;
	const struct LayerFound *label = recorded->item[index], *layer = layer_at(comparing, index);
	if (KNOWN(label, LayerFound, size) && label->size < layer->size)
		return &label->size;
	for (uint32_t i = index + 1; i < recorded->count; i++) {
		const struct LayerFound *above = layer_at(comparing, i);
		const struct LoopLayer *loop = ((const struct Layer *)comparing->volume->chain.item[i])->loop;
		if (!loop)
			break;
		if (above->open && KNOWN(above, LayerFound, size) &&
			above->size < layer->size - (loop->at[LoopLayer_offset] ? loop->offset : 0))
			return &above->size;
		layer = above;
	}
	return NULL;
}

static void diff_size(const struct comparing *comparing, uint32_t index)
{
	const struct LayerFound *found = layer_at(comparing, index);
	const struct field *field;
	const struct mark *at;
	const int64_t *want = layer_size(comparing->volume->chain.item[index], &field, &at);
	if (!want || !KNOWN(found, LayerFound, size))
		return;
	const int64_t *have = *want == found->size ? size_begun(comparing, index) : &found->size;
	if (!have)
		return;
	struct difference *difference = add(comparing->arena, comparing->out,
		arena_format(comparing->arena, "%s.chain[%u].%s.size", comparing->prefix, index,
			row_at(comparing, index)->key),
		field, want, have, at, level_live);
	if (*want < *have) {
		difference->refused = "shrinking a volume is refused: it would cut off data";
		return;
	}
	difference->verb = verb_volume_grow;
	difference->grows = comparing->volume;
	difference->layer = index;
	difference->refused = growth_obstacle(comparing, index);
	if (!difference->refused)
		judge_growth(comparing, index, difference);
}

/* Another export, group, device, partition or kind of filesystem. */
static void diff_source(const struct comparing *comparing, uint32_t index)
{
	const struct Layer *want = comparing->volume->chain.item[index];
	const struct LayerFound *have = layer_at(comparing, index);
	const bool block = want->at[Layer_block] != NULL;
	const char **texts = arena_array(comparing->arena, const char *, 2);
	texts[0] = block ? want->block->path : layer_source(comparing->arena, want);
	texts[1] = block ? have->path : have->source;
	if (text_equal(texts[0], texts[1]))
		return;
	struct difference *difference = add(comparing->arena, comparing->out,
		arena_format(comparing->arena, "%s.chain[%u].%s", comparing->prefix, index,
			row_at(comparing, index)->key),
		&type_LayerFound.fields[LayerFound_source], texts[0] ? &texts[0] : NULL,
		texts[1] ? &texts[1] : NULL, comparing->volume->at, level_data_loss);
	difference->refused = "it would be another volume: give it another name or vdev";
}

/* An overlay keeps the base that it was made on (`onImageChange: keep`): another image in the chain is no
 * difference. */
static void diff_layer(const struct comparing *comparing, uint32_t index)
{
	const struct FileLayer *want = ((const struct Layer *)comparing->volume->chain.item[index])->file;
	const struct LayerFound *have = layer_at(comparing, index);
	diff_size(comparing, index);
	diff_source(comparing, index);
	if (!want || !KNOWN(have, LayerFound, format) || have->format == want->format)
		return;
	struct difference *difference = add(comparing->arena, comparing->out,
		arena_format(comparing->arena, "%s.chain[%u].file.format", comparing->prefix, index),
		&type_FileLayer.fields[FileLayer_format], &want->format, &have->format,
		want->at[FileLayer_format] ? want->at[FileLayer_format] : comparing->volume->at,
		level_data_loss);
	difference->refused = "another format is another volume: give it another name or vdev";
}

/* The chain that a label recorded, as a manifest would have it, so that both sides are shown in the same
 * words. */
static const struct list *chain_recorded(struct arena *arena, const struct list *recorded)
{
	struct list *chain = arena_make(arena, struct list);
	for (uint32_t i = 0; i < recorded->count; i++) {
		const struct LayerFound *found = recorded->item[i];
		const int index = found->layer ? type_index(&type_Layer, found->layer) : -1;
		struct Layer *layer = type_new(arena, &type_Layer);
		list_add(arena, chain, layer);
		if (index < 0)
			continue;
		const struct type *type = type_Layer.fields[index].of;
		void *body = type_new(arena, type);
		layer->at[index] = &mark_observed;
		*(void **)field_value(&type_Layer.fields[index], layer) = body;
		const int size = type_index(type, "size"), name = type_index(type, "name");
		if (size >= 0 && KNOWN(found, LayerFound, size)) {
			*field_mark(type, size, body) = &mark_observed;
			*(int64_t *)field_value(&type->fields[size], body) = found->size;
		}
		if (name >= 0 && KNOWN(found, LayerFound, base)) {
			*field_mark(type, name, body) = &mark_observed;
			*(const char **)field_value(&type->fields[name], body) = found->base;
		}
	}
	return chain;
}

static bool is_told(const struct HaveVolume *found)
{
	return found->label && KNOWN(found->label, Label, chain) && KNOWN(found, HaveVolume, state);
}

/* Are they the same layers on both sides? */
static bool is_alike(const struct wanted_volume *volume, const struct HaveVolume *found)
{
	const struct list *recorded = &found->label->chain;
	bool same = recorded->count == volume->chain.count;
	for (uint32_t i = 0; same && i < recorded->count; i++)
		same = text_equal(((const struct LayerFound *)recorded->item[i])->layer,
			layer_key(volume->chain.item[i]));
	return same;
}

static void compare(const struct comparing *comparing)
{
	struct arena *arena = comparing->arena;
	const struct wanted_volume *volume = comparing->volume;
	const struct HaveVolume *found = comparing->found;
	const struct field *field = &type_VolumeSpec.fields[VolumeSpec_chain];
	const bool told = is_told(found), alike = told && is_alike(volume, found);
	for (uint32_t i = 0; alike && i < volume->chain.count; i++)
		diff_layer(comparing, i);
	if (alike)
		return;
	struct difference *difference =
		add(arena, comparing->out, arena_format(arena, "%s.chain", comparing->prefix), field,
			&volume->chain, told ? chain_recorded(arena, &found->label->chain) : NULL, volume->at,
			told ? level_data_loss : level_none);
	difference->unknown = !told;
	if (told)
		difference->refused =
			"the volume was made with another chain: give the new one another name or vdev";
}

void diff_volume(struct arena *arena, const struct want *want, const struct have *have,
	const struct wanted_volume *volume, const struct HaveVolume *found, struct list *out)
{
	(void)want;
	const char *prefix =
		volume->vdev ? arena_format(arena, "spec.disks[%s].volume", volume->vdev) : "spec";
	compare(&(struct comparing){.arena = arena,
		.have = have,
		.volume = volume,
		.found = found,
		.prefix = prefix,
		.out = out});
}

bool diff_grows(const struct wanted_volume *volume, const struct HaveVolume *found)
{
	const struct comparing comparing = {.volume = volume, .found = found};
	const struct field *field;
	const struct mark *at;
	const bool alike = is_told(found) && is_alike(volume, found);
	for (uint32_t i = 0; alike && i < volume->chain.count; i++) {
		const struct LayerFound *layer = layer_at(&comparing, i);
		const int64_t *want = layer_size(volume->chain.item[i], &field, &at);
		if (want && KNOWN(layer, LayerFound, size) &&
			(*want > layer->size || (*want == layer->size && size_begun(&comparing, i))))
			return true;
	}
	return false;
}

void diff_staged_growth(struct arena *arena, const struct have *have, const struct wanted_disk *disk,
	const struct HaveVolume *found, struct list *out)
{
	struct list all = {0};
	if (!diff_grows(disk->volume, found))
		return;
	compare(&(struct comparing){.arena = arena,
		.have = have,
		.volume = disk->volume,
		.found = found,
		.prefix = arena_format(arena, "spec.disks[%s].volume", disk->disk->vdev),
		.out = &all});
	for (uint32_t i = 0; i < all.count; i++) {
		const struct difference *difference = all.item[i];
		if (difference->verb == verb_volume_grow && !difference->refused && !difference->unknown &&
			difference->effect == level_restart)
			list_add(arena, out, all.item[i]);
	}
}
