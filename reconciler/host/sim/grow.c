/* Growth of simulated volumes: refused where real layers refuse it, and told to the label last, as there. A
 * guest sees a device grow by itself; of a file it is shown the size by an action of its own. */
#include "host/sim/storage.h"
#include "model/chain.h"
#include <inttypes.h>

bool guest_holds_path(const struct world *world, const char *path)
{
	for (uint32_t i = 0; path && i < world->guest_count; i++) {
		const struct DomainSpec *spec = world->guests[i]->have->spec;
		for (uint32_t k = 0; spec && k < spec->disks.count; k++)
			if (text_equal(((const struct Disk *)spec->disks.item[k])->target, path))
				return true;
	}
	return false;
}

void layer_fit(struct LayerFound *layer, const struct LayerFound *below)
{
	if (KNOWN(below, LayerFound, size))
		KNOW(layer, LayerFound, size, below->size);
}

/* The guests that have it as a device see its size by themselves. */
static void guests_see(struct world *world, const struct LayerFound *layer)
{
	for (uint32_t i = 0; i < world->guest_count; i++) {
		struct DomainSpec *spec = world->guests[i]->have->spec;
		for (uint32_t k = 0; spec && k < spec->disks.count; k++) {
			struct Disk *disk = spec->disks.item[k];
			if (text_equal(disk->target, layer->path) && sim_row(layer)->gives == DEVICE_DATA)
				KNOW(disk, Disk, size, layer->size);
		}
	}
}

void grow_prepare(struct world *world, struct op *op, const struct action *action, const struct links *links)
{
	(void)world, (void)links;
	const struct field *field;
	const struct mark *at;
	const int64_t *size = layer_size(action->volume->chain.item[action->layer], &field, &at);
	op->layer = action->layer;
	op->size = size ? *size : 0;
}

/* Why a layer cannot grow now, beside what is not there; NULL: it can. */
static const char *grow_obstacle(
	const struct world *world, const struct list *chain, const struct op *op, struct LayerFound *layer)
{
	const struct layer_row *row = sim_row(layer);
	if (row->grows != (op->size ? GROWS_TO_SIZE : GROWS_WITH_BELOW))
		return "it is none that can grow";
	if (op->size && op->size < layer->size)
		return "it would lose data";
	for (uint32_t i = op->layer; i < chain->count; i++) {
		const struct LayerFound *held = chain->item[i];
		if (i > op->layer && sim_row(held) == &layer_table[Layer_nbd] && held->open)
			return "an nbd device serves it";
		if (i == op->layer && layer->format == disk_format_qcow2 && row->gives == FILE_DATA &&
			guest_holds_path(world, held->path))
			return "a QEMU has it open";
		if (sim_row(held)->gives == PLACE_DATA)
			break;
	}
	return NULL;
}

static struct LayerFound *layer_grow(struct world *world, struct op *op, struct sim_volume **volume)
{
	*volume = volume_find(world, op->uid);
	const struct list *chain = *volume ? &(*volume)->have->chain : &(struct list){0};
	for (uint32_t i = 0; i <= op->layer; i++)
		if (i >= chain->count || !layer_is_open(chain->item[i])) {
			op_fail(op, OUTCOME_TRANSIENT, NULL, "layer %" PRIu32 " is not %s", i,
				i < chain->count ? "open" : "there");
			return NULL;
		}
	struct LayerFound *layer = chain->item[op->layer];
	const char *obstacle = grow_obstacle(world, chain, op, layer);
	if (obstacle) {
		op_fail(op, OUTCOME_TERMINAL, NULL, "layer %" PRIu32 " (%s): %s", op->layer, layer->layer,
			obstacle);
		return NULL;
	}
	if (op->size)
		KNOW(layer, LayerFound, size, op->size);
	else
		layer_fit(layer, chain->item[op->layer - 1]);
	guests_see(world, layer);
	world_acted(world);
	return layer;
}

/* The label has what has grown to its end: with a filesystem, what that stands on. */
static void grow_told(struct sim_volume *volume, uint32_t index)
{
	const struct list *chain = &volume->have->chain, *rows = &volume->have->label->chain;
	uint32_t top = index;
	for (uint32_t i = index + 1; i < chain->count && sim_row(chain->item[i])->grows != GROWS_TO_SIZE; i++)
		if (sim_row(chain->item[i])->gives == PLACE_DATA)
			top = i;
	if (top != index || !sim_row(chain->item[index])->makes)
		return;
	for (uint32_t i = index + 1; i-- > 0;) {
		const struct LayerFound *layer = chain->item[i];
		struct LayerFound *row = rows->item[i];
		if (sim_row(layer)->makes)
			KNOW(row, LayerFound, size, layer->size);
		if (sim_row(layer)->grows == GROWS_TO_SIZE)
			return;
	}
}

void grow_effect(struct world *world, struct op *op)
{
	struct sim_volume *volume;
	if (!layer_grow(world, op, &volume))
		return;
	if (world->frozen)
		return;
	grow_told(volume, op->layer);
	world_acted(world);
	know_link(op, volume);
}

/* It has grown, and the label does not say so. */
void grow_half(struct world *world, struct op *op)
{
	struct sim_volume *volume;
	layer_grow(world, op, &volume);
}
