/* Simulated storage: volumes are entries of the world, made layer by layer under a label that says what they
 * will be, like those of real storage. Ids are made up, and stay: "sim:1:N" of what was made here, "sim:2:N"
 * of images and "sim:3:N" of devices, whose N follows from the path. */
#include "host/sim/world.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LAYER_MS = 200, REMOVE_MS = 200, VERIFY_MS = 1000, RECORD_MS = 100 };
static const int64_t image_size = 2 * GiB;

static struct world *world_of_storage(const struct storage *storage)
{
	return (struct world *)((char *)storage - offsetof(struct world, storage));
}

void volume_free(struct sim_volume *volume)
{
	arena_free(volume->arena);
}

static struct sim_volume *volume_find(const struct world *world, const char *uid)
{
	for (uint32_t i = 0; i < world->volume_count; i++)
		if (text_equal(world->volumes[i]->have->uid, uid))
			return world->volumes[i];
	return NULL;
}

static const char *id_of_path(struct arena *arena, int kind, const char *path)
{
	uint32_t hash = 2166136261;
	for (; path && *path; path++)
		hash = (hash ^ (unsigned char)*path) * 16777619;
	return arena_format(arena, "sim:%d:%" PRIu32, kind, hash);
}

/* Images. */

static bool image_missing(const struct world *world, const char *name)
{
	const struct texts *missing = &world->state->missingImages;
	for (uint32_t i = 0; i < missing->count; i++)
		if (text_equal(missing->item[i], name))
			return true;
	return false;
}

static struct HaveImage *image_row(const struct world *world, const char *name)
{
	for (uint32_t i = 0; i < world->loaded->images.count; i++) {
		struct HaveImage *image = world->loaded->images.item[i];
		if (text_equal(image->name, name))
			return image;
	}
	return NULL;
}

/* What is there of an image that is wanted: as host.json says, the rest made up. */
static struct HaveImage *image_found(
	const struct world *world, struct arena *arena, const struct wanted_image *want)
{
	const struct HaveImage *row = image_row(world, want->name);
	bool same_file = row && (!row->path || text_equal(row->path, want->path));
	struct HaveImage *image =
		same_file ? object_copy(arena, &type_HaveImage, row) : arena_make(arena, struct HaveImage);
	KNOW(image, HaveImage, name, arena_text(arena, want->name));
	KNOW(image, HaveImage, path, arena_text(arena, want->path));
	KNOW(image, HaveImage, format, (int)want->format);
	if (!KNOWN(image, HaveImage, present) || image_missing(world, want->name))
		KNOW(image, HaveImage, present, !image_missing(world, want->name));
	if (!image->present)
		return image;
	if (!KNOWN(image, HaveImage, size))
		KNOW(image, HaveImage, size, image_size);
	if (!KNOWN(image, HaveImage, id))
		KNOW(image, HaveImage, id, id_of_path(arena, 2, want->path));
	if (!KNOWN(image, HaveImage, changed))
		KNOW(image, HaveImage, changed, arena_format(arena, "%" PRId64 "@0.0", image->size));
	return image;
}

static void verify_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)links;
	struct HaveImage *image = image_found(world, op->arena, action->image);
	if (!image->present)
		op_fail(op, OUTCOME_TERMINAL, NULL, "%s is not there", image->path);
	else if (image->digest && action->image->sha256 && !text_equal(image->digest, action->image->sha256))
		op_fail(op, OUTCOME_TERMINAL, "get the right file, or correct spec.sha256",
			"sha256 is %s instead of %s", image->digest, action->image->sha256);
	if (action->image->sha256)
		KNOW(image, HaveImage, digest, arena_text(op->arena, action->image->sha256));
	op->image = image;
}

/* The digest that was asked for is the one that is found. */
static void verify_effect(struct world *world, struct op *op)
{
	struct HaveImage *row = image_row(world, op->image->name);
	struct HaveImage *image = object_copy(world->arena, &type_HaveImage, op->image);
	if (row)
		*row = *image;
	else
		list_add(world->arena, &world->loaded->images, image);
	world->loaded->at[Observation_images] = &mark_observed;
	world_acted(world);
}

/* Volumes. */

static int layer_kind(const struct Layer *layer)
{
	for (int i = 0; i < Layer_FIELDS; i++)
		if (layer->at[i])
			return i;
	return -1;
}

static const char *layer_path(struct arena *arena, const char *uid, uint32_t index, const char *ending)
{
	return arena_format(arena, "/sim/volumes/%s/%" PRIu32 "-%s", uid, index, ending);
}

/* What an image is now: a base has changed where that differs from what was written at creation. */
static void image_stamp(struct arena *arena, const struct HaveImage *image, struct LayerFound *layer)
{
	layer->at[LayerFound_baseId] = layer->at[LayerFound_digest] = NULL;
	if (image->id && image->changed)
		KNOW(layer, LayerFound, baseId, arena_format(arena, "%s %s", image->id, image->changed));
	if (image->digest)
		KNOW(layer, LayerFound, digest, image->digest);
}

/* A layer as it will be; `below` NULL for the first. False where such layers are not simulated. */
static bool layer_expect(struct arena *arena, const struct wanted_volume *volume, uint32_t index,
	const struct HaveImage *base, const struct LayerFound *below, struct LayerFound *found)
{
	const struct Layer *want = volume->chain.item[index];
	int kind = layer_kind(want);
	if (kind < 0)
		return false;
	KNOW(found, LayerFound, layer, type_Layer.fields[kind].key);
	if (want->image) {
		KNOW(found, LayerFound, base, arena_text(arena, want->image->name));
		if (!base)
			return true;
		KNOW(found, LayerFound, path, base->path);
		KNOW(found, LayerFound, format, base->format);
		KNOW(found, LayerFound, size, base->size);
		KNOW(found, LayerFound, id, base->id);
		image_stamp(arena, base, found);
		return true;
	}
	if (kind == Layer_overlay) {
		int64_t size = KNOWN(want->overlay, OverlayLayer, size) ? want->overlay->size
			       : below                                  ? below->size
									: 0;
		KNOW(found, LayerFound, path, layer_path(arena, volume->uid, index, "overlay.qcow2"));
		KNOW(found, LayerFound, format, disk_format_qcow2);
		KNOW(found, LayerFound, size, size);
		if (below && below->base)
			KNOW(found, LayerFound, base, below->base);
		if (base)
			image_stamp(arena, base, found);
		return true;
	}
	if (kind == Layer_file) {
		const char *ending = want->file->format == disk_format_qcow2 ? "file.qcow2" : "file.raw";
		KNOW(found, LayerFound, path, layer_path(arena, volume->uid, index, ending));
		KNOW(found, LayerFound, format, want->file->format);
		KNOW(found, LayerFound, size, want->file->size);
		return true;
	}
	if (kind == Layer_block) {
		KNOW(found, LayerFound, path, arena_text(arena, want->block->path));
		KNOW(found, LayerFound, format, disk_format_raw);
		KNOW(found, LayerFound, id, id_of_path(arena, 3, want->block->path));
		return true;
	}
	return false;
}

/* What the plan writes on the volume; its chain is ours to say. */
static void label_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
	op->label = object_copy(op->arena, &type_Label, action->label);
	found_marks(&type_Label, op->label);
	op->label->chain = (struct list){0};
	op->label->at[Label_chain] = &mark_observed;
}

static void create_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	const struct wanted_volume *volume = action->volume;
	struct HaveImage *base = NULL;
	struct LayerFound *below = NULL;
	op->layer = action->layer;
	label_prepare(world, op, action, links);
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct Layer *want = volume->chain.item[i];
		/* the action of the image's layer says which file it is; before and after, the row that it
		 * made does */
		if (want->image && action->image)
			base = image_found(world, op->arena, action->image);
		else if (want->image)
			base = image_row(world, want->image->name);
		struct LayerFound *found = arena_make(op->arena, struct LayerFound);
		if (!layer_expect(op->arena, volume, i, base, below, found)) {
			op_fail(op, OUTCOME_TERMINAL, "say sim.storage: real",
				"layer %" PRIu32 " of %s cannot be simulated", i, volume->name);
			return;
		}
		list_add(op->arena, &op->label->chain, found);
		below = found;
	}
	if (op->layer >= op->label->chain.count) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "%s has no layer %" PRIu32, volume->name, op->layer);
		return;
	}
	for (uint32_t i = 0; i <= op->layer; i++) {
		const struct Layer *want = volume->chain.item[i];
		bool missing =
			want->image && (image_missing(world, want->image->name) ||
					       (base && KNOWN(base, HaveImage, present) && !base->present));
		if (missing)
			op_fail(op, OUTCOME_TERMINAL, "copy it to the image folder", "image %s is not there",
				want->image->name);
	}
}

static struct sim_volume *volume_begin(struct world *world, const struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->uid);
	if (volume)
		return volume;
	struct arena *arena = arena_new();
	volume = arena_make(arena, struct sim_volume);
	*volume = (struct sim_volume){arena, arena_make(arena, struct HaveVolume)};
	struct HaveVolume *have = volume->have;
	KNOW(have, HaveVolume, label, object_copy(arena, &type_Label, op->label));
	KNOW(have, HaveVolume, name, have->label->name);
	KNOW(have, HaveVolume, uid, arena_text(arena, op->uid));
	KNOW(have, HaveVolume, state, volume_state_partial);
	have->at[HaveVolume_chain] = &mark_observed;
	world->volumes = array_grow(world->volumes, world->volume_count, &world->volume_room);
	world->volumes[world->volume_count++] = volume;
	return volume;
}

static struct link link_of(const struct LayerFound *layer)
{
	return (struct link){.path = layer->path,
		.id = layer->id,
		.format = (enum disk_format)layer->format,
		.block = text_equal(layer->layer, "block"),
		.size = layer->size};
}

/* Images and devices are there without being made: the first layer that is made stands on them. */
static bool is_found_there(const struct LayerFound *layer)
{
	return text_equal(layer->layer, "image") || text_equal(layer->layer, "block");
}

static void layer_add(struct world *world, struct sim_volume *volume, const struct LayerFound *expected)
{
	struct HaveVolume *have = volume->have;
	struct LayerFound *layer = object_copy(volume->arena, &type_LayerFound, expected);
	if (!KNOWN(layer, LayerFound, id))
		KNOW(layer, LayerFound, id, arena_format(volume->arena, "sim:1:%" PRId64, world->next_id++));
	list_add(volume->arena, &have->chain, layer);
	if (have->chain.count == have->label->chain.count)
		KNOW(have, HaveVolume, state, volume_state_complete);
}

static void create_effect(struct world *world, struct op *op)
{
	const struct sim_volume *there = volume_find(world, op->uid);
	uint32_t made = there ? there->have->chain.count : 0;
	for (uint32_t i = made; i < op->layer; i++)
		if (!is_found_there(op->label->chain.item[i])) {
			op_fail(op, OUTCOME_TRANSIENT, NULL, "the layer below is not there");
			return;
		}
	struct sim_volume *volume = volume_begin(world, op);
	for (uint32_t i = made; i <= op->layer; i++)
		layer_add(world, volume, op->label->chain.item[i]);
	if (made <= op->layer)
		world_acted(world);
	op->link = link_of(volume->have->chain.item[op->layer]);
	op->link.path = arena_text(op->arena, op->link.path);
	op->link.id = arena_text(op->arena, op->link.id);
}

/* The label is written, the layer is not there. */
static void create_half(struct world *world, struct op *op)
{
	volume_begin(world, op);
	world_acted(world);
}

static void record_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->uid);
	if (!volume) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "there is no such volume");
		return;
	}
	struct HaveVolume *have = volume->have;
	struct Label *label = object_copy(volume->arena, &type_Label, op->label);
	if (have->label)
		label->chain = have->label->chain;
	KNOW(have, HaveVolume, label, label);
	if (KNOWN(label, Label, name))
		KNOW(have, HaveVolume, name, label->name);
	world_acted(world);
}

static void remove_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->uid);
	if (!volume)
		return;
	uint32_t i = 0;
	while (world->volumes[i] != volume)
		i++;
	memmove(world->volumes + i, world->volumes + i + 1,
		sizeof(*world->volumes) * (--world->volume_count - i));
	volume_free(volume);
	world_acted(world);
}

/* The topmost layer is gone, the label and what is below are still there. */
static void remove_half(struct world *world, struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->uid);
	if (!volume || !volume->have->chain.count)
		return;
	volume->have->chain.count--;
	KNOW(volume->have, HaveVolume, state, volume_state_partial);
	world_acted(world);
}

const struct way storage_ways[VERBS] = {
	[verb_image_verify] = {.milliseconds = VERIFY_MS, .prepare = verify_prepare, .effect = verify_effect},
	[verb_volume_create] = {.milliseconds = LAYER_MS,
		.prepare = create_prepare,
		.effect = create_effect,
		.half = create_half},
	[verb_volume_record] = {.milliseconds = RECORD_MS, .prepare = label_prepare, .effect = record_effect},
	[verb_volume_remove] = {.milliseconds = REMOVE_MS, .effect = remove_effect, .half = remove_half},
};

/* The images below a volume are found as they are now, not as they were. */
static void images_now(
	const struct world *world, struct arena *arena, const struct want *want, struct HaveVolume *volume)
{
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		struct LayerFound *layer = volume->chain.item[i];
		const struct wanted_image *image = want && text_equal(layer->layer, "image") && layer->base
							   ? want_image(want, layer->base)
							   : NULL;
		if (!image)
			continue;
		const struct HaveImage *now = image_found(world, arena, image);
		image_stamp(arena, now, layer);
		if (!now->present)
			KNOW(volume, HaveVolume, state, volume_state_broken);
	}
}

static void storage_observe(struct storage *storage, const struct want *want, struct have *have)
{
	struct world *world = world_of_storage(storage);
	struct Observation *found = have->found;
	have->storage_known = true;
	found->at[Observation_volumes] = found->at[Observation_images] = &mark_observed;
	for (uint32_t i = 0; i < world->volume_count; i++) {
		const struct HaveVolume *volume = world->volumes[i]->have;
		const struct Label *label = volume->label;
		if (label && KNOWN(label, Label, owner) && !text_equal(label->owner, world->owner))
			continue;
		struct HaveVolume *copy = object_copy(have->arena, &type_HaveVolume, volume);
		images_now(world, have->arena, want, copy);
		list_add(have->arena, &found->volumes, copy);
	}
	for (uint32_t i = 0; want && i < want->images.count; i++)
		list_add(have->arena, &found->images, image_found(world, have->arena, want->images.item[i]));
}

static void storage_begin(struct storage *storage, const struct action *action, const struct links *links)
{
	op_begin(world_of_storage(storage), action, links);
}

static bool storage_reap(struct storage *storage, struct finished *done)
{
	struct op *op = op_over(world_of_storage(storage), PERFORMER_STORAGE);
	if (op)
		op_told(op, done);
	return op != NULL;
}

static unsigned storage_busy(const struct storage *storage)
{
	return op_count(world_of_storage(storage), PERFORMER_STORAGE);
}

static void storage_close(struct storage *storage)
{
	(void)storage; /* it is a part of the world */
}

const struct storage_driver simulated_storage = {
	.name = "simulated",
	.observe = storage_observe,
	.begin = storage_begin,
	.reap = storage_reap,
	.busy = storage_busy,
	.close = storage_close,
};
