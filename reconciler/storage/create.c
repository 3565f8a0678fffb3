/* volume.create and volume.open: one layer of a volume. The label with the whole chain is on the disk before
 * anything is made or bound, so that whatever an interruption leaves is found again; a layer then appears by
 * rename where it is a file, and its facts go into the label last. Creating what is there already is success
 * and touches nothing, as is opening what is open. Creating what the label says was made, and is gone, is
 * refused: an empty disk in place of a lost one is no repair. */
#include "base/file.h"
#include "model/want.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/walk.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char broken_hint[] =
	"look at the volume's folder; restore what is missing, or remove the volume";

/* The volume's folder may be there or not, but nothing else may be in its place. */
static bool folder_check(struct work *work)
{
	FD_SCOPED folder = folder_open(work->folder);
	if (folder >= 0 || errno == ENOENT)
		return true;
	if (errno == ENOTDIR || errno == ELOOP)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s is no folder", work->folder);
	return work_fail_errno(work, errno, work->folder);
}

/* The volume's folder, made if need be, and on the disk. */
static bool folder_make(struct work *work)
{
	const char *volumes = arena_format(work->arena, "%s/volumes", work->real->state_dir);
	if (!file_folders(volumes, 0700))
		return work_fail_errno(work, errno, volumes);
	if (mkdir(work->folder, 0700) < 0 && errno != EEXIST)
		return work_fail_errno(work, errno, work->folder);
	return folder_sync(volumes) || work_fail_errno(work, errno, volumes);
}

/* The label that stands there, NULL in *have if none does. false: nothing may be made here. */
static bool label_find(struct work *work, const char *uid, struct Label **have)
{
	struct volume_files files;
	const char *why;
	*have = NULL;
	switch (label_read(work->arena, work->folder, uid, have, &why)) {
	case LABEL_BROKEN:
		return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s: %s", work->folder, why);
	case LABEL_READ:
		if (text_equal((*have)->owner, work->real->owner))
			return true;
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "%s belongs to owner %s", work->folder, (*have)->owner);
	case LABEL_ABSENT:
		break;
	}
	if (!volume_files(work->arena, work->folder, &files))
		return errno == ENOENT || work_fail_errno(work, errno, work->folder);
	if (files.layers || files.other)
		return work_fail(work, OUTCOME_TERMINAL, broken_hint,
			"%s holds %s and no label: it is not ours", work->folder,
			files.layer ? files.layer : files.other);
	return true;
}

/* The wanted label, still without its chain. */
static struct Label *label_begin(struct work *work, const struct Label *want)
{
	struct Label *label = object_copy(work->arena, &type_Label, want);
	label->at[Label_chain] = &mark_observed;
	return label;
}

/* How many layers, from the bottom, must stay as the label records them: up to the highest that was made. */
static bool made_count(struct work *work, const char *uid, const struct Label *have, uint32_t *count)
{
	*count = 0;
	if (!have)
		return true;
	const struct walk walk = walk_chain(work->arena, work->real, uid, &have->chain, have->chain.count);
	if (walk.unknown)
		return work_fail(work, OUTCOME_TERMINAL, NULL, "%s: layer %s is not known here", work->folder,
			walk.unknown);
	for (uint32_t i = 0; i < walk.count; i++) {
		const struct walked *layer = &walk.item[i];
		if (layer->presence == LAYER_LOST && layer->row->makes)
			return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s was made and is gone",
				layer->job.recorded->path ? layer->job.recorded->path : layer->row->key);
		/* killed between the end of its creation and the label: the label learns it now */
		struct LayerFound *recorded = have->chain.item[i];
		if (layer->made && !KNOWN(recorded, LayerFound, id) &&
			KNOWN(layer->job.found, LayerFound, id))
			KNOW(recorded, LayerFound, id, layer->job.found->id);
		/* what makes nothing is not ours: another image may still take its place */
		if (layer->made || (layer->row->makes && layer->presence == LAYER_WRONG))
			*count = i + 1;
	}
	return true;
}

/* Would creation make what the label records? Images are left to onImageChange. */
static bool row_matches(
	const struct layer_row *row, const struct LayerFound *expected, const struct LayerFound *recorded)
{
	return text_equal(expected->layer, recorded->layer) &&
	       (!row->makes || (text_equal(expected->path, recorded->path) &&
				       text_equal(expected->source, recorded->source)));
}

/* The chain of the label: what is made stays as recorded, what is below `layer` too, the rest is as wanted.
 */
static bool chain_make(
	struct work *work, const struct wanted_volume *volume, const struct Label *have, uint32_t made)
{
	struct link below = {0};
	if (made > volume->chain.count)
		return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s has more layers than are wanted",
			work->folder);
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct layer_row *row = layer_row_of(volume->chain.item[i]);
		const struct layer_driver *driver = row ? layer_find(row->key) : NULL;
		if (!driver)
			return work_fail(work, OUTCOME_TERMINAL, NULL, "layer %s cannot be made yet",
				row ? row->key : "(none)");
		struct layer_job job = volume_job(work->arena, work->real, volume->uid, i, &below);
		job.want = volume->chain.item[i];
		driver->expect(&job);
		struct LayerFound *recorded = have && i < have->chain.count ? have->chain.item[i] : NULL;
		bool stays = recorded && i < made;
		if (stays && !row_matches(row, job.found, recorded))
			return work_fail(work, OUTCOME_TERMINAL,
				"a chain is changed by removing the volume and making it anew",
				"layer %u of volume %s is recorded as %s, not as it is wanted now", i,
				volume->name, recorded->path ? recorded->path : recorded->layer);
		list_add(work->arena, &work->label->chain, stays ? recorded : job.found);
		if (row->gives == PLACE_DATA)
			below.place = job.found->path;
	}
	return true;
}

/* A layer below the wanted one, on the disk, now: one that makes nothing and binds nothing (an image, a
 * device) is taken in passing, any other must be there and open. */
static bool below_take(struct work *work, const struct action *action, struct layer_job *job, bool made)
{
	const struct layer_driver *driver = layer_find(job->recorded->layer);
	const struct layer_row *row = layer_row_find(job->recorded->layer);
	if (made || row->makes || row->binds) {
		if (driver->observe(job))
			return true;
		if (job->error)
			return work_fail_job(work, job);
		return work_fail(work, OUTCOME_TERMINAL, NULL, "layer %u (%s) of %s is not %s", job->index,
			row->key, work->folder, row->binds ? "open" : "there");
	}
	job->want = action->volume->chain.item[job->index];
	job->image = action->image;
	driver->expect(job);
	if (!layer_step_now(job, &driver->create))
		return work_fail_job(work, job);
	work->label->chain.item[job->index] = job->found;
	return true;
}

/* What the layers below give, and the uppermost of them as it was found (NULL: there is none). */
static bool below_find(struct work *work, const struct action *action, uint32_t made, struct link *below,
	struct LayerFound **found)
{
	*below = (struct link){0};
	*found = NULL;
	for (uint32_t i = 0; i < action->layer; i++) {
		struct layer_job job = volume_job(work->arena, work->real, action->volume->uid, i, below);
		job.recorded = work->label->chain.item[i];
		if (!below_take(work, action, &job, i < made))
			return false;
		*below = layer_link(&job);
		*found = job.found;
	}
	return true;
}

static bool label_store(struct work *work)
{
	return label_write(work->folder, work->label) ||
	       work_fail_errno(work, errno, arena_format(work->arena, "%s/volume.json", work->folder));
}

/* The layer was made already: the label learns what is wanted of the volume as a whole, the layer stays. */
static bool create_again(struct work *work, const struct layer_driver *driver, const struct layer_row *row)
{
	struct layer_job *job = &work->job;
	if (driver->observe(job)) {
		if (row->makes) /* its facts, should the label have been cut short of them */
			work->label->chain.item[job->index] = job->found;
		work->result.link = layer_link(job);
		return label_store(work);
	}
	if (job->error)
		return work_fail_job(work, job);
	if (row->binds) /* made, and not open */
		return label_store(work);
	return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s is gone, and layers stand on it",
		job->recorded->path ? job->recorded->path : job->recorded->layer);
}

/* All that comes before the step itself: the label, what the layers below give, work->job. *again: the layer
 * was made before. */
static bool prepare(struct work *work, const struct action *action, bool *again)
{
	const struct wanted_volume *volume = action->volume;
	uint32_t layer = action->layer, made;
	struct Label *have;
	struct link below;
	struct LayerFound *base;

	if (layer >= volume->chain.count || !volume_is_uid(volume->uid))
		return work_fail(
			work, OUTCOME_TERMINAL, NULL, "volume %s has no layer %u", volume->name, layer);
	work->folder = volume_folder(work->arena, work->real, volume->uid);
	if (!folder_check(work) || !label_find(work, volume->uid, &have) ||
		!made_count(work, volume->uid, have, &made))
		return false;
	work->label = label_begin(work, action->label);
	if (!chain_make(work, volume, have, made) || !below_find(work, action, made, &below, &base))
		return false;

	struct layer_job *job = &work->job;
	*job = volume_job(work->arena, work->real, arena_text(work->arena, volume->uid), layer, &below);
	job->recorded = work->label->chain.item[layer];
	job->want = volume->chain.item[layer];
	job->image = action->image;
	*again = layer < made;
	if (*again)
		return true;
	layer_find(job->recorded->layer)->expect(job);
	job->path = job->found->path;
	if (base && KNOWN(base, LayerFound, base))
		KNOW(job->found, LayerFound, base, base->base);
	if (base && KNOWN(base, LayerFound, digest))
		KNOW(job->found, LayerFound, digest, base->digest);
	work->label->chain.item[layer] = job->found;
	return true;
}

static bool create_begin(struct work *work, const struct action *action)
{
	bool again = false;
	if (!prepare(work, action, &again))
		return false;
	const struct layer_row *row = layer_row_find(work->job.recorded->layer);
	const struct layer_driver *driver = layer_find(row->key);
	if (again)
		return create_again(work, driver, row);
	/* what makes nothing is checked first: its label alone would make the volume complete */
	if (!folder_make(work) || (row->makes && !label_store(work)))
		return false;
	work->step = &driver->create;
	return work_step_begin(work) && (work->argv || label_store(work));
}

static bool create_finish(struct work *work)
{
	return work_step_end(work) && (work->argv || label_store(work));
}

/* What is above was made before, and can be seen again now: is it what it was? The volume's link is that of
 * the topmost layer that is there. */
static bool open_settle(struct work *work)
{
	const struct list *rows = &work->label->chain;
	const struct walk walk = walk_chain(work->arena, work->real, work->job.uid, rows, rows->count);
	for (uint32_t i = work->job.index; i < walk.count; i++) {
		const struct walked *layer = &walk.item[i];
		if (layer->presence == LAYER_WRONG)
			return work_fail_job(work, &layer->job);
		if (layer->presence == LAYER_LOST)
			return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s is gone",
				layer->job.recorded->path ? layer->job.recorded->path : layer->row->key);
	}
	work->result.link = walk.below;
	return true;
}

static bool open_finish(struct work *work)
{
	return work_step_end(work) && (work->argv || open_settle(work));
}

static bool open_begin(struct work *work, const struct action *action)
{
	bool again = false;
	if (!prepare(work, action, &again))
		return false;
	const struct layer_driver *driver = layer_find(work->job.recorded->layer);
	struct layer_job *job = &work->job;
	/* looked at under its row of the label, which knows what was made */
	struct layer_job seen = *job;
	seen.found = type_new(work->arena, &type_LayerFound);
	if (driver->observe(&seen)) {
		work->result.link = layer_link(&seen);
		return true;
	}
	if (seen.error)
		return work_fail_job(work, &seen);
	if (!folder_make(work) || !label_store(work))
		return false;
	job->found = seen.found;
	work->step = &driver->open;
	return work_step_begin(work) && (work->argv || open_settle(work));
}

const struct work_verb work_create = {
	.verb = verb_volume_create,
	.begin = create_begin,
	.finish = create_finish,
	.again = work_step_again,
	.abandon = work_step_abandon,
};

const struct work_verb work_open = {
	.verb = verb_volume_open,
	.begin = open_begin,
	.finish = open_finish,
	.again = work_step_again,
	.abandon = work_step_abandon,
};
