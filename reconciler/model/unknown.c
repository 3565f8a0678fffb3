/* What the tables do not know of a document, set aside and put back. Both directions walk the table and the
 * document side by side; what arrives is bounded in depth, because what leaves is written by recursion. */
#include "model/unknown.h"
#include <ctype.h>
#include <string.h>

enum { DEEPEST = 64 }; /* levels of a value that is kept; deeper ones become null */

struct node *node_member(const struct node *mapping, const char *key)
{
	if (!mapping || mapping->kind != NODE_MAPPING)
		return NULL;
	for (uint32_t i = 0; i + 1 < mapping->count; i += 2)
		if (text_equal(mapping->item[i]->text, key))
			return mapping->item[i + 1];
	return NULL;
}

static struct node *text_node(struct arena *arena, const char *text)
{
	struct node *node = arena_make(arena, struct node);
	*node = (struct node){
		.kind = NODE_SCALAR, .quoted = true, .text = arena_text(arena, text), .size = strlen(text)};
	return node;
}

struct node *node_add(struct arena *arena, struct node *mapping, const char *key, struct node *value)
{
	if (!mapping) {
		mapping = arena_make(arena, struct node);
		mapping->kind = NODE_MAPPING;
	}
	/* room is the next power of two, so that nothing but the count has to be kept */
	if ((mapping->count & (mapping->count - 1)) == 0) {
		struct node **item =
			arena_array(arena, struct node *, mapping->count ? mapping->count * 2 : 2);
		if (mapping->count)
			memcpy(item, mapping->item, sizeof(*item) * mapping->count);
		mapping->item = item;
	}
	mapping->item[mapping->count++] = text_node(arena, key);
	mapping->item[mapping->count++] = value;
	return mapping;
}

static struct node *node_copy(struct arena *arena, const struct node *node, int depth)
{
	struct node *copy = arena_make(arena, struct node);
	if (depth > DEEPEST) {
		copy->kind = NODE_NULL;
		return copy;
	}
	*copy = *node;
	copy->text = node->text ? arena_copy(arena, node->text, node->size) : NULL;
	copy->item = arena_array(arena, struct node *, node->count);
	for (uint32_t i = 0; i < node->count; i++)
		copy->item[i] = node_copy(arena, node->item[i], depth + 1);
	return copy;
}

static struct node *unknown_elements(struct arena *arena, const struct type *type, const struct node *list)
{
	struct node *unknown = NULL;
	for (uint32_t i = 0; list->kind == NODE_SEQUENCE && i < list->count; i++) {
		struct node *below = unknown_keys(arena, type, list->item[i]);
		if (!below)
			continue;
		const struct node *key = type->key ? node_member(list->item[i], type->key) : NULL;
		const char *name = key && key->text ? key->text : arena_format(arena, "%u", i);
		unknown = node_add(arena, unknown, name, below);
	}
	return unknown;
}

struct node *unknown_keys(struct arena *arena, const struct type *type, const struct node *node)
{
	struct node *unknown = NULL;
	for (uint32_t i = 0; node->kind == NODE_MAPPING && i + 1 < node->count; i += 2) {
		const char *key = node->item[i]->text;
		const struct node *value = node->item[i + 1];
		const struct field *field = type_field(type, key);
		struct node *below = NULL;
		if (!field)
			below = node_copy(arena, value, 0);
		else if (field->shape == SHAPE_One)
			below = unknown_keys(arena, field->of, value);
		else if (field->shape == SHAPE_Many)
			below = unknown_elements(arena, field->of, value);
		if (below)
			unknown = node_add(arena, unknown, key, below);
	}
	return unknown;
}

const char *element_name(struct arena *arena, const struct type *type, const void *object, uint32_t place)
{
	int index = type->key ? type_index(type, type->key) : -1;
	if (index >= 0 && *field_mark(type, index, object) && type->fields[index].shape == SHAPE_Text)
		return *(const char **)field_value(&type->fields[index], object);
	return arena_format(arena, "%u", place);
}

/* A scalar without quotes is written as it stands only if JSON knows it: a number that cJSON could not hold
 * has become "inf". */
static bool is_literal(const char *text)
{
	return strcmp(text, "true") == 0 || strcmp(text, "false") == 0 ||
	       isdigit((unsigned char)text[*text == '-']);
}

void node_json(struct json *json, const char *key, const struct node *node)
{
	switch (node->kind) {
	case NODE_NULL:
		json_null(json, key);
		break;
	case NODE_SCALAR:
		if (!node->quoted && is_literal(node->text))
			json_raw(json, key, node->text);
		else
			json_text(json, key, node->text);
		break;
	case NODE_SEQUENCE:
		json_open_array(json, key);
		for (uint32_t i = 0; i < node->count; i++)
			node_json(json, NULL, node->item[i]);
		json_close(json, ']');
		break;
	case NODE_MAPPING:
		json_open_object(json, key);
		for (uint32_t i = 0; i + 1 < node->count; i += 2)
			node_json(json, node->item[i]->text, node->item[i + 1]);
		json_close(json, '}');
		break;
	}
}

static void elements_json(struct json *json, const char *key, const struct type *type,
	const struct list *list, const struct node *unknown)
{
	ARENA_SCOPED names = arena_new();
	json_open_array(json, key);
	for (uint32_t i = 0; i < list->count; i++)
		object_json_whole(json, NULL, type, list->item[i],
			node_member(unknown, element_name(names, type, list->item[i], i)));
	json_close(json, ']');
}

void members_json(struct json *json, const struct type *type, const void *object, const struct node *unknown)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		if (!*field_mark(type, i, object))
			continue;
		const void *value = field_value(field, object);
		const struct node *below = node_member(unknown, field->key);
		if (below && field->shape == SHAPE_One && *(void *const *)value)
			object_json_whole(json, field->key, field->of, *(void *const *)value, below);
		else if (below && field->shape == SHAPE_Many)
			elements_json(json, field->key, field->of, value, below);
		else
			value_json(json, field->key, field, value);
	}
	for (uint32_t i = 0; unknown && i + 1 < unknown->count; i += 2)
		if (!type_field(type, unknown->item[i]->text))
			node_json(json, unknown->item[i]->text, unknown->item[i + 1]);
}

void object_json_whole(struct json *json, const char *key, const struct type *type, const void *object,
	const struct node *unknown)
{
	if (!unknown) {
		object_json(json, key, type, object);
		return;
	}
	json_open_object(json, key);
	members_json(json, type, object, unknown);
	json_close(json, '}');
}
