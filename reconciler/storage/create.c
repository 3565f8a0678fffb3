/* volume.create: one layer of a volume. The label with the whole chain is on the disk before anything is
 * made, so that whatever an interruption leaves is found again; the layer then appears by rename, and its
 * facts go into the label last. Creating what is there already is success and touches nothing. Creating what
 * the label says was made, and is gone, is refused: an empty disk in place of a lost one is no repair. */
#include "base/file.h"
#include "model/want.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/work.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char broken_hint[] =
	"look at the volume's folder; restore what is missing, or remove the volume";

static bool job_failed(struct work *work, const struct layer_job *job)
{
	return work_fail(
		work, job->terminal ? OUTCOME_TERMINAL : OUTCOME_TRANSIENT, job->hint, "%s", job->error);
}

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
static bool made_count(struct work *work, const struct Label *have, uint32_t *count)
{
	*count = 0;
	for (uint32_t i = 0; have && i < have->chain.count; i++) {
		const struct LayerFound *recorded = have->chain.item[i];
		const struct layer_driver *driver = layer_find(recorded->layer);
		if (!driver)
			return work_fail(work, OUTCOME_TERMINAL, NULL, "%s: layer %s is not known here",
				work->folder, recorded->layer);
		if (!driver->remove) /* nothing of ours: another image may still take its place */
			continue;
		struct layer_job job = volume_job(work->arena, work->real, work->folder, i);
		if (driver->observe(&job, recorded) || job.error)
			*count = i + 1;
		else if (KNOWN(recorded, LayerFound, id))
			return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s was made and is gone",
				recorded->path);
	}
	return true;
}

/* Would creation make what the label records? Images are left to onImageChange. */
static bool row_matches(const struct layer_job *expected, const struct layer_driver *driver,
	const struct LayerFound *recorded)
{
	return text_equal(expected->found->layer, recorded->layer) &&
	       (!driver->remove || text_equal(expected->found->path, recorded->path));
}

/* The chain of the label: what is made stays as recorded, what is below `layer` too, the rest is as wanted.
 */
static bool chain_make(
	struct work *work, const struct wanted_volume *volume, const struct Label *have, uint32_t made)
{
	if (made > volume->chain.count)
		return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s has more layers than are wanted",
			work->folder);
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const char *key = layer_key(volume->chain.item[i]);
		const struct layer_driver *driver = layer_find(key);
		if (!driver)
			return work_fail(work, OUTCOME_TERMINAL, NULL, "layer %s cannot be made yet",
				key ? key : "(none)");
		struct layer_job job = volume_job(work->arena, work->real, work->folder, i);
		job.want = volume->chain.item[i];
		driver->expect(&job);
		struct LayerFound *recorded = have && i < have->chain.count ? have->chain.item[i] : NULL;
		bool stays = recorded && i < made;
		if (stays && !row_matches(&job, driver, recorded))
			return work_fail(work, OUTCOME_TERMINAL,
				"a chain is changed by removing the volume and making it anew",
				"layer %u of volume %s is recorded as %s, not as it is wanted now", i,
				volume->name, recorded->path ? recorded->path : recorded->layer);
		list_add(work->arena, &work->label->chain, stays ? recorded : job.found);
	}
	return true;
}

/* A layer below the wanted one, on the disk, now: one that makes nothing of ours (an image) is taken in
 * passing, any other must be there. */
static bool below_take(struct work *work, const struct action *action, struct layer_job *job, bool made)
{
	const struct LayerFound *recorded = work->label->chain.item[job->index];
	const struct layer_driver *driver = layer_find(recorded->layer);
	if (made || driver->remove) {
		if (driver->observe(job, recorded))
			return true;
		if (job->error)
			return job_failed(work, job);
		return work_fail(work, OUTCOME_TERMINAL, NULL, "layer %u of %s is not there", job->index,
			work->folder);
	}
	job->want = action->volume->chain.item[job->index];
	job->image = action->image;
	driver->expect(job);
	if (!driver->create(job) || !driver->created(job))
		return job_failed(work, job);
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
		struct layer_job job = volume_job(work->arena, work->real, work->folder, i);
		job.below = *below;
		if (!below_take(work, action, &job, i < made))
			return false;
		*below = layer_link(job.found);
		*found = job.found;
	}
	return true;
}

static bool label_store(struct work *work)
{
	return label_write(work->folder, work->label) ||
	       work_fail_errno(work, errno, arena_format(work->arena, "%s/volume.json", work->folder));
}

/* The layer is there already: the label learns what is wanted of the volume as a whole, the layer stays. */
static bool create_again(struct work *work, const struct LayerFound *recorded)
{
	struct layer_job *job = &work->job;
	if (!work->driver->observe(job, recorded)) {
		if (job->error)
			return job_failed(work, job);
		return work_fail(work, OUTCOME_TERMINAL, broken_hint, "%s is gone, and layers stand on it",
			recorded->path ? recorded->path : recorded->layer);
	}
	if (work->driver->remove) /* its facts, should the label have been cut short of them */
		work->label->chain.item[job->index] = job->found;
	work->result.link = layer_link(job->found);
	return label_store(work);
}

static void abandon(struct work *work)
{
	artefact_abandon(&work->job);
}

static bool finish(struct work *work)
{
	struct layer_job *job = &work->job;
	if (!work->driver->created(job) || (job->temporary && !artefact_publish(job))) {
		artefact_abandon(job);
		return job_failed(work, job);
	}
	work->result.link = layer_link(job->found);
	return label_store(work);
}

static bool begin(struct work *work, const struct action *action)
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
	if (!folder_check(work) || !label_find(work, volume->uid, &have) || !made_count(work, have, &made))
		return false;
	work->label = label_begin(work, action->label);
	if (!chain_make(work, volume, have, made) || !below_find(work, action, made, &below, &base))
		return false;

	struct LayerFound *row = work->label->chain.item[layer];
	work->driver = layer_find(row->layer);
	work->job = volume_job(work->arena, work->real, work->folder, layer);
	struct layer_job *job = &work->job;
	job->want = volume->chain.item[layer];
	job->image = action->image;
	job->below = below;
	if (layer < made)
		return create_again(work, row);

	work->label->chain.item[layer] = job->found;
	work->driver->expect(job);
	job->path = job->found->path;
	if (base && KNOWN(base, LayerFound, base))
		KNOW(job->found, LayerFound, base, base->base);
	if (base && KNOWN(base, LayerFound, digest))
		KNOW(job->found, LayerFound, digest, base->digest);
	if (!folder_make(work))
		return false;
	/* what makes nothing is checked first: its label alone would make the volume complete */
	if (work->driver->remove && !label_store(work))
		return false;
	if (!work->driver->create(job)) {
		artefact_abandon(job);
		return job_failed(work, job);
	}
	work->argv = job->argv;
	return work->argv || finish(work);
}

const struct work_verb work_create = {
	.verb = verb_volume_create,
	.begin = begin,
	.finish = finish,
	.abandon = abandon,
};
