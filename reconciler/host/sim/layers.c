/* Layers of simulated volumes: what each will be, and which of them are bound. A volume's rows keep the ids
 * of all that was ever made; what an observer sees of them ends at the first that is closed. */
#include "host/sim/storage.h"
#include "model/chain.h"
#include <inttypes.h>
#include <string.h>

enum { NBD_DEVICES = 16 }; /* nbds_max of the kernel's module, by default */

static const char *path_in(
	struct arena *arena, const char *place, const char *uid, uint32_t index, const char *ending)
{
	return place ? arena_format(arena, "%s/%" PRIu32 "-%s", place, index, ending)
		     : arena_format(arena, "/sim/volumes/%s/%" PRIu32 "-%s", uid, index, ending);
}

/* What an image is now: a base has changed where that differs from what was written at creation. */
void image_stamp(struct arena *arena, const struct HaveImage *image, struct LayerFound *layer)
{
	layer->at[LayerFound_baseId] = layer->at[LayerFound_digest] = NULL;
	if (image->id && image->changed)
		KNOW(layer, LayerFound, baseId, arena_format(arena, "%s %s", image->id, image->changed));
	if (image->digest)
		KNOW(layer, LayerFound, digest, image->digest);
}

void layer_expect(struct arena *arena, const struct wanted_volume *volume, uint32_t index,
	const struct HaveImage *base, const struct LayerFound *below, const char *place,
	struct LayerFound *found)
{
	const struct Layer *want = volume->chain.item[index];
	const char *source = layer_source(arena, want);
	KNOW(found, LayerFound, layer, layer_row_of(want)->key);
	if (source)
		KNOW(found, LayerFound, source, arena_text(arena, source));
	if (want->image) {
		KNOW(found, LayerFound, base, arena_text(arena, want->image->name));
		if (!base)
			return;
		KNOW(found, LayerFound, path, base->path);
		KNOW(found, LayerFound, format, base->format);
		KNOW(found, LayerFound, size, base->size);
		KNOW(found, LayerFound, id, base->id);
		image_stamp(arena, base, found);
	} else if (want->overlay) {
		int64_t size = KNOWN(want->overlay, OverlayLayer, size) ? want->overlay->size
			       : below                                  ? below->size
									: 0;
		KNOW(found, LayerFound, path, path_in(arena, place, volume->uid, index, "overlay.qcow2"));
		KNOW(found, LayerFound, format, disk_format_qcow2);
		KNOW(found, LayerFound, size, size);
		if (below && below->base)
			KNOW(found, LayerFound, base, below->base);
		if (base)
			image_stamp(arena, base, found);
	} else if (want->file) {
		const char *ending = want->file->format == disk_format_qcow2 ? "file.qcow2" : "file.raw";
		KNOW(found, LayerFound, path, path_in(arena, place, volume->uid, index, ending));
		KNOW(found, LayerFound, format, want->file->format);
		KNOW(found, LayerFound, size, want->file->size);
	} else if (want->filesystem)
		KNOW(found, LayerFound, path, path_in(arena, NULL, volume->uid, index, "filesystem"));
	else {
		KNOW(found, LayerFound, format, disk_format_raw);
		if (want->block) {
			KNOW(found, LayerFound, path, arena_text(arena, want->block->path));
			KNOW(found, LayerFound, id, sim_id_of_path(arena, 3, want->block->path));
		} else if (want->lvm)
			KNOW(found, LayerFound, path,
				arena_format(arena, "/dev/%s/xs-%s-%" PRIu32, want->lvm->group, volume->uid,
					index));
		if (want->lvm)
			KNOW(found, LayerFound, size, want->lvm->size);
		else if (want->hlfs)
			KNOW(found, LayerFound, size, want->hlfs->size);
		else if (below && KNOWN(below, LayerFound, size))
			KNOW(found, LayerFound, size, below->size);
	}
}

static bool has_path(const struct world *world, const char *path)
{
	for (uint32_t i = 0; i < world->volume_count; i++) {
		const struct list *chain = &world->volumes[i]->have->chain;
		for (uint32_t k = 0; k < chain->count; k++) {
			const struct LayerFound *layer = chain->item[k];
			if (layer->open && text_equal(layer->path, path))
				return true;
		}
	}
	return false;
}

/* The first device of that kind that serves nothing; NULL: none. */
static const char *device_free(
	const struct world *world, struct arena *arena, const char *kind, int64_t count)
{
	for (int64_t number = 0; number < count; number++) {
		const char *path = arena_format(arena, "/dev/%s%" PRId64, kind, number);
		if (!has_path(world, path))
			return path;
	}
	return NULL;
}

bool layer_bind(const struct world *world, struct arena *arena, struct op *op, struct LayerFound *layer)
{
	const struct layer_row *row = sim_row(layer);
	const struct SimState *state = world->state;
	const int64_t nbds = state_number(world, SimState_nbdDevices, &state->nbdDevices, NBD_DEVICES);
	if (row == &layer_table[Layer_nbd]) {
		const char *path = device_free(world, arena, "nbd", nbds);
		if (!path) {
			op_fail(op, OUTCOME_TRANSIENT, "it goes on when one is let go",
				"no nbd device is free: all %" PRId64 " are in use", nbds);
			return false;
		}
		KNOW(layer, LayerFound, path, path);
	} else if (row == &layer_table[Layer_loop] || row == &layer_table[Layer_partition])
		KNOW(layer, LayerFound, path, device_free(world, arena, "loop", INT16_MAX));
	KNOW(layer, LayerFound, open, true);
	return true;
}

const struct layer_row *sim_row(const struct LayerFound *layer)
{
	const struct layer_row *row = layer_row_find(layer->layer);
	return row ? row : &layer_table[Layer_block];
}

bool layer_is_open(const struct LayerFound *layer)
{
	return !sim_row(layer)->binds || layer->open;
}

void layers_seen(struct HaveVolume *volume)
{
	bool hidden = false;
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		struct LayerFound *layer = volume->chain.item[i];
		const struct layer_row *row = sim_row(layer);
		hidden |= !layer_is_open(layer);
		if (!hidden || !(row->makes || row->binds))
			continue;
		layer->id = NULL;
		layer->at[LayerFound_id] = NULL;
		if (!row->binds)
			continue;
		KNOW(layer, LayerFound, open, false);
		if (!row->makes) {
			layer->path = NULL;
			layer->at[LayerFound_path] = NULL;
		}
	}
	if (hidden && volume->state == volume_state_complete)
		KNOW(volume, HaveVolume, state, volume_state_closed);
}
