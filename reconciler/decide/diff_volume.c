/* Volumes that are there against the chain that is wanted: the layers that the label recorded, one by one.
 * Nothing here is changed in this version; every difference says so, at its line. */
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

static void diff_size(struct arena *arena, struct list *out, const char *path, const struct field *field,
	const int64_t *want, const int64_t *have, const struct mark *at)
{
	if (*want == *have)
		return;
	struct difference *difference = add(arena, out, path, field, want, have, at, level_live);
	difference->refused = *want > *have ? "growing a volume is not yet supported"
					    : "shrinking a volume is refused: it would cut off data";
}

/* Another export, group, device, partition or kind of filesystem. */
static void diff_source(struct arena *arena, const struct wanted_volume *volume, uint32_t index,
	const struct LayerFound *have, const char *prefix, struct list *out)
{
	const struct Layer *want = volume->chain.item[index];
	const bool block = want->at[Layer_block] != NULL;
	const char **texts = arena_array(arena, const char *, 2);
	texts[0] = block ? want->block->path : layer_source(arena, want);
	texts[1] = block ? have->path : have->source;
	if (text_equal(texts[0], texts[1]))
		return;
	struct difference *difference = add(arena, out,
		arena_format(arena, "%s.chain[%u].%s", prefix, index, layer_row_of(want)->key),
		&type_LayerFound.fields[LayerFound_source], texts[0] ? &texts[0] : NULL,
		texts[1] ? &texts[1] : NULL, volume->at, level_data_loss);
	difference->refused = "it would be another volume: give it another name or vdev";
}

/* An overlay keeps the base that it was made on (`onImageChange: keep`): another image in the chain is no
 * difference. */
static void diff_layer(struct arena *arena, const struct wanted_volume *volume, uint32_t index,
	const struct LayerFound *have, const char *prefix, struct list *out)
{
	const struct Layer *want = volume->chain.item[index];
	if (want->overlay && want->overlay->at[OverlayLayer_size] && KNOWN(have, LayerFound, size))
		diff_size(arena, out, arena_format(arena, "%s.chain[%u].overlay.size", prefix, index),
			&type_OverlayLayer.fields[OverlayLayer_size], &want->overlay->size, &have->size,
			want->overlay->at[OverlayLayer_size]);
	if (want->lvm && KNOWN(have, LayerFound, size))
		diff_size(arena, out, arena_format(arena, "%s.chain[%u].lvm.size", prefix, index),
			&type_LvmLayer.fields[LvmLayer_size], &want->lvm->size, &have->size,
			want->lvm->at[LvmLayer_size]);
	diff_source(arena, volume, index, have, prefix, out);
	if (!want->file)
		return;
	if (want->file->at[FileLayer_size] && KNOWN(have, LayerFound, size))
		diff_size(arena, out, arena_format(arena, "%s.chain[%u].file.size", prefix, index),
			&type_FileLayer.fields[FileLayer_size], &want->file->size, &have->size,
			want->file->at[FileLayer_size]);
	if (KNOWN(have, LayerFound, format) && have->format != want->file->format) {
		struct difference *difference = add(arena, out,
			arena_format(arena, "%s.chain[%u].file.format", prefix, index),
			&type_FileLayer.fields[FileLayer_format], &want->file->format, &have->format,
			want->file->at[FileLayer_format] ? want->file->at[FileLayer_format] : volume->at,
			level_data_loss);
		difference->refused = "another format is another volume: give it another name or vdev";
	}
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

void diff_volume(struct arena *arena, const struct want *want, const struct have *have,
	const struct wanted_volume *volume, const struct HaveVolume *found, struct list *out)
{
	(void)want;
	(void)have;
	const char *prefix =
		volume->vdev ? arena_format(arena, "spec.disks[%s].volume", volume->vdev) : "spec";
	if (!found->label || !KNOWN(found->label, Label, chain) || !KNOWN(found, HaveVolume, state)) {
		struct difference *difference = add(arena, out, arena_format(arena, "%s.chain", prefix),
			&type_VolumeSpec.fields[VolumeSpec_chain], &volume->chain, NULL, volume->at,
			level_none);
		difference->unknown = true;
		return;
	}
	const struct list *recorded = &found->label->chain;
	bool same = recorded->count == volume->chain.count;
	for (uint32_t i = 0; same && i < recorded->count; i++) {
		const struct LayerFound *layer = recorded->item[i];
		same = text_equal(layer->layer, layer_key(volume->chain.item[i]));
	}
	if (!same) {
		struct difference *difference = add(arena, out, arena_format(arena, "%s.chain", prefix),
			&type_VolumeSpec.fields[VolumeSpec_chain], &volume->chain,
			chain_recorded(arena, recorded), volume->at, level_data_loss);
		difference->refused =
			"the volume was made with another chain: give the new one another name or vdev";
		return;
	}
	const struct list *layers = found->chain.count == recorded->count ? &found->chain : recorded;
	for (uint32_t i = 0; i < layers->count; i++)
		diff_layer(arena, volume, i, layers->item[i], prefix, out);
}
