/* Simulated storage: volumes are entries of the world, made layer by layer under a label that says what they
 * will be, like those of real storage. Ids are made up, and stay: "sim:1:N" of what was made here, "sim:2:N"
 * of images and "sim:3:N" of devices, whose N follows from the path. */
#include "host/sim/storage.h"
#include "model/chain.h"
#include "model/quantity.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { DRIVE_MS = 200, LAYER_MS = 200, OPEN_MS = 100, REMOVE_MS = 200, VERIFY_MS = 1000, RECORD_MS = 100 };
static const int64_t image_size = 2 * GiB;
enum { QCOW2_EMPTY = 196 << 10 }; /* what qemu-img makes of nothing */

static struct world *world_of_storage(const struct storage *storage)
{
	return (struct world *)((char *)storage - offsetof(struct world, storage));
}

void volume_free(struct sim_volume *volume)
{
	arena_free(volume->arena);
}

struct sim_volume *volume_find(const struct world *world, const char *uid)
{
	for (uint32_t i = 0; i < world->volume_count; i++)
		if (text_equal(world->volumes[i]->have->uid, uid))
			return world->volumes[i];
	return NULL;
}

const char *sim_id_of_path(struct arena *arena, int kind, const char *path)
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
	if (!KNOWN(image, HaveImage, allocated))
		KNOW(image, HaveImage, allocated, image->size);
	if (!KNOWN(image, HaveImage, id))
		KNOW(image, HaveImage, id, sim_id_of_path(arena, 2, want->path));
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
	const char *place = NULL;
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
		layer_expect(op->arena, volume, i, base, below, place, found);
		if (want->filesystem)
			place = found->path;
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

void know_link(struct op *op, const struct sim_volume *volume)
{
	const struct LayerFound *top = NULL;
	const struct list *chain = &volume->have->chain;
	for (uint32_t i = 0; i < chain->count && layer_is_open(chain->item[i]); i++)
		top = chain->item[i];
	if (!top || sim_row(top)->gives == PLACE_DATA)
		return;
	op->link = (struct link){.path = arena_text(op->arena, top->path),
		.id = arena_text(op->arena, top->id),
		.format = (enum disk_format)top->format,
		.block = sim_row(top)->gives == DEVICE_DATA,
		.size = top->size};
}

/* Images and devices are there without being made: the first layer that is made stands on them. */
static bool is_found_there(const struct LayerFound *layer)
{
	const struct layer_row *row = sim_row(layer);
	return !row->makes && !row->binds;
}

/* What a file takes that nobody has written to yet; a raw one is a hole. */
static int64_t layer_allocated(const struct LayerFound *layer)
{
	if (text_equal(layer->layer, "image"))
		return layer->size;
	return layer->format == disk_format_qcow2 ? QCOW2_EMPTY : 0;
}

static struct LayerFound *layer_add(
	struct world *world, struct sim_volume *volume, const struct LayerFound *expected)
{
	struct HaveVolume *have = volume->have;
	struct LayerFound *layer = object_copy(volume->arena, &type_LayerFound, expected);
	if (!KNOWN(layer, LayerFound, id))
		KNOW(layer, LayerFound, id, arena_format(volume->arena, "sim:1:%" PRId64, world->next_id++));
	if (sim_row(layer)->binds)
		KNOW(layer, LayerFound, open, false);
	/* what the layer below turned out to be is known only now */
	have->label->chain.item[have->chain.count] = object_copy(volume->arena, &type_LayerFound, expected);
	if (sim_row(layer)->gives == PLACE_DATA && have->chain.count)
		layer_fit(layer, have->chain.item[have->chain.count - 1]);
	if (text_equal(layer->layer, "image") || text_equal(layer->layer, "overlay") ||
		text_equal(layer->layer, "file"))
		KNOW(layer, LayerFound, allocated, layer_allocated(layer));
	list_add(volume->arena, &have->chain, layer);
	if (have->chain.count == have->label->chain.count)
		KNOW(have, HaveVolume, state, volume_state_complete);
	return layer;
}

/* Everything of a label but its chain. */
static void label_learn(struct sim_volume *volume, const struct op *op)
{
	struct HaveVolume *have = volume->have;
	struct Label *label = object_copy(volume->arena, &type_Label, op->label);
	if (have->label) {
		label->chain = have->label->chain;
		label->config = have->label->config;
		label->at[Label_config] = have->label->at[Label_config];
		label->configFailed = have->label->configFailed;
		label->at[Label_configFailed] = have->label->at[Label_configFailed];
	}
	KNOW(have, HaveVolume, label, label);
	if (KNOWN(label, Label, name))
		KNOW(have, HaveVolume, name, label->name);
}

/* What the wanted layer stands on: there and open. What is there without being made is taken in passing.
 * NULL, and the op has failed, where it is not. */
static struct sim_volume *below_taken(struct world *world, struct op *op)
{
	const struct sim_volume *there = volume_find(world, op->uid);
	const uint32_t count = there ? there->have->chain.count : 0;
	for (uint32_t i = 0; i < op->layer; i++)
		if (i < count ? !layer_is_open(there->have->chain.item[i])
			      : !is_found_there(op->label->chain.item[i])) {
			op_fail(op, OUTCOME_TRANSIENT, NULL, "the layer below is not %s",
				i < count ? "open" : "there");
			return NULL;
		}
	struct sim_volume *volume = volume_begin(world, op);
	label_learn(volume, op);
	for (uint32_t i = count; i < op->layer; i++)
		layer_add(world, volume, op->label->chain.item[i]);
	return volume;
}

static void create_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = below_taken(world, op);
	if (!volume)
		return;
	if (volume->have->chain.count <= op->layer) {
		layer_add(world, volume, op->label->chain.item[op->layer]);
		world_acted(world);
	}
	know_link(op, volume);
}

static void open_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = below_taken(world, op);
	if (!volume)
		return;
	const bool there = op->layer < volume->have->chain.count;
	struct LayerFound *layer = there ? volume->have->chain.item[op->layer] : NULL;
	if (!layer && sim_row(op->label->chain.item[op->layer])->makes) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "layer %" PRIu32 " was not made", op->layer);
		return;
	}
	if (!layer)
		layer = layer_add(world, volume, op->label->chain.item[op->layer]);
	if (!layer->open && !layer_bind(world, volume->arena, op, layer))
		return;
	if (op->layer &&
		(sim_row(layer) == &layer_table[Layer_nbd] || sim_row(layer) == &layer_table[Layer_loop]))
		layer_fit(layer, volume->have->chain.item[op->layer - 1]);
	if (!sim_row(layer)->makes) /* another device is another one */
		KNOW(layer, LayerFound, id, arena_format(volume->arena, "sim:1:%" PRId64, world->next_id++));
	world_acted(world);
	know_link(op, volume);
}

static void layer_prepare(
	struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
	op->layer = action->layer;
}

/* A device that a guest has, or that something of its own stands on, stays. */
static void close_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->uid);
	if (!volume || op->layer >= volume->have->chain.count)
		return;
	const struct list *chain = &volume->have->chain;
	struct LayerFound *layer = chain->item[op->layer];
	for (uint32_t i = op->layer + 1; i < chain->count; i++) {
		const struct LayerFound *above = chain->item[i];
		if (sim_row(above)->binds && above->open) {
			op_fail(op, OUTCOME_TRANSIENT, NULL, "layer %" PRIu32 " (%s) is still open", i,
				above->layer);
			return;
		}
	}
	for (uint32_t i = op->layer; i < chain->count; i++) {
		const struct LayerFound *held = chain->item[i];
		if (!is_found_there(held) && guest_holds_path(world, held->path)) {
			op_fail(op, OUTCOME_TRANSIENT, NULL, "%s is in use by a guest", held->path);
			return;
		}
	}
	KNOW(layer, LayerFound, open, false);
	world_acted(world);
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
	label_learn(volume, op);
	world_acted(world);
}

static void remove_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume = volume_find(world, op->uid);
	if (!volume)
		return;
	for (uint32_t k = 0; k < volume->have->chain.count; k++) {
		const struct LayerFound *layer = volume->have->chain.item[k];
		if (sim_row(layer)->binds && layer->open) {
			op_fail(op, OUTCOME_TRANSIENT, NULL, "layer %" PRIu32 " (%s) is still open", k,
				layer->layer);
			return;
		}
	}
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
	[verb_volume_open] = {.milliseconds = OPEN_MS,
		.prepare = create_prepare,
		.effect = open_effect,
		.half = create_half},
	[verb_volume_grow] = {.milliseconds = LAYER_MS,
		.prepare = grow_prepare,
		.effect = grow_effect,
		.half = grow_half},
	[verb_volume_close] = {.milliseconds = OPEN_MS, .prepare = layer_prepare, .effect = close_effect},
	[verb_volume_record] = {.milliseconds = RECORD_MS, .prepare = label_prepare, .effect = record_effect},
	[verb_config_create] = {.milliseconds = DRIVE_MS,
		.prepare = config_prepare,
		.effect = config_create_effect},
	[verb_config_record] = {.milliseconds = RECORD_MS,
		.prepare = config_prepare,
		.effect = config_record_effect},
	[verb_config_remove] = {.milliseconds = REMOVE_MS,
		.prepare = config_prepare,
		.effect = config_remove_effect},
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
	drives_found(world, want, have);
	for (uint32_t i = 0; i < world->volume_count; i++) {
		const struct HaveVolume *volume = world->volumes[i]->have;
		const struct Label *label = volume->label;
		if (label && KNOWN(label, Label, owner) && !text_equal(label->owner, world->owner))
			continue;
		struct HaveVolume *copy = object_copy(have->arena, &type_HaveVolume, volume);
		images_now(world, have->arena, want, copy);
		layers_seen(copy);
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
