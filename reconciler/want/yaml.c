/* libyaml's events, one document at a time, into a tree of nodes. The characters are judged before libyaml
 * sees them, so that a wrong byte is reported at its place. Errors that leave the structure whole (a
 * duplicate key, a tag) are reported and reading goes on; after a syntax error, a bound that is passed or an
 * alias to nothing, the rest of the file is left unread.
 *
 * Aliases share the node that they stand for, so that a small file stays small in memory; what they would
 * grow to when expanded is added up as "weight" and refused at the alias that passes the bound. */
#include "want/yaml.h"
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { NODE_WEIGHT = 64 }; /* bytes that a node counts for when aliases are expanded */

struct anchor {
	const char *name;
	struct node *node; /* NULL while it is being read: an alias to it would hold itself */
	uint64_t weight;
	uint32_t height;
};

/* A collection whose end has not been read. */
struct frame {
	struct node *node;
	uint32_t room;
	uint64_t weight;
	uint32_t height;
	size_t anchor; /* 1 + index among the anchors, 0: none */
};

struct yaml {
	const struct text_file *file;
	struct report *report;
	yaml_parser_t parser;
	bool broken, ended;
	uint64_t expanded; /* by the aliases of all documents so far */
	const char *line;  /* where the line `line_number` begins; it follows the nodes */
	uint32_t line_number;

	/* of the document that is being read */
	struct arena *arena;
	struct frame frames[YAML_NESTING];
	uint32_t depth;
	struct anchor *anchors; /* in the arena */
	size_t anchor_count, anchor_room;
	uint64_t document_expanded;
	struct node *root;
};

static struct mark mark_of(const struct yaml *yaml, const yaml_mark_t *at)
{
	return (struct mark){
		.file = yaml->file, .line = (uint32_t)at->line + 1, .column = (uint32_t)at->column + 1};
}

/* Reports and says that nothing more can be read. */
#define give_up(yaml, mark, hint, ...)                                                                       \
	((yaml)->broken = (yaml)->ended = true,                                                              \
		report_error((yaml)->report, (mark), NULL, (hint), __VA_ARGS__))

/* Bytes of a line break as libyaml counts them, 0 for any other character. */
static size_t break_length(const char *at, size_t size, uint32_t code)
{
	if (code == '\r')
		return size > 1 && at[1] == '\n' ? 2 : 1;
	return code == '\n' ? 1 : code == 0x85 ? 2 : code == 0x2028 || code == 0x2029 ? 3 : 0;
}

static bool is_allowed(uint32_t code)
{
	if (code < 0x20)
		return code == '\t' || code == '\n' || code == '\r';
	return code != 0x7f && (code < 0x80 || code >= 0xa0 || code == 0x85) && code != 0xfffe &&
	       code != 0xffff && code != 0xfeff;
}

/* Judges every character from `start`; false with a diagnostic at the first that no manifest may hold. */
static bool characters_judge(struct yaml *yaml, size_t start)
{
	const char *text = yaml->file->text;
	size_t size = yaml->file->size;
	struct mark mark = {.file = yaml->file, .line = 1, .column = 1};
	for (size_t at = start; at < size;) {
		unsigned char byte = (unsigned char)text[at];
		if (byte >= 0x20 && byte < 0x7f) {
			mark.column++;
			at++;
			continue;
		}
		uint32_t code = 0;
		size_t length = text_character(text + at, size - at, &code);
		if (!length)
			return give_up(
				yaml, &mark, "save the file as UTF-8", "byte 0x%02x is not UTF-8", byte);
		if (!is_allowed(code))
			return give_up(yaml, &mark, NULL, "%s (U+%04X) is not allowed",
				code == 0 ? "a NUL byte" : "a control character", code);
		size_t line_break = break_length(text + at, size - at, code);
		if (line_break) {
			mark.line++;
			mark.column = 1;
			at += line_break;
		} else {
			mark.column++;
			at += length;
		}
	}
	return true;
}

/* Where the line of a mark begins. Marks come in order, but for the few that libyaml looks back for. */
static const char *line_start(struct yaml *yaml, const struct mark *mark)
{
	const char *end = yaml->file->text + yaml->file->size;
	while (yaml->line_number < mark->line && yaml->line < end) {
		uint32_t code = 0;
		unsigned char byte = (unsigned char)*yaml->line;
		size_t length = 1;
		if (byte >= 0x20 && byte < 0x80) {
			yaml->line++;
			continue;
		}
		if (byte >= 0x80)
			length = text_character(yaml->line, (size_t)(end - yaml->line), &code);
		else
			code = byte;
		size_t line_break = break_length(yaml->line, (size_t)(end - yaml->line), code);
		yaml->line += line_break ? line_break : length;
		yaml->line_number += line_break > 0;
	}
	return yaml->line_number == mark->line ? yaml->line : NULL;
}

struct yaml *yaml_open(const struct text_file *file, struct report *report)
{
	struct yaml *yaml = calloc(1, sizeof(*yaml));
	if (!yaml || !yaml_parser_initialize(&yaml->parser))
		memory_ended();
	yaml->file = file;
	yaml->report = report;
	size_t start = file->size >= 3 && memcmp(file->text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
	if (!characters_judge(yaml, start))
		return yaml;
	yaml->line = file->text + start;
	yaml->line_number = 1;
	yaml_parser_set_encoding(&yaml->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
		&yaml->parser, (const unsigned char *)file->text + start, file->size - start);
	return yaml;
}

void yaml_close(struct yaml *yaml)
{
	if (!yaml)
		return;
	yaml_parser_delete(&yaml->parser);
	free(yaml);
}

bool yaml_broken(const struct yaml *yaml)
{
	return yaml->broken;
}

/* What libyaml says, in one line, with the construct that it was reading where that stands elsewhere. */
static bool syntax_error(struct yaml *yaml)
{
	const yaml_parser_t *parser = &yaml->parser;
	if (parser->error == YAML_MEMORY_ERROR)
		memory_ended();
	struct mark mark = mark_of(yaml, &parser->problem_mark);
	const char *problem = parser->problem ? parser->problem : "unreadable";
	const char *hint = NULL;
	if (strstr(problem, "cannot start any token") && parser->buffer.pointer < parser->buffer.last) {
		if (*parser->buffer.pointer == '\t')
			hint = "indent with spaces, not with tabs";
		else if (strchr("@`%", *parser->buffer.pointer))
			hint = "quote a text that begins with this character";
	}
	if (parser->context && parser->context_mark.line != parser->problem_mark.line)
		return give_up(yaml, &mark, hint, "not YAML: %s (%s from line %zu)", problem, parser->context,
			parser->context_mark.line + 1);
	return give_up(yaml, &mark, hint, "not YAML: %s", problem);
}

static struct frame *frame_top(struct yaml *yaml)
{
	return yaml->depth ? &yaml->frames[yaml->depth - 1] : NULL;
}

/* Does the next node stand for a key? */
static bool is_key(struct yaml *yaml)
{
	struct frame *frame = frame_top(yaml);
	return frame && frame->node->kind == NODE_MAPPING && frame->node->count % 2 == 0;
}

static size_t anchor_open(struct yaml *yaml, const yaml_char_t *name)
{
	if (!name)
		return 0;
	if (yaml->anchor_count == yaml->anchor_room) {
		size_t room = yaml->anchor_room ? 2 * yaml->anchor_room : 8;
		struct anchor *anchors = arena_array(yaml->arena, struct anchor, room);
		if (yaml->anchor_count)
			memcpy(anchors, yaml->anchors, sizeof(*anchors) * yaml->anchor_count);
		yaml->anchors = anchors;
		yaml->anchor_room = room;
	}
	yaml->anchors[yaml->anchor_count].name = arena_text(yaml->arena, (const char *)name);
	return ++yaml->anchor_count;
}

static void anchor_close(
	struct yaml *yaml, size_t anchor, struct node *node, uint64_t weight, uint32_t height)
{
	if (!anchor)
		return;
	struct anchor *closed = &yaml->anchors[anchor - 1];
	closed->node = node;
	closed->weight = weight;
	closed->height = height;
}

/* Puts a finished node into the collection that is open, or makes it the root. */
static bool node_add(struct yaml *yaml, struct node *node, uint64_t weight, uint32_t height)
{
	struct frame *frame = frame_top(yaml);
	if (!frame) {
		yaml->root = node;
		return true;
	}
	struct node *parent = frame->node;
	if (is_key(yaml) && node->kind != NODE_SCALAR) {
		yaml->broken = true;
		report_error(yaml->report, &node->mark, NULL, NULL, "a key must be text");
	}
	if (parent->count == frame->room) {
		uint32_t room = frame->room ? 2 * frame->room : 8;
		struct node **items = arena_array(yaml->arena, struct node *, room);
		if (parent->count)
			memcpy(items, parent->item, sizeof(*items) * parent->count);
		parent->item = items;
		frame->room = room;
	}
	parent->item[parent->count++] = node;
	frame->weight += weight;
	if (frame->height < height + 1)
		frame->height = height + 1;
	return true;
}

static bool is_null(const char *text)
{
	return !*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
	       strcmp(text, "NULL") == 0;
}

/* Only the tags that say what a node is anyway; *is_text: !!str or ! makes a plain scalar a text. */
static void tag_judge(struct yaml *yaml, const yaml_char_t *tag, enum node_kind kind, const struct mark *mark,
	bool *is_text)
{
	static const char prefix[] = "tag:yaml.org,2002:";
	static const char *const scalars[] = {"str", "int", "bool", "null", "float", NULL};
	if (!tag)
		return;
	const char *name = (const char *)tag;
	if (strcmp(name, "!") == 0) {
		*is_text = kind == NODE_SCALAR;
		return;
	}
	if (text_starts(name, prefix)) {
		name += sizeof(prefix) - 1;
		*is_text = strcmp(name, "str") == 0;
		if (kind == NODE_SCALAR ? choice_find(scalars, name) >= 0
					: strcmp(name, kind == NODE_MAPPING ? "map" : "seq") == 0)
			return;
	}
	yaml->broken = true;
	report_error(yaml->report, mark, NULL, "leave the tag out", "the tag '%s' means nothing here", name);
}

static bool scalar_read(struct yaml *yaml, const yaml_event_t *event)
{
	struct mark mark = mark_of(yaml, &event->start_mark);
	size_t size = event->data.scalar.length;
	if (size > YAML_TEXT_LIMIT)
		return give_up(yaml, &mark, NULL, "a text of %zu bytes: at most %d are allowed", size,
			YAML_TEXT_LIMIT);
	if (memchr(event->data.scalar.value, '\0', size))
		return give_up(yaml, &mark, NULL, "a text with a NUL character in it");

	bool is_text = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	tag_judge(yaml, event->data.scalar.tag, NODE_SCALAR, &mark, &is_text);
	struct node *node = arena_make(yaml->arena, struct node);
	node->quoted = is_text;
	node->mark = mark;
	node->line = line_start(yaml, &mark);
	node->text = arena_copy(yaml->arena, (const char *)event->data.scalar.value, size);
	node->size = size;
	bool key = is_key(yaml);
	node->kind = !is_text && !key && is_null(node->text) ? NODE_NULL : NODE_SCALAR;
	if (key && !is_text && strcmp(node->text, "<<") == 0) {
		yaml->broken = true;
		report_error(yaml->report, &mark, NULL, "write the keys out, or alias a whole value",
			"'<<' (merging) is not supported");
	}
	anchor_close(yaml, anchor_open(yaml, event->data.scalar.anchor), node, size + NODE_WEIGHT, 0);
	return node_add(yaml, node, size + NODE_WEIGHT, 0);
}

static bool alias_read(struct yaml *yaml, const yaml_event_t *event)
{
	struct mark mark = mark_of(yaml, &event->start_mark);
	const char *name = (const char *)event->data.alias.anchor;
	const struct anchor *anchor = NULL;
	for (size_t i = yaml->anchor_count; i && !anchor; i--)
		if (strcmp(yaml->anchors[i - 1].name, name) == 0)
			anchor = &yaml->anchors[i - 1];
	if (!anchor)
		return give_up(yaml, &mark, NULL, "there is no anchor '&%s' before this", name);
	if (!anchor->node)
		return give_up(yaml, &mark, NULL, "'*%s' stands inside its own anchor", name);
	yaml->document_expanded += anchor->weight;
	yaml->expanded += anchor->weight;
	if (yaml->document_expanded > YAML_DOCUMENT_EXPANSION || yaml->expanded > YAML_FILE_EXPANSION)
		return give_up(yaml, &mark, NULL, "the aliases expand to more than %d MiB",
			(yaml->document_expanded > YAML_DOCUMENT_EXPANSION ? YAML_DOCUMENT_EXPANSION
									   : YAML_FILE_EXPANSION) >>
				20);
	if (yaml->depth + anchor->height > YAML_NESTING)
		return give_up(yaml, &mark, NULL, "nested more than %d levels deep", YAML_NESTING);

	/* a node of its own, with the items shared: its mark is where the alias stands, as the author sees it
	 */
	struct node *node = arena_make(yaml->arena, struct node);
	*node = *anchor->node;
	if (is_key(yaml) && node->kind == NODE_NULL)
		node->kind = NODE_SCALAR;
	node->mark = mark;
	return node_add(yaml, node, anchor->weight, anchor->height);
}

static bool collection_open(struct yaml *yaml, enum node_kind kind, const yaml_event_t *event,
	const yaml_char_t *anchor, const yaml_char_t *tag)
{
	struct mark mark = mark_of(yaml, &event->start_mark);
	if (yaml->depth == YAML_NESTING)
		return give_up(yaml, &mark, NULL, "nested more than %d levels deep", YAML_NESTING);
	bool ignored = false;
	tag_judge(yaml, tag, kind, &mark, &ignored);
	struct node *node = arena_make(yaml->arena, struct node);
	node->kind = kind;
	node->mark = mark;
	node->text = "";
	struct frame frame = {.node = node, .weight = NODE_WEIGHT, .anchor = anchor_open(yaml, anchor)};
	yaml->frames[yaml->depth++] = frame;
	return true;
}

static void key_twice(struct yaml *yaml, const struct node *first, const struct node *second)
{
	yaml->broken = true;
	const struct node *places[] = {first, second};
	for (int i = 0; i < 2; i++)
		report_error(yaml->report, &places[i]->mark, NULL,
			arena_format(yaml->arena, "also at %s", mark_text(yaml->arena, &places[1 - i]->mark)),
			"the key '%.60s' stands here twice", first->text);
}

/* By text; equal ones in the order in which they stand. */
static int key_compare(const void *a, const void *b)
{
	const struct node *one = *(const struct node *const *)a, *other = *(const struct node *const *)b;
	int order = strcmp(one->text, other->text);
	if (order)
		return order;
	if (one->mark.line != other->mark.line)
		return one->mark.line < other->mark.line ? -1 : 1;
	return (one->mark.column > other->mark.column) - (one->mark.column < other->mark.column);
}

/* Small maps pair by pair, large ones sorted, so that no input makes this slow. */
static void keys_judge(struct yaml *yaml, const struct node *map)
{
	enum { SMALL = 24 };
	uint32_t count = map->count / 2;
	if (count <= SMALL) {
		for (uint32_t i = 2; i < map->count; i += 2)
			for (uint32_t j = 0; j < i; j += 2)
				if (map->item[i]->size == map->item[j]->size &&
					map->item[i]->kind == NODE_SCALAR &&
					map->item[j]->kind == NODE_SCALAR &&
					strcmp(map->item[i]->text, map->item[j]->text) == 0) {
					key_twice(yaml, map->item[j], map->item[i]);
					break;
				}
		return;
	}
	const struct node **keys = arena_array(yaml->arena, const struct node *, count);
	for (uint32_t i = 0; i < count; i++)
		keys[i] = map->item[(size_t)2 * i];
	qsort(keys, count, sizeof(*keys), key_compare);
	for (uint32_t i = 1; i < count; i++)
		if (keys[i]->kind == NODE_SCALAR && keys[i - 1]->kind == NODE_SCALAR &&
			strcmp(keys[i]->text, keys[i - 1]->text) == 0)
			key_twice(yaml, keys[i - 1], keys[i]);
}

static bool collection_close(struct yaml *yaml)
{
	struct frame frame = yaml->frames[--yaml->depth];
	if (frame.node->kind == NODE_MAPPING)
		keys_judge(yaml, frame.node);
	uint32_t height = frame.height ? frame.height : 1;
	anchor_close(yaml, frame.anchor, frame.node, frame.weight, height);
	return node_add(yaml, frame.node, frame.weight, height);
}

/* False when the document, or everything, has ended. */
static bool event_read(struct yaml *yaml, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return scalar_read(yaml, event);
	case YAML_ALIAS_EVENT:
		return alias_read(yaml, event);
	case YAML_SEQUENCE_START_EVENT:
		return collection_open(yaml, NODE_SEQUENCE, event, event->data.sequence_start.anchor,
			event->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return collection_open(yaml, NODE_MAPPING, event, event->data.mapping_start.anchor,
			event->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return collection_close(yaml);
	case YAML_DOCUMENT_END_EVENT:
		return false;
	case YAML_STREAM_END_EVENT:
		yaml->ended = true;
		return false;
	default:
		return true;
	}
}

struct node *yaml_next(struct yaml *yaml, struct arena *arena)
{
	yaml->arena = arena;
	yaml->depth = 0;
	yaml->anchors = NULL;
	yaml->anchor_count = yaml->anchor_room = 0;
	yaml->document_expanded = 0;
	yaml->root = NULL;
	for (bool more = !yaml->ended; more;) {
		yaml_event_t event;
		if (!yaml_parser_parse(&yaml->parser, &event)) {
			syntax_error(yaml);
			break;
		}
		more = event_read(yaml, &event);
		yaml_event_delete(&event);
	}
	return yaml->broken && yaml->ended ? NULL : yaml->root;
}
