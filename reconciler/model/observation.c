/* An Observation may hold ten thousand domains and be a hundred times larger as a tree than as objects. So
 * only its top level is walked here, by hand; each member, and each element of a list, becomes a tree of its
 * own in scratch memory that is given back at once. What is promised: the objects cost what they hold, every
 * element of a list has the key that look-ups go by, and a text that is broken anywhere is refused whole,
 * with the place. */
#include "model/observation.h"
#include "base/file.h"
#include "model/unknown.h"
#include <errno.h>
#include <stdarg.h>
#include <string.h>

enum { OBSERVATION_LARGEST = 1 << 30 };

struct reader {
	struct arena *arena;
	const struct text_file *file;
	const struct observation_options *options;
	struct report *report;
	struct report *said; /* what others say of one element, without its place */
	const char *at, *end;
	struct Observation *found;
	struct node *unknown;
	struct recent recent;
};

static struct mark place(const struct reader *reader, const char *at)
{
	struct mark mark = {.file = reader->file, .line = 1, .column = 1};
	for (const char *c = reader->file->text; c < at; c++) {
		if (*c == '\n') {
			mark.line++;
			mark.column = 1;
		} else if (((unsigned char)*c & 0xc0) != 0x80) {
			mark.column++;
		}
	}
	return mark;
}

static bool __attribute__((format(printf, 4, 5)))
broken(struct reader *reader, const char *at, const char *hint, const char *format, ...)
{
	char message[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	struct mark mark = place(reader, at);
	return report_error(reader->report, &mark, NULL, hint, "%s", message);
}

static char next(struct reader *reader)
{
	while (reader->at < reader->end &&
		(*reader->at == ' ' || *reader->at == '\t' || *reader->at == '\r' || *reader->at == '\n'))
		reader->at++;
	if (reader->at == reader->end)
		return '\0';
	return *reader->at;
}

static bool take(struct reader *reader, char bracket)
{
	if (next(reader) != bracket)
		return false;
	reader->at++;
	return true;
}

static bool misses(struct reader *reader, const char *expected)
{
	next(reader);
	if (reader->at >= reader->end)
		return broken(reader, reader->at, "was the file written to its end?",
			"the text ends where %s was expected", expected);
	return broken(reader, reader->at, NULL, "expected %s", expected);
}

static void said_forget(struct reader *reader)
{
	report_free(reader->said);
	reader->said = report_new();
}

/* The next value as a tree in scratch memory, which lives as long as *owner does; NULL with a diagnostic at
 * the place where it breaks. */
static struct node *value_read(struct reader *reader, struct arena *scratch, struct cJSON **owner)
{
	next(reader);
	const char *rest = reader->at;
	struct node *node = node_borrow_json(
		scratch, reader->at, (size_t)(reader->end - reader->at), &rest, owner, reader->said);
	reader->at = rest;
	if (node)
		return node;
	said_forget(reader);
	/* cJSON never points behind the last character */
	if (rest == reader->end - 1)
		reader->at = reader->end;
	misses(reader, "JSON");
	return NULL;
}

/* What an object is called in diagnostics: an element of a list. */
struct element {
	const char *list; /* NULL: it is none */
	uint32_t index;
};

static const char *element_text(struct arena *arena, const struct element *element)
{
	return element->list ? arena_format(arena, "%s[%u]", element->list, element->index) : NULL;
}

/* An object of a type from a tree; what the decoder says is said again with the place where the object
 * stands. */
static void *object_read(struct reader *reader, const struct type *type, const struct node *node,
	const char *at, const struct element *element)
{
	struct decode_options options = {.mark = &mark_observed, .recent = &reader->recent};
	void *object = decode(reader->arena, type, node, &options, reader->said);
	const struct diagnostic *first;
	size_t count = report_all(reader->said, &first);
	if (!count)
		return object;
	struct mark mark = place(reader, at);
	const char *what = element_text(reader->arena, element);
	for (size_t i = 0; i < count; i++)
		report_add(reader->report, object ? reader->options->wrong_value : SEVERITY_ERROR, &mark,
			what, first[i].hint, "%s", first[i].message);
	said_forget(reader);
	return object;
}

/* Look-ups go by these; an element without one would be found by nobody. */
static const char *missing_key(const struct type *type, const void *object)
{
	if (type->key && !*field_mark(type, type_index(type, type->key), object))
		return type->key;
	const struct HaveDomain *domain = object;
	for (uint32_t i = 0; type == &type_HaveDomain && domain->spec && i < domain->spec->disks.count; i++)
		if (!((struct Disk *)domain->spec->disks.item[i])->at[Disk_vdev])
			return "spec.disks[].vdev";
	return NULL;
}

static bool list_read(struct reader *reader, const struct field *field)
{
	struct list *list = field_value(field, reader->found);
	struct node *unknown = NULL;
	if (!take(reader, '['))
		return misses(reader, "a list");
	*list = (struct list){0};
	ARENA_SCOPED scratch = arena_new();
	while (!take(reader, ']')) {
		if (list->count && !take(reader, ','))
			return misses(reader, "',' or ']'");
		next(reader);
		const char *at = reader->at;
		if (*reader->at != '{')
			return misses(reader, "an object");
		arena_reset(scratch);
		NODE_OWNER_SCOPED owner = NULL;
		const struct node *node = value_read(reader, scratch, &owner);
		if (!node)
			return false;
		const struct element element = {.list = field->key, .index = list->count};
		void *object = object_read(reader, field->of, node, at, &element);
		if (!object)
			return false;
		const char *key = missing_key(field->of, object);
		if (key)
			return broken(
				reader, at, NULL, "%s has no '%s'", element_text(scratch, &element), key);
		list_add(reader->arena, list, object);
		struct node *below =
			reader->options->unknown ? unknown_keys(reader->arena, field->of, node) : NULL;
		if (below)
			unknown = node_add(reader->arena, unknown,
				element_name(scratch, field->of, object, list->count - 1), below);
	}
	if (unknown)
		reader->unknown = node_add(reader->arena, reader->unknown, field->key, unknown);
	return true;
}

/* A member that is no list: read as an Observation that has nothing else, and taken over from there. */
static bool member_read(struct reader *reader, const char *key, const struct field *field)
{
	next(reader);
	const char *at = reader->at;
	ARENA_SCOPED scratch = arena_new();
	NODE_OWNER_SCOPED owner = NULL;
	struct node *node = value_read(reader, scratch, &owner);
	if (!node)
		return false;
	struct node *alone = node_add(scratch, NULL, key, node);
	struct node *unknown =
		reader->options->unknown ? unknown_keys(reader->arena, &type_Observation, alone) : NULL;
	if (unknown)
		reader->unknown = node_add(reader->arena, reader->unknown, key, unknown->item[1]);
	if (!field)
		return true;
	struct Observation *one = object_read(reader, &type_Observation, alone, at, &(struct element){0});
	int index = type_index(&type_Observation, key);
	if (*field_mark(&type_Observation, index, one)) {
		*field_mark(&type_Observation, index, reader->found) = &mark_observed;
		size_t size = field->shape == SHAPE_Text ? sizeof(char *) : sizeof(void *);
		memcpy(field_value(field, reader->found), field_value(field, one), size);
	}
	return true;
}

static bool members_read(struct reader *reader)
{
	if (!take(reader, '{'))
		return misses(reader, "an Observation: '{'");
	for (bool first = true; !take(reader, '}'); first = false) {
		if (!first && !take(reader, ','))
			return misses(reader, "',' or '}'");
		if (next(reader) != '"')
			return misses(reader, "a key in quotes");
		ARENA_SCOPED scratch = arena_new();
		const char *at = reader->at;
		NODE_OWNER_SCOPED owner = NULL;
		const struct node *key = value_read(reader, scratch, &owner);
		if (!key)
			return false;
		if (!take(reader, ':'))
			return misses(reader, "':'");
		const struct field *field = type_field(&type_Observation, key->text);
		int index = type_index(&type_Observation, key->text);
		if (field && *field_mark(&type_Observation, index, reader->found))
			return broken(reader, at, NULL, "'%s' stands here twice", key->text);
		bool is_list = field && field->shape == SHAPE_Many && next(reader) != 'n';
		if (is_list)
			*field_mark(&type_Observation, index, reader->found) = &mark_observed;
		if (is_list ? !list_read(reader, field) : !member_read(reader, key->text, field))
			return false;
	}
	if (next(reader), reader->at < reader->end)
		return broken(reader, reader->at, NULL, "something follows the Observation");
	return true;
}

static bool is_observation(struct reader *reader)
{
	const struct Observation *found = reader->found;
	if (text_equal(found->apiVersion, "xensteer/v1") && text_equal(found->kind, "Observation"))
		return true;
	return broken(reader, reader->file->text,
		"write apiVersion xensteer/v1 and kind Observation, as `xensteer snapshot` does",
		"this is no Observation of xensteer/v1");
}

struct Observation *observation_read(struct arena *arena, const struct text_file *file,
	const struct observation_options *options, struct report *report)
{
	REPORT_SCOPED said = report_new();
	struct reader reader = {
		.arena = arena,
		.file = file,
		.options = options,
		.report = report,
		.said = said,
		.at = file->text,
		.end = file->text + file->size,
		.found = type_new(arena, &type_Observation),
	};
	bool good = members_read(&reader) && is_observation(&reader);
	said = reader.said; /* NOLINT(clang-analyzer-deadcode.DeadStores): read by the cleanup */
	if (options->unknown)
		*options->unknown = reader.unknown;
	return good ? reader.found : NULL;
}

struct Observation *observation_load(struct arena *arena, const char *path,
	const struct observation_options *options, struct report *report)
{
	struct arena *texts = arena_new();
	struct text_file *file = arena_make(texts, struct text_file);
	*file = (struct text_file){.name = arena_text(texts, path), .path = file_absolute(texts, path)};
	file->text = file_read(texts, path, OBSERVATION_LARGEST, &file->size);
	if (!file->text) {
		report_error(report, NULL, NULL, NULL, "cannot read %s: %s", path, strerror(errno));
		arena_free(texts);
		return NULL;
	}
	size_t before = report_count(report, SEVERITY_ERROR) + report_count(report, SEVERITY_WARNING);
	struct Observation *found = observation_read(arena, file, options, report);
	if (report_count(report, SEVERITY_ERROR) + report_count(report, SEVERITY_WARNING) > before)
		report_keep(report, texts);
	else
		arena_free(texts);
	return found;
}
