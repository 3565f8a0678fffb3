/* Volumes as they are found: every folder below STATE/volumes whose name is a uid. What its label says is
 * held against the disk, layer by layer from the bottom; nothing is opened that the label does not name,
 * nothing is removed, no program runs.
 *
 *   label     layers                                       state
 *   absent    nothing but work in progress                 partial, name not known: killed before the label
 * was written absent    anything else                                broken damaged   any broken whole all
 * there, as recorded                       complete whole     the upper ones missing, never yet made partial
 *   whole     all is made, some of it not open             closed
 *   whole     one that was made is missing, or is other    broken
 *   another owner's                                        not listed
 */
#include "base/file.h"
#include "model/format.h"
#include "storage/artefact.h"
#include "storage/label.h"
#include "storage/walk.h"
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static void dir_drop(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}
#define DIR_SCOPED __attribute__((cleanup(dir_drop))) DIR *

bool volume_is_uid(const char *text)
{
	return text && format_uuid.is(text);
}

const char *volume_folder(struct arena *arena, const struct real *real, const char *uid)
{
	return arena_format(arena, "%s/volumes/%s", real->state_dir, uid);
}

struct layer_job volume_job(struct arena *arena, const struct real *real, const char *uid, uint32_t index,
	const struct link *below)
{
	return (struct layer_job){
		.arena = arena,
		.uid = uid,
		.below = *below,
		.state_dir = real->state_dir,
		.image_dir = real->image_dir,
		.run_dir = real->run_dir,
		.nbd = &real->nbd,
		.devices = &real->devices,
		.root = real->root,
		.hlfs_dir = real->hlfs_dir,
		.folder = below->place ? below->place : volume_folder(arena, real, uid),
		.index = index,
		.found = type_new(arena, &type_LayerFound),
		.lock = -1,
	};
}

/* The folder itself, opened for listing; NULL with errno set. */
static DIR *dir_open(const char *path)
{
	int fd = folder_open(path);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

bool volume_files(struct arena *arena, const char *folder, struct volume_files *files)
{
	*files = (struct volume_files){0};
	DIR_SCOPED dir = dir_open(folder);
	if (!dir)
		return false;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			return errno == 0;
		const char *name = entry->d_name;
		if (text_equal(name, ".") || text_equal(name, ".."))
			continue;
		enum artefact kind = artefact_kind(name);
		files->layers += kind == ARTEFACT_LAYER;
		files->parts += kind == ARTEFACT_PART;
		if (kind == ARTEFACT_LAYER && !files->layer)
			files->layer = arena_text(arena, name);
		if (kind == ARTEFACT_OTHER && !files->other)
			files->other = arena_text(arena, name);
	}
}

static void volume_break(struct HaveVolume *volume, const char *problem)
{
	KNOW(volume, HaveVolume, state, volume_state_broken);
	KNOW(volume, HaveVolume, problem, problem);
}

/* What is wrong with a layer, for people; NULL: nothing. */
static const char *layer_problem(struct arena *arena, const struct walked *layer, bool missing_below)
{
	const struct LayerFound *recorded = layer->job.recorded;
	const char *what = recorded->path ? recorded->path : recorded->layer;
	switch (layer->presence) {
	case LAYER_WRONG:
		return layer->job.error;
	case LAYER_LOST:
		return arena_format(
			arena, layer->row->makes ? "%s was made and is gone" : "%s is gone", what);
	case LAYER_THERE:
		return missing_below ? arena_format(arena, "what %s stands on is missing", what) : NULL;
	default:
		return NULL;
	}
}

/* Holds the label's chain against the disk. */
static void chain_observe(struct arena *arena, const struct real *real, struct HaveVolume *volume)
{
	const struct list *chain = &volume->label->chain;
	const struct walk walk = walk_chain(arena, real, volume->uid, chain, chain->count);
	bool missing = false;
	KNOW(volume, HaveVolume, state, volume_state_complete);
	volume->at[HaveVolume_chain] = &mark_observed;
	for (uint32_t i = 0; i < walk.count; i++) {
		const struct walked *layer = &walk.item[i];
		const char *problem = layer_problem(arena, layer, missing);
		if (problem) {
			volume_break(volume, problem);
			return;
		}
		struct LayerFound *found = layer->job.found;
		const bool there = layer->presence == LAYER_THERE;
		missing |= !there && (layer->row->makes ? !layer->made : !layer->row->binds);
		if (missing) {
			KNOW(volume, HaveVolume, state, volume_state_partial);
			continue;
		}
		if (!there) {
			found = object_copy(arena, &type_LayerFound, layer->job.recorded);
			found->at[LayerFound_id] = NULL;
			found->id = NULL;
			KNOW(volume, HaveVolume, state, volume_state_closed);
		}
		if (layer->row->binds)
			KNOW(found, LayerFound, open, there);
		list_add(arena, &volume->chain, found);
	}
	if (walk.unknown)
		volume_break(volume, arena_format(arena, "layer %s is not known here", walk.unknown));
}

static void unlabelled_observe(struct arena *arena, const char *folder, struct HaveVolume *volume)
{
	struct volume_files files;
	if (!volume_files(arena, folder, &files))
		volume_break(volume, arena_format(arena, "%s: %s", folder, strerror(errno)));
	else if (files.layers || files.other)
		volume_break(volume, arena_format(arena, "%s holds %s and no label", folder,
					     files.layer ? files.layer : files.other));
	else {
		KNOW(volume, HaveVolume, state, volume_state_partial);
		KNOW(volume, HaveVolume, problem,
			arena_format(arena, "%s holds no label, and nothing but work in progress", folder));
	}
}

/* NULL: another owner's, or gone meanwhile. */
static struct HaveVolume *volume_find(struct arena *arena, const struct real *real, const char *name)
{
	struct HaveVolume *volume = type_new(arena, &type_HaveVolume);
	const char *uid = arena_text(arena, name), *folder = volume_folder(arena, real, uid), *why;
	struct Label *label;
	KNOW(volume, HaveVolume, uid, uid);
	FD_SCOPED fd = folder_open(folder);
	if (fd < 0) {
		if (errno == ENOENT)
			return NULL;
		volume_break(volume,
			arena_format(arena, "%s: %s", folder,
				errno == ENOTDIR || errno == ELOOP ? "it is no folder" : strerror(errno)));
		return volume;
	}
	switch (label_read(arena, folder, uid, &label, &why)) {
	case LABEL_ABSENT:
		unlabelled_observe(arena, folder, volume);
		break;
	case LABEL_BROKEN:
		volume_break(volume, why);
		break;
	case LABEL_READ:
		if (!text_equal(label->owner, real->owner))
			return NULL;
		KNOW(volume, HaveVolume, name, label->name);
		KNOW(volume, HaveVolume, label, label);
		chain_observe(arena, real, volume);
	}
	return volume;
}

bool volume_observe(const struct real *real, struct have *have, const char **why)
{
	struct Observation *found = have->found;
	const char *path = arena_format(have->arena, "%s/volumes", real->state_dir);
	found->at[Observation_volumes] = &mark_observed;
	DIR_SCOPED dir = opendir(path);
	int error = dir || errno == ENOENT ? 0 : errno;
	while (dir) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry) {
			error = errno;
			break;
		}
		struct HaveVolume *volume =
			volume_is_uid(entry->d_name) ? volume_find(have->arena, real, entry->d_name) : NULL;
		if (volume)
			list_add(have->arena, &found->volumes, volume);
	}
	if (error)
		*why = arena_format(have->arena, "volumes in %s cannot be listed: %s", path, strerror(error));
	return !error;
}
