/* Last good forms. A load goes as always; where its source is not whole, objects that are broken or missing
 * are taken from the texts of earlier loads instead, and everything is judged anew, until nothing more can be
 * mended that way. Texts of today are read once, so all rounds judge the same; what the rounds after the
 * first have to say goes to nobody, because the first has said what is wrong with the files.
 *
 * What is remembered is, per object, the whole text of the file that it was good in (once for all its
 * objects), so that marks and excerpts stay true to the letter. All of it is copied into a new arena by each
 * load: there is nothing to count and nothing to leak. */
#include "want/kept.h"
#include "model/node.h"
#include "want/loading.h"
#include <stdlib.h>
#include <string.h>

/* A file as it was. */
struct kept_text {
	const char *name, *path, *root; /* as in text_file; the root as it was given */
	const char *text;
	size_t size;
	uint32_t age;             /* loads since then */
	struct source_file *file; /* in the load that is going on, if something is taken from it */
};

struct kept_object {
	const char *text; /* "Domain/web-1" */
	enum kind kind;
	const char *name;
	struct kept_text *in;
	bool stands; /* in the load that is going on */
};

struct kept {
	struct arena *arena;
	struct list objects; /* struct kept_object, sorted by text */
};

/* Objects that are broken only by what they name wait until that has been mended: then they may be good as
 * they are today. Volumes name images, and domains name both. */
enum stage { STAGE_OWN, STAGE_VOLUMES, STAGE_DOMAINS, STAGES };

struct kept *kept_new(void)
{
	struct kept *kept = calloc(1, sizeof(*kept));
	if (!kept)
		memory_ended();
	kept->arena = arena_new();
	return kept;
}

void kept_free(struct kept *kept)
{
	if (!kept)
		return;
	arena_free(kept->arena);
	free(kept);
}

size_t kept_size(const struct kept *kept)
{
	return arena_size(kept->arena);
}

static const char *file_path(const void *file)
{
	return ((const struct source_file *)file)->text.path;
}

static int by_path(const void *a, const void *b)
{
	return strcmp(file_path(*(const void *const *)a), file_path(*(const void *const *)b));
}

static struct source_root *root_find(const struct loading *loading, const char *given)
{
	for (uint32_t i = 0; i < loading->want->roots.count; i++) {
		struct source_root *root = loading->want->roots.item[i];
		if (strcmp(root->given, given) == 0)
			return root;
	}
	return NULL;
}

/* An object that is not there: was it taken out by somebody who meant to? Its file says so if it is good, and
 * where the file is gone, only a source that is whole. */
static bool is_gone(const struct loading *loading, const struct index *files, const struct kept_text *in)
{
	const struct source_file *file = index_find(files, in->path, file_path);
	if (file)
		return !file->broken;
	const struct source_root *root = root_find(loading, in->root);
	return !root || (root->readable && !root->broken);
}

static bool waits(const struct loaded *loaded, enum stage stage)
{
	return loaded->by_reference &&
	       stage < (loaded->object.kind == KIND_VOLUME ? STAGE_VOLUMES : STAGE_DOMAINS);
}

/* Objects that are broken, and could stand as they were. True if there were any. */
static bool choose_broken(const struct loading *loading, const struct kept *kept, enum stage stage)
{
	bool found = false;
	for (uint32_t i = 0; i < kept->objects.count; i++) {
		struct kept_object *object = kept->objects.item[i];
		const struct loaded *loaded =
			(const struct loaded *)want_object(loading->want, object->kind, object->name);
		if (object->stands || !loaded || !loaded->object.broken || waits(loaded, stage) ||
			!root_find(loading, object->in->root))
			continue;
		object->stands = found = true;
	}
	return found;
}

static bool choose_missing(const struct loading *loading, const struct kept *kept)
{
	const struct index files = index_make(loading->arena, &loading->files, file_path, by_path);
	bool found = false;
	for (uint32_t i = 0; i < kept->objects.count; i++) {
		struct kept_object *object = kept->objects.item[i];
		if (want_object(loading->want, object->kind, object->name) ||
			is_gone(loading, &files, object->in))
			continue;
		object->stands = found = true;
	}
	return found;
}

/* The text of then as a file of this load, once. It belongs to WANT, which outlives what is remembered. */
static struct source_file *text_file(struct loading *loading, struct kept_text *in)
{
	if (in->file)
		return in->file;
	struct source_root *root = root_find(loading, in->root);
	struct source_file *file = in->file = arena_make(loading->arena, struct source_file);
	file->root = root;
	file->age = in->age;
	file->text = (struct text_file){.name = arena_text(loading->arena, in->name),
		.text = arena_copy(loading->arena, in->text, in->size),
		.size = in->size,
		.root = root,
		.path = arena_text(loading->arena, in->path)};
	list_add(loading->arena, &loading->files, file);
	return file;
}

static void load_again(struct loading *loading, const struct kept *kept)
{
	loading->stand_ins.count = 0;
	for (uint32_t i = 0; i < kept->objects.count; i++) {
		const struct kept_object *object = kept->objects.item[i];
		if (!object->stands)
			continue;
		struct stand_in *stand_in = arena_make(loading->arena, struct stand_in);
		stand_in->object = arena_text(loading->arena, object->text);
		stand_in->file = text_file(loading, object->in);
		list_add(loading->arena, &loading->stand_ins, stand_in);
	}
	loading_objects(loading);
}

/* The copy of a file's text, made when its first object is remembered. */
static struct kept_text *text_remember(struct kept *kept, struct source_file *file)
{
	if (file->remembered)
		return file->remembered;
	struct kept_text *text = file->remembered = arena_make(kept->arena, struct kept_text);
	*text = (struct kept_text){.name = arena_text(kept->arena, file->text.name),
		.path = arena_text(kept->arena, file->text.path),
		.root = arena_text(kept->arena, file->root->given),
		.text = arena_copy(
			kept->arena, file->original ? file->original : file->text.text, file->text.size),
		.size = file->text.size,
		.age = file->age + 1};
	return text;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(
		(*(const struct kept_object *const *)a)->text, (*(const struct kept_object *const *)b)->text);
}

/* What is good now, and the last good forms of what is not: also of those that could not stand beside
 * something newer. */
static void remember(struct kept *kept, const struct want *want)
{
	arena_free(kept->arena);
	kept->arena = arena_new();
	kept->objects = (struct list){0};
	for (uint32_t i = 0; i < want->objects.count; i++) {
		const struct loaded *loaded = want->objects.item[i];
		if (loaded->object.broken && !loaded->object.kept)
			continue;
		struct kept_object *object = arena_make(kept->arena, struct kept_object);
		object->kind = loaded->object.kind;
		object->text = arena_text(kept->arena, loaded->object.text);
		object->name = strchr(object->text, '/') + 1;
		object->in = text_remember(kept, loaded->file);
		list_add(kept->arena, &kept->objects, object);
	}
	list_sort(&kept->objects, by_text);
}

struct want *want_load_kept(const struct load_options *options, struct kept *kept, struct report *report)
{
	struct loading loading = loading_begin(options, report);
	loading_read(&loading);
	loading_objects(&loading);
	loading_sources(&loading);
	if (!loading.want->complete) {
		REPORT_SCOPED unheard = report_new();
		loading.report = unheard;
		bool more = choose_missing(&loading, kept);
		for (enum stage stage = STAGE_OWN; stage < STAGES;) {
			if (choose_broken(&loading, kept, stage) || more)
				load_again(&loading, kept);
			else
				stage++;
			more = false;
		}
	}
	remember(kept, loading.want);
	return loading.want;
}
