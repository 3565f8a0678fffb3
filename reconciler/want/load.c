/* PATHs to WANT: files are found and read, each document becomes an object, each object is judged alone, then
 * all together, then what is derived is filled in. Nothing stops at the first error: an object that is wrong
 * is broken, its file is broken, and the others go on. */
#include "model/node.h"
#include "want/loading.h"
#include "want/yaml.h"
#include <stdlib.h>
#include <string.h>

static const char api_version[] = "xensteer/v1";

const char *also_at(struct loading *loading, const struct mark *mark)
{
	const char *place = mark ? mark_text(loading->arena, mark) : NULL;
	return place ? arena_format(loading->arena, "also at %s", place) : NULL;
}

/* The value of a key of a map, or NULL. */
static const struct node *member(const struct node *map, const char *key)
{
	for (uint32_t i = 0; map && map->kind == NODE_MAPPING && i < map->count; i += 2)
		if (map->item[i]->kind == NODE_SCALAR && strcmp(map->item[i]->text, key) == 0)
			return map->item[i + 1];
	return NULL;
}

static const char *member_text(const struct node *map, const char *key)
{
	const struct node *value = member(map, key);
	return value && value->kind == NODE_SCALAR ? value->text : NULL;
}

/* Is this a manifest of a kind that may stand in PATH? */
static bool kind_judge(struct loading *loading, const struct node *root, enum kind *kind)
{
	struct report *report = loading->report;
	if (root->kind != NODE_MAPPING)
		return report_error(report, &root->mark, NULL,
			root->kind == NODE_SEQUENCE ? "separate documents by a line with ---" : NULL,
			"expected a manifest (a map), found %s",
			root->kind == NODE_SEQUENCE ? "a list" : "text");
	const struct node *version = member(root, "apiVersion"), *name = member(root, "kind");
	if (!version)
		return report_error(report, &root->mark, NULL,
			"give files that are not manifests another ending",
			"apiVersion is missing: this is no manifest");
	if (version->kind != NODE_SCALAR || strcmp(version->text, api_version) != 0)
		return report_error(report, &version->mark, NULL,
			arena_format(loading->arena, "write %s", api_version), "unknown apiVersion%s%.60s%s",
			version->kind == NODE_SCALAR ? " '" : "",
			version->kind == NODE_SCALAR ? version->text : "",
			version->kind == NODE_SCALAR ? "'" : "");
	if (!name)
		return report_error(
			report, &root->mark, NULL, "one of Domain, Volume, Image", "kind is missing");
	if (name->kind != NODE_SCALAR)
		return report_error(
			report, &name->mark, NULL, NULL, "kind: expected one of Domain, Volume, Image");
	if (strcmp(name->text, "Profile") == 0)
		return report_error(report, &name->mark, NULL, NULL, "kind Profile is not yet supported");
	int found = choice_find(kind_name, name->text);
	if (found == KIND_HOST)
		return report_error(report, &name->mark, NULL,
			"give it with --config, and keep it out of PATH",
			"kind Host is read only from /etc/xensteer/xensteer.yaml");
	if (found < 0) {
		const char *nearest = text_nearest(name->text, kind_name, KIND_HOST);
		return report_error(report, &name->mark, NULL,
			nearest ? arena_format(loading->arena, "did you mean '%s'?", nearest)
				: "one of Domain, Volume, Image",
			"unknown kind '%.60s'", name->text);
	}
	*kind = (enum kind)found;
	return true;
}

static const char *stand_in_object(const void *stand_in)
{
	return ((const struct stand_in *)stand_in)->object;
}

/* Is this file the one that an object is taken from? */
static bool is_taken(const struct loading *loading, const struct source_file *file, const char *object)
{
	const struct stand_in *found = list_find(&loading->stand_ins, object, stand_in_object);
	return found ? found->file == file : !file->age;
}

/* An object whose name does not decode has the name that stands there, so that the rest can speak of it; one
 * without any is only reported. `errors`: how many there were before the document was read. */
static void document_load(
	struct loading *loading, struct source_file *file, const struct node *root, size_t errors)
{
	enum kind kind = KINDS;
	if (!kind_judge(loading, root, &kind)) {
		file->broken = true;
		return;
	}
	struct loaded *loaded = arena_make(loading->arena, struct loaded);
	struct object *object = &loaded->object;
	const char *name = member_text(member(root, "metadata"), "name");
	object->kind = kind;
	object->root = file->root;
	object->text = name ? arena_format(loading->arena, "%s/%s", kind_name[kind], name) : kind_name[kind];
	object->name = name ? strchr(object->text, '/') + 1 : "";
	struct mark *at = arena_make(loading->arena, struct mark);
	*at = root->mark;
	object->at = at;
	loaded->file = file;
	if (!is_taken(loading, file, object->text))
		return;
	object->kept = file->age > 0;

	struct decode_options options = {.strict = true, .object = object->text, .recent = &loading->recent};
	object->body = decode(loading->arena, kind_type(kind), root, &options, loading->report);
	const struct Metadata *metadata = loaded_metadata(loaded);
	shape_require(loading, loaded);
	if (metadata && SET(metadata, Metadata, name))
		object->at = metadata->at[Metadata_name];
	if (metadata && metadata->host && SET(metadata, Metadata, host) && loading->options->host_name)
		object->elsewhere = strcmp(metadata->host, loading->options->host_name) != 0;
	check_object(loading, loaded);
	shape_refuse(loaded, loading->arena);
	/* a broken mark never comes without an error */
	if (report_count(loading->report, SEVERITY_ERROR) > errors) {
		object->broken = true;
		shape_clean(loaded);
	}
	if (object->broken)
		file->broken = true;
	if (name)
		list_add(loading->arena, &loading->want->objects, object);
}

/* A text that is read again must be what it was before its secrets were hidden. */
static void original_restore(struct loading *loading, struct source_file *file)
{
	static const char word[] = "passw";
	if (file->original)
		memcpy((char *)(uintptr_t)file->text.text, file->original, file->text.size);
	else if (memmem(file->text.text, file->text.size, word, strlen(word)))
		file->original = arena_copy(loading->arena, file->text.text, file->text.size);
}

/* What could not be read to its end was not decoded there: whatever looks like a password is hidden by its
 * key. */
static void secrets_hide(const struct source_file *file)
{
	static const char word[] = "passw";
	char *at = (char *)(uintptr_t)file->text.text, *end = at + file->text.size;
	while (file->original && (at = memmem(at, (size_t)(end - at), word, strlen(word)))) {
		while (at < end && *at != ':' && *at != '\n')
			at++;
		for (at += at < end && *at == ':'; at < end && *at != '\n'; at++)
			*at = '*';
	}
}

/* Trees are scratch: they go when they have become objects, a few documents at a time. */
static void file_load(struct loading *loading, struct source_file *file, struct arena *scratch)
{
	enum { SCRATCH_ENOUGH = 64 << 10 };
	if (!file->text.size)
		return;
	original_restore(loading, file);
	YAML_SCOPED yaml = yaml_open(&file->text, loading->report);
	for (;;) {
		const size_t errors = report_count(loading->report, SEVERITY_ERROR);
		if (arena_size(scratch) > SCRATCH_ENOUGH)
			arena_reset(scratch);
		const struct node *root = yaml_next(yaml, scratch);
		if (!root)
			break;
		if (root->kind != NODE_NULL)
			document_load(loading, file, root, errors);
	}
	if (!yaml_broken(yaml))
		return;
	file->broken = true;
	secrets_hide(file);
}

static int object_compare(const void *a, const void *b)
{
	const struct object *one = *(const struct object *const *)a,
			    *other = *(const struct object *const *)b;
	if (one->kind != other->kind)
		return one->kind < other->kind ? -1 : 1;
	int order = strcmp(one->name, other->name);
	if (order)
		return order;
	order = strcmp(one->at->file->name, other->at->file->name);
	if (order)
		return order;
	return one->at->line < other->at->line ? -1 : one->at->line > other->at->line;
}

struct loaded *loaded_find(struct loading *loading, enum kind kind, const char *name)
{
	/* the object is the first member of its struct loaded */
	return (struct loaded *)want_object(loading->want, kind, name);
}

struct loading loading_begin(const struct load_options *options, struct report *report)
{
	struct want *want = calloc(1, sizeof(*want));
	if (!want)
		memory_ended();
	want->arena = arena_new();
	want->host = options->host;
	want->owner = arena_text(want->arena, options->owner);
	want->host_name = arena_text(want->arena, options->host_name);
	return (struct loading){.arena = want->arena, .report = report, .options = options, .want = want};
}

void loading_read(struct loading *loading)
{
	const struct load_options *options = loading->options;
	for (size_t i = 0; i < options->path_count; i++)
		list_add(loading->arena, &loading->want->roots,
			source_read(loading->arena, options->paths[i], &loading->files, loading->report));
	if (options->stands_for && options->path_count == 1)
		source_stand_for(loading->arena, loading->want->roots.item[0], options->stands_for);
}

void loading_objects(struct loading *loading)
{
	struct want *want = loading->want;
	want->objects.count = want->domains.count = want->volumes.count = want->images.count = 0;
	want->named.count = 0;
	want->uids = want->volumes_by_uid = (struct index){0};
	ARENA_SCOPED scratch = arena_new();
	for (uint32_t i = 0; i < loading->files.count; i++)
		file_load(loading, loading->files.item[i], scratch);
	list_sort(&want->objects, object_compare);
	cross_check_names(loading);
	complete_identities(loading);
	cross_check_identities(loading);
	cross_check_references(loading);
	complete_lists(loading);

	for (uint32_t i = 0; i < want->objects.count; i++) {
		struct loaded *loaded = want->objects.item[i];
		if (loaded->object.broken)
			loaded->file->broken = true;
	}
}

void loading_sources(struct loading *loading)
{
	struct want *want = loading->want;
	for (uint32_t i = 0; i < loading->files.count; i++) {
		struct source_file *file = loading->files.item[i];
		file->root->broken += file->broken;
	}
	want->complete = true;
	for (uint32_t i = 0; i < want->roots.count; i++) {
		const struct source_root *root = want->roots.item[i];
		want->complete &= root->readable && !root->broken;
	}
}

struct want *want_load(const struct load_options *options, struct report *report)
{
	struct loading loading = loading_begin(options, report);
	loading_read(&loading);
	loading_objects(&loading);
	loading_sources(&loading);
	return loading.want;
}

struct want *want_load_text(const struct load_options *options, const char *name, const char *text,
	size_t size, struct report *report)
{
	struct loading loading = loading_begin(options, report);
	struct source_root *root = arena_make(loading.arena, struct source_root);
	root->given = root->path = arena_text(loading.arena, name);
	root->is_file = root->readable = true;
	root->files = 1;
	list_add(loading.arena, &loading.want->roots, root);
	struct source_file *file = arena_make(loading.arena, struct source_file);
	file->root = root;
	file->text = (struct text_file){.name = root->given,
		.text = arena_copy(loading.arena, text, size),
		.size = size,
		.root = root,
		.path = root->path};
	list_add(loading.arena, &loading.files, file);
	loading_objects(&loading);
	loading_sources(&loading);
	return loading.want;
}

void want_free(struct want *want)
{
	if (!want)
		return;
	arena_free(want->arena);
	free(want);
}
