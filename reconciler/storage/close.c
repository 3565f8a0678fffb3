/* volume.close: one layer of a volume that binds, unbound. What stands on it is closed before; what is not
 * open is success. Nothing is removed. */
#include "base/file.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/walk.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

static bool begin(struct work *work, const struct action *action)
{
	if (!volume_is_uid(action->uid))
		return work_fail(work, OUTCOME_TERMINAL, NULL, "'%s' is no uid of a volume",
			action->uid ? action->uid : "");
	const char *uid = arena_text(work->arena, action->uid), *why = "it is gone";
	struct Label *label;
	work->folder = volume_folder(work->arena, work->real, uid);
	FD_SCOPED folder = folder_open(work->folder);
	if (folder < 0)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s: %s", work->folder, strerror(errno));
	if (label_read(work->arena, work->folder, uid, &label, &why) != LABEL_READ)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s/volume.json: %s", work->folder, why);
	if (!text_equal(label->owner, work->real->owner))
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "%s belongs to owner %s", work->folder, label->owner);
	const struct walk walk = walk_chain(work->arena, work->real, uid, &label->chain, label->chain.count);
	if (action->layer >= walk.count)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "volume %s has no layer %u that is known here",
			work->folder, action->layer);
	const struct walked *layer = &walk.item[action->layer];
	if (layer->presence != LAYER_THERE)
		return layer->presence != LAYER_WRONG || work_fail_job(work, &layer->job);
	for (uint32_t i = action->layer + 1; i < walk.count; i++)
		if (walk.item[i].row->binds && walk.item[i].presence == LAYER_THERE)
			return work_fail(work, OUTCOME_TRANSIENT, NULL, "layer %u (%s) of %s is still open",
				i, walk.item[i].row->key, work->folder);
	if (!layer->driver->close.begin)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "layer %s of %s is nothing that is closed",
			layer->row->key, work->folder);
	work->job = layer->job;
	work->step = &layer->driver->close;
	return work_step_begin(work);
}

const struct work_verb work_close = {
	.verb = verb_volume_close,
	.begin = begin,
	.finish = work_step_end,
	.again = work_step_again,
	.abandon = work_step_abandon,
};
