/* volume.grow: one layer of a volume, in place, to the size that the manifest says, or to that of what it
 * stands on. All below is there and has grown before. A size that is reached already is success: the step is
 * done all the same, because an earlier one may have been cut short of its end. The label learns of a size
 * last: where a filesystem stands on the layer, when that has grown, too; so an interruption is seen even
 * where the filesystem is not mounted any more. */
#include "base/file.h"
#include "model/quantity.h"
#include "model/want.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/walk.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The label of a volume of ours; false: the work has failed. */
static bool label_take(struct work *work, const char *uid)
{
	const char *why = "it is gone";
	work->folder = volume_folder(work->arena, work->real, uid);
	FD_SCOPED folder = folder_open(work->folder);
	if (folder < 0)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s: %s", work->folder, strerror(errno));
	if (label_read(work->arena, work->folder, uid, &work->label, &why) != LABEL_READ)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s/volume.json: %s", work->folder, why);
	return text_equal(work->label->owner, work->real->owner) ||
	       work_fail(work, OUTCOME_TERMINAL, NULL, "%s belongs to owner %s", work->folder,
		       work->label->owner);
}

/* The size that the layer is to have, into job->found; false: it cannot be told, or it would be less than it
 * has. */
static bool size_choose(struct work *work, const struct Layer *want)
{
	struct layer_job *job = &work->job;
	const struct layer_row *row = layer_row_of(want);
	const struct field *field;
	const struct mark *at;
	const int64_t *size = layer_size(want, &field, &at);
	char is[32], less[32];
	if (row->grows == GROWS_NOT || row->grows == GROWS_WHEN_OPENED || !layer_find(row->key)->grow.begin)
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "layer %s of %s cannot grow", row->key, work->folder);
	if (row->grows == GROWS_WITH_BELOW) {
		if (job->below.size)
			KNOW(job->found, LayerFound, size, job->below.size);
		return true;
	}
	if (!size)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "layer %s of %s is given no size", row->key,
			work->folder);
	if (KNOWN(job->found, LayerFound, size) && *size < job->found->size)
		return work_fail(work, OUTCOME_TERMINAL, NULL,
			"%s has %s, and would lose data with %s: it is not made smaller",
			job->found->path ? job->found->path : row->key, size_text(job->found->size, is),
			size_text(*size, less));
	KNOW(job->found, LayerFound, size, *size);
	return true;
}

/* Does a filesystem stand on this layer? Its turn is to come. */
static bool is_below_filesystem(const struct list *rows, uint32_t index)
{
	for (uint32_t i = index + 1; i < rows->count; i++) {
		const struct layer_row *row =
			layer_row_find(((const struct LayerFound *)rows->item[i])->layer);
		if (!row || row->grows == GROWS_TO_SIZE)
			return false;
		if (row->gives == PLACE_DATA)
			return true;
	}
	return false;
}

static void row_size(const struct list *rows, uint32_t index, int64_t size)
{
	struct LayerFound *row = rows->item[index];
	KNOW(row, LayerFound, size, size);
}

/* The label learns of the layer, and with a filesystem of what it stands on; the volume's link is that of the
 * topmost layer that is there. */
static bool settle(struct work *work)
{
	const struct layer_job *job = &work->job;
	const struct list *rows = &work->label->chain;
	const struct layer_row *row = layer_row_find(job->recorded->layer);
	const bool told = row->makes && !is_below_filesystem(rows, job->index);
	if (row->makes && KNOWN(job->found, LayerFound, size))
		row_size(rows, job->index, job->found->size);
	if (row->gives == PLACE_DATA && work->grown.known)
		row_size(rows, work->grown.index, work->grown.size);
	if (told && !label_write(work->folder, work->label))
		return work_fail_errno(
			work, errno, arena_format(work->arena, "%s/volume.json", work->folder));
	const struct walk walk = walk_chain(work->arena, work->real, job->uid, rows, rows->count);
	work->result.link = walk.below;
	return true;
}

/* What a filesystem stands on: the next layer below it that has a size of its own. */
static void below_note(struct work *work, const struct list *chain, uint32_t index)
{
	const struct field *field;
	const struct mark *at;
	while (index-- > 0) {
		const int64_t *size = layer_size(chain->item[index], &field, &at);
		if (!size)
			continue;
		work->grown.known = true;
		work->grown.index = index;
		work->grown.size = *size;
		return;
	}
}

static bool begin(struct work *work, const struct action *action)
{
	const struct wanted_volume *volume = action->volume;
	const uint32_t index = action->layer;
	if (!volume_is_uid(volume->uid) || index >= volume->chain.count)
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "volume %s has no layer %u", volume->name, index);
	const char *uid = arena_text(work->arena, volume->uid);
	if (!label_take(work, uid))
		return false;
	const struct list *rows = &work->label->chain;
	const struct walk walk = walk_chain(work->arena, work->real, uid, rows, rows->count);
	const struct layer_row *row = layer_row_of(volume->chain.item[index]);
	if (index >= walk.count || walk.item[index].row != row)
		return work_fail(work, OUTCOME_TERMINAL, NULL,
			"layer %u of %s is not %s, as it is wanted now", index, work->folder, row->key);
	for (uint32_t i = 0; i <= index; i++) {
		const struct walked *layer = &walk.item[i];
		if (layer->presence == LAYER_WRONG)
			return work_fail_job(work, &layer->job);
		if (layer->presence != LAYER_THERE && (layer->row->makes || layer->row->binds))
			return work_fail(work, OUTCOME_TRANSIENT, NULL, "layer %u (%s) of %s is not %s", i,
				layer->row->key, work->folder, layer->row->binds ? "open" : "there");
	}
	work->job = walk.item[index].job;
	work->job.path = work->job.recorded->path;
	work->job.want = volume->chain.item[index];
	work->step = &layer_find(row->key)->grow;
	below_note(work, &volume->chain, index);
	return size_choose(work, work->job.want) && work_step_begin(work) && (work->argv || settle(work));
}

static bool finish(struct work *work)
{
	return work_step_end(work) && (work->argv || settle(work));
}

const struct work_verb work_grow = {
	.verb = verb_volume_grow,
	.begin = begin,
	.finish = finish,
	.again = work_step_again,
	.abandon = work_step_abandon,
};
