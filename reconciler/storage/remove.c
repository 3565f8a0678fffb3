/* volume.remove: from the top layer down to the folder, label last. Only what our naming and the label of
 * this owner speak for is removed; one file that is not ours stops it before anything is gone. It may be
 * interrupted anywhere and begun again: the label first forgets that its layers were made, so what is left
 * counts as unfinished, never as lost. */
#include "base/file.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/walk.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char hint[] = "nothing was removed; look at the folder and remove by hand what you do not need";

/* May everything in the folder be removed? */
static bool is_ours(struct work *work, const char *uid, struct Label **label)
{
	struct volume_files files;
	const char *why;
	enum label_state state = label_read(work->arena, work->folder, uid, label, &why);
	if (state == LABEL_BROKEN)
		return work_fail(work, OUTCOME_TERMINAL, hint, "%s: %s", work->folder, why);
	if (state == LABEL_READ && !text_equal((*label)->owner, work->real->owner))
		return work_fail(work, OUTCOME_TERMINAL, hint, "%s belongs to owner %s", work->folder,
			(*label)->owner);
	if (!volume_files(work->arena, work->folder, &files))
		return work_fail_errno(work, errno, work->folder);
	if (files.other)
		return work_fail(work, OUTCOME_TERMINAL, hint, "%s holds %s, which is not ours", work->folder,
			files.other);
	if (state == LABEL_ABSENT && files.layers)
		return work_fail(
			work, OUTCOME_TERMINAL, hint, "%s holds %s and no label", work->folder, files.layer);
	if (state == LABEL_ABSENT)
		*label = NULL;
	return true;
}

/* What is bound is in use until it is closed; which of its layers are there is known before the label forgets
 * it. */
static bool layers_find(struct work *work, const char *uid, struct Label *label)
{
	work->walk = arena_make(work->arena, struct walk);
	*work->walk = walk_chain(work->arena, work->real, uid, &label->chain, label->chain.count);
	if (work->walk->unknown)
		return work_fail(work, OUTCOME_TERMINAL, hint, "%s: layer %s is not known here", work->folder,
			work->walk->unknown);
	for (uint32_t i = 0; i < work->walk->count; i++)
		if (work->walk->item[i].row->binds && work->walk->item[i].presence == LAYER_THERE)
			return work_fail(work, OUTCOME_TRANSIENT, hint, "layer %u (%s) of %s is still open",
				i, work->walk->item[i].row->key, work->folder);
	return true;
}

static bool layers_forget(struct work *work, struct Label *label)
{
	for (uint32_t i = 0; i < label->chain.count; i++)
		((struct LayerFound *)label->chain.item[i])->at[LayerFound_id] = NULL;
	return label_write(work->folder, label) || work_fail_errno(work, errno, work->folder);
}

static bool folder_clear(struct work *work);

/* From the layer above which all is gone, downwards, until a program has to run. What lies in a filesystem
 * that is closed goes with the device below it. */
static bool layers_remove(struct work *work)
{
	struct walk *walk = work->walk;
	while (walk && walk->count) {
		struct walked *layer = &walk->item[--walk->count];
		if (!layer->row->makes || layer->presence == LAYER_HIDDEN || !layer->driver->remove.begin)
			continue;
		work->job = layer->job;
		work->job.error = NULL;
		work->step = &layer->driver->remove;
		if (!work_step_begin(work))
			return false;
		if (work->argv)
			return true;
	}
	return folder_clear(work);
}

static bool finish(struct work *work)
{
	return work_step_end(work) && (work->argv || layers_remove(work));
}

/* Work in progress, and layers that a label once named. */
static bool leftovers_remove(struct work *work, int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		int error = errno;
		if (copy >= 0)
			close(copy);
		return work_fail_errno(work, error, work->folder);
	}
	int error = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry) {
			error = errno;
			break;
		}
		enum artefact kind = artefact_kind(entry->d_name);
		const bool goes = kind == ARTEFACT_LAYER || kind == ARTEFACT_PART || kind == ARTEFACT_PLACE;
		if (goes && unlinkat(folder, entry->d_name, kind == ARTEFACT_PLACE ? AT_REMOVEDIR : 0) < 0 &&
			errno != ENOENT) {
			error = errno;
			break;
		}
	}
	closedir(dir);
	return !error || work_fail_errno(work, error, work->folder);
}

/* Label and folder, in this order, each on the disk before the next. */
static bool folder_remove(struct work *work, int folder)
{
	if (fsync(folder) < 0 || (unlinkat(folder, "volume.json", 0) < 0 && errno != ENOENT) ||
		fsync(folder) < 0)
		return work_fail_errno(work, errno, work->folder);
	if (rmdir(work->folder) < 0 && errno != ENOENT)
		return work_fail_errno(work, errno, work->folder);
	const char *volumes = arena_format(work->arena, "%s/volumes", work->real->state_dir);
	return folder_sync(volumes) || work_fail_errno(work, errno, volumes);
}

static bool folder_clear(struct work *work)
{
	FD_SCOPED folder = folder_open(work->folder);
	if (folder < 0)
		return work_fail_errno(work, errno, work->folder);
	return leftovers_remove(work, folder) && folder_remove(work, folder);
}

static bool begin(struct work *work, const struct action *action)
{
	struct Label *label;
	if (!volume_is_uid(action->uid))
		return work_fail(work, OUTCOME_TERMINAL, NULL, "'%s' is no uid of a volume",
			action->uid ? action->uid : "");
	const char *uid = arena_text(work->arena, action->uid);
	work->folder = volume_folder(work->arena, work->real, uid);
	FD_SCOPED folder = folder_open(work->folder);
	if (folder < 0 && errno == ENOENT)
		return true;
	if (folder < 0 && (errno == ENOTDIR || errno == ELOOP))
		return work_fail(work, OUTCOME_TERMINAL, hint, "%s is no folder", work->folder);
	if (folder < 0)
		return work_fail_errno(work, errno, work->folder);
	if (!is_ours(work, uid, &label))
		return false;
	if (label && (!layers_find(work, uid, label) || !layers_forget(work, label)))
		return false;
	return layers_remove(work);
}

const struct work_verb work_remove = {
	.verb = verb_volume_remove,
	.begin = begin,
	.finish = finish,
	.again = work_step_again,
	.abandon = work_step_abandon,
};
