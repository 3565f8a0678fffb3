/* From the bottom up, because what a layer stands on says where it is. A layer above one that is not there is
 * looked at all the same where it can be (a file in the volume's folder): that it is there is news. */
#include "storage/walk.h"

static void look(struct walked *layer, bool whole)
{
	struct layer_job *job = &layer->job;
	const struct layer_driver *driver = layer->driver;
	const bool recorded = KNOWN(job->recorded, LayerFound, id);
	layer->made = layer->row->makes && recorded;
	if (!whole && (layer->row->binds || (layer->row->makes && job->below.place))) {
		layer->presence = LAYER_HIDDEN;
		return;
	}
	if (driver->observe(job)) {
		layer->presence = LAYER_THERE;
		layer->made = layer->row->makes;
	} else if (job->error)
		layer->presence = LAYER_WRONG;
	else if (!layer->row->binds)
		layer->presence = recorded ? LAYER_LOST : LAYER_ABSENT;
	else {
		layer->made = layer->row->makes && (driver->made ? driver->made(job) : recorded);
		if (job->error)
			layer->presence = LAYER_WRONG;
		else if (recorded && !layer->made)
			layer->presence = LAYER_LOST;
		else
			layer->presence = layer->row->makes && !layer->made ? LAYER_ABSENT : LAYER_CLOSED;
	}
}

struct walk walk_chain(struct arena *arena, const struct real *real, const char *uid, const struct list *rows,
	uint32_t count)
{
	struct walk walk = {.item = arena_array(arena, struct walked, count)};
	struct link below = {0}; /* a place stays known above what is not there */
	bool whole = true;
	for (uint32_t i = 0; i < count; i++) {
		const struct LayerFound *recorded = rows->item[i];
		struct walked *layer = &walk.item[i];
		*layer = (struct walked){.job = volume_job(arena, real, uid, i, &below),
			.driver = layer_find(recorded->layer),
			.row = layer_row_find(recorded->layer)};
		if (!layer->driver || !layer->row) {
			walk.unknown = recorded->layer;
			return walk;
		}
		layer->job.recorded = recorded;
		walk.count++;
		look(layer, whole);
		if (layer->presence == LAYER_THERE && whole) {
			walk.below = below = layer_link(&layer->job);
			continue;
		}
		whole = false;
		below = (struct link){
			.place = layer->row->gives == PLACE_DATA ? recorded->path : below.place};
	}
	return walk;
}
