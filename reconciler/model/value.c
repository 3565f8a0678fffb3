/* Values of fields, whatever their shape: compared, written as JSON, written for people, copied. Each shape
 * knows all four, side by side, so that a new shape is one case in each. */
#include "model/quantity.h"
#include "model/schema.h"
#include <inttypes.h>
#include <string.h>

static bool texts_equal_unordered(const struct texts *want, const struct texts *have)
{
	if (want->count != have->count)
		return false;
	for (uint32_t i = 0; i < want->count; i++) {
		uint32_t there = 0, wanted = 0;
		for (uint32_t k = 0; k < want->count; k++) {
			there += strcmp(want->item[i], have->item[k]) == 0;
			wanted += strcmp(want->item[i], want->item[k]) == 0;
		}
		if (there != wanted)
			return false;
	}
	return true;
}

static bool pair_equal(const struct value *a, const struct value *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case VALUE_INT:
	case VALUE_BOOL:
		return a->number == b->number;
	case VALUE_TEXT:
		return strcmp(a->text, b->text) == 0;
	case VALUE_TEXTS:
		if (a->texts.count != b->texts.count)
			return false;
		for (uint32_t i = 0; i < a->texts.count; i++)
			if (strcmp(a->texts.item[i], b->texts.item[i]) != 0)
				return false;
		return true;
	}
	return false;
}

static bool maps_equal(const struct map *want, const struct map *have)
{
	if (want->count != have->count)
		return false;
	for (uint32_t i = 0; i < want->count; i++) {
		bool found = false;
		for (uint32_t k = 0; k < have->count && !found; k++)
			found = strcmp(want->item[i].key, have->item[k].key) == 0 &&
				pair_equal(&want->item[i].value, &have->item[k].value);
		if (!found)
			return false;
	}
	return true;
}

static bool objects_equal(const struct type *type, const void *want, const void *have)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		if (field->role != ROLE_COMPARED && field->role != ROLE_KEY)
			continue;
		if (!*field_mark(type, i, want))
			continue;
		if (!*field_mark(type, i, have) ||
			!value_equal(field, field_value(field, want), field_value(field, have)))
			return false;
	}
	return true;
}

bool value_equal(const struct field *field, const void *want, const void *have)
{
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		return text_equal(*(const char *const *)want, *(const char *const *)have);
	case SHAPE_Int:
	case SHAPE_Size:
	case SHAPE_Duration:
		return *(const int64_t *)want == *(const int64_t *)have;
	case SHAPE_Bool:
		return *(const bool *)want == *(const bool *)have;
	case SHAPE_Choice:
		return *(const int *)want == *(const int *)have;
	case SHAPE_One: {
		const void *one = *(void *const *)want, *two = *(void *const *)have;
		return one && two ? objects_equal(field->of, one, two) : one == two;
	}
	case SHAPE_Many: {
		const struct list *one = want, *two = have;
		if (one->count != two->count)
			return false;
		for (uint32_t i = 0; i < one->count; i++)
			if (!objects_equal(field->of, one->item[i], two->item[i]))
				return false;
		return true;
	}
	case SHAPE_Texts:
		return texts_equal_unordered(want, have);
	case SHAPE_Map:
		return maps_equal(want, have);
	}
	return false;
}

static bool value_same(const struct field *field, const void *one, const void *other)
{
	if (field->shape == SHAPE_One) {
		const void *a = *(void *const *)one, *b = *(void *const *)other;
		return a && b ? object_same(field->of, a, b) : a == b;
	}
	if (field->shape != SHAPE_Many)
		return value_equal(field, one, other);
	const struct list *a = one, *b = other;
	bool same = a->count == b->count;
	for (uint32_t i = 0; same && i < a->count; i++)
		same = object_same(field->of, a->item[i], b->item[i]);
	return same;
}

bool object_same(const struct type *type, const void *one, const void *other)
{
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		const bool there = *field_mark(type, i, one) != NULL;
		if (there != (*field_mark(type, i, other) != NULL))
			return false;
		if (there && !value_same(field, field_value(field, one), field_value(field, other)))
			return false;
	}
	return true;
}

static void map_json(struct json *json, const char *key, const struct map *map)
{
	json_open_object(json, key);
	for (uint32_t i = 0; i < map->count; i++) {
		const struct pair *pair = &map->item[i];
		switch (pair->value.kind) {
		case VALUE_INT:
			json_int(json, pair->key, pair->value.number);
			break;
		case VALUE_BOOL:
			json_bool(json, pair->key, pair->value.number != 0);
			break;
		case VALUE_TEXT:
			json_text(json, pair->key, pair->value.text);
			break;
		case VALUE_TEXTS:
			json_open_flat_array(json, pair->key);
			for (uint32_t k = 0; k < pair->value.texts.count; k++)
				json_text(json, NULL, pair->value.texts.item[k]);
			json_close(json, ']');
			break;
		}
	}
	json_close(json, '}');
}

static void object_write(
	struct json *json, const char *key, const struct type *type, const void *object, bool fleeting);

static void value_write(
	struct json *json, const char *key, const struct field *field, const void *value, bool fleeting)
{
	char text[32];
	switch (field->shape) {
	case SHAPE_Text:
		json_text(json, key, *(const char *const *)value);
		break;
	case SHAPE_Secret:
		json_text(json, key, "(secret)");
		break;
	case SHAPE_Int:
		json_int(json, key, *(const int64_t *)value);
		break;
	case SHAPE_Bool:
		json_bool(json, key, *(const bool *)value);
		break;
	case SHAPE_Size:
		json_text(json, key, size_text(*(const int64_t *)value, text));
		break;
	case SHAPE_Duration:
		json_text(json, key, duration_text(*(const int64_t *)value, text));
		break;
	case SHAPE_Choice:
		json_text(json, key, field->choices[*(const int *)value]);
		break;
	case SHAPE_One: {
		const void *object = *(void *const *)value;
		if (object)
			object_write(json, key, field->of, object, fleeting);
		else
			json_null(json, key);
		break;
	}
	case SHAPE_Many: {
		const struct list *list = value;
		json_open_array(json, key);
		for (uint32_t i = 0; i < list->count; i++)
			object_write(json, NULL, field->of, list->item[i], fleeting);
		json_close(json, ']');
		break;
	}
	case SHAPE_Texts: {
		const struct texts *texts = value;
		json_open_flat_array(json, key);
		for (uint32_t i = 0; i < texts->count; i++)
			json_text(json, NULL, texts->item[i]);
		json_close(json, ']');
		break;
	}
	case SHAPE_Map:
		map_json(json, key, value);
		break;
	}
}

/* An object of scalars only reads best on one line. */
static bool is_flat(const struct type *type)
{
	for (int i = 0; i < type->count; i++)
		if (type->fields[i].shape == SHAPE_One || type->fields[i].shape == SHAPE_Many ||
			type->fields[i].shape == SHAPE_Map)
			return false;
	return true;
}

static void object_write(
	struct json *json, const char *key, const struct type *type, const void *object, bool fleeting)
{
	if (is_flat(type))
		json_open_flat_object(json, key);
	else
		json_open_object(json, key);
	for (int i = 0; i < type->count; i++)
		if (*field_mark(type, i, object) && (fleeting || !type->fields[i].fleeting))
			value_write(json, type->fields[i].key, &type->fields[i],
				field_value(&type->fields[i], object), fleeting);
	json_close(json, '}');
}

void value_json(struct json *json, const char *key, const struct field *field, const void *value)
{
	value_write(json, key, field, value, true);
}

void object_json(struct json *json, const char *key, const struct type *type, const void *object)
{
	object_write(json, key, type, object, true);
}

void object_json_settled(struct json *json, const char *key, const struct type *type, const void *object)
{
	object_write(json, key, type, object, false);
}

void value_text(struct buffer *out, const struct field *field, const void *value)
{
	char text[32];
	if (!value) {
		buffer_text(out, "none");
		return;
	}
	switch (field->shape) {
	case SHAPE_Text: {
		const char *string = *(const char *const *)value;
		bool plain = *string && !strpbrk(string, " \"'\t");
		buffer_text(out, plain ? "" : "\"");
		buffer_escaped(out, string, strlen(string), 200);
		buffer_text(out, plain ? "" : "\"");
		break;
	}
	case SHAPE_Secret:
		buffer_text(out, "(secret)");
		break;
	case SHAPE_Int:
		buffer_format(out, "%" PRId64, *(const int64_t *)value);
		break;
	case SHAPE_Bool:
		buffer_text(out, *(const bool *)value ? "true" : "false");
		break;
	case SHAPE_Size:
		buffer_text(out, size_text(*(const int64_t *)value, text));
		break;
	case SHAPE_Duration:
		buffer_text(out, duration_text(*(const int64_t *)value, text));
		break;
	case SHAPE_Choice:
		buffer_text(out, field->choices[*(const int *)value]);
		break;
	case SHAPE_One:
	case SHAPE_Many:
	case SHAPE_Texts:
	case SHAPE_Map: {
		struct json json = json_to_buffer(out, false);
		value_json(&json, NULL, field, value);
		break;
	}
	}
}

static struct value pair_copy(struct arena *arena, const struct value *value)
{
	struct value copy = *value;
	copy.text = arena_text(arena, value->text);
	copy.texts.item = arena_array(arena, const char *, value->texts.count);
	for (uint32_t i = 0; i < value->texts.count; i++)
		copy.texts.item[i] = arena_text(arena, value->texts.item[i]);
	return copy;
}

static void value_copy(struct arena *arena, const struct field *field, void *into, const void *value)
{
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		*(const char **)into = arena_text(arena, *(const char *const *)value);
		break;
	case SHAPE_One: {
		const void *object = *(void *const *)value;
		*(void **)into = object ? object_copy(arena, field->of, object) : NULL;
		break;
	}
	case SHAPE_Many: {
		const struct list *list = value;
		struct list copy = {0};
		for (uint32_t i = 0; i < list->count; i++)
			list_add(arena, &copy, object_copy(arena, field->of, list->item[i]));
		*(struct list *)into = copy;
		break;
	}
	case SHAPE_Texts: {
		const struct texts *texts = value;
		struct texts copy = {
			.item = arena_array(arena, const char *, texts->count), .count = texts->count};
		for (uint32_t i = 0; i < texts->count; i++)
			copy.item[i] = arena_text(arena, texts->item[i]);
		*(struct texts *)into = copy;
		break;
	}
	case SHAPE_Map: {
		const struct map *map = value;
		struct map copy = {.item = arena_array(arena, struct pair, map->count), .count = map->count};
		for (uint32_t i = 0; i < map->count; i++)
			copy.item[i] = (struct pair){.key = arena_text(arena, map->item[i].key),
				.value = pair_copy(arena, &map->item[i].value),
				.at = map->item[i].at};
		*(struct map *)into = copy;
		break;
	}
	case SHAPE_Int:
	case SHAPE_Size:
	case SHAPE_Duration:
		*(int64_t *)into = *(const int64_t *)value;
		break;
	case SHAPE_Bool:
		*(bool *)into = *(const bool *)value;
		break;
	case SHAPE_Choice:
		*(int *)into = *(const int *)value;
		break;
	}
}

void *object_copy(struct arena *arena, const struct type *type, const void *object)
{
	void *copy = type_new(arena, type);
	memcpy(copy, object, sizeof(struct mark *) * (size_t)type->count);
	for (int i = 0; i < type->count; i++)
		value_copy(arena, &type->fields[i], field_value(&type->fields[i], copy),
			field_value(&type->fields[i], object));
	return copy;
}
