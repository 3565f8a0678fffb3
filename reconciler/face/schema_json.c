/* JSON Schema from the tables. Each type is one entry of $defs; a shorthand is an anyOf of the scalar and the
 * object, a union a oneOf of its keys. What the language cannot say (rules across fields, bounds of
 * quantities) is left to `xensteer validate`, so a document that fails here fails there too. */
#include "face/schema_print.h"
#include "model/format.h"
#include <string.h>

static const char size_pattern[] = "^[0-9]+(KiB|MiB|GiB|TiB|Ki|Mi|Gi|Ti|kB|MB|GB|TB|B)$";
static const char duration_pattern[] = "^[0-9]+(s|m|h)$";

bool schema_shows(const struct field *field)
{
	return field->role != ROLE_OBSERVED;
}

enum kind schema_kind(const struct type *type)
{
	for (int kind = 0; kind < KINDS; kind++) {
		if (kind_type((enum kind)kind) == type)
			return (enum kind)kind;
	}
	return KINDS;
}

static void add_type(struct arena *arena, struct list *types, const struct type *type)
{
	for (uint32_t i = 0; i < types->count; i++) {
		if (types->item[i] == type)
			return;
	}
	list_add(arena, types, (void *)type);
	for (int i = 0; i < type->count; i++) {
		if (type->fields[i].of && schema_shows(&type->fields[i]))
			add_type(arena, types, type->fields[i].of);
	}
}

struct list schema_types(struct arena *arena)
{
	struct list types = {0};

	for (int kind = 0; kind < KINDS; kind++)
		add_type(arena, &types, kind_type((enum kind)kind));
	return types;
}

static void reference(struct json *json, const char *key, const struct type *type)
{
	char text[128];

	snprintf(text, sizeof text, "#/$defs/%s", type->name);
	if (key)
		json_open_flat_object(json, key);
	json_text(json, "$ref", text);
	if (key)
		json_close(json, '}');
}

/* A text without a format of its own is still one line. */
static const char *pattern_of(const struct format *format)
{
	return format ? format->pattern : format_line.pattern;
}

static void text_json(struct json *json, const struct format *format)
{
	json_text(json, "type", "string");
	json_text(json, "pattern", pattern_of(format));
}

static void number_json(struct json *json, const struct field *field)
{
	json_text(json, "type", "integer");
	if (field->max > 0) {
		json_int(json, "minimum", field->min);
		json_int(json, "maximum", field->max);
	}
}

static void choices_json(struct json *json, const struct field *field)
{
	json_open_flat_array(json, "enum");
	for (size_t i = 0; field->choices[i]; i++)
		json_text(json, NULL, field->choices[i]);
	json_close(json, ']');
}

/* Values of a map: what struct value can hold. `pattern` and `items` only speak of texts and lists. */
static void map_json(struct json *json, const struct field *field)
{
	json_text(json, "type", "object");
	json_open_flat_object(json, "propertyNames");
	json_text(json, "pattern", pattern_of(field->format));
	json_close(json, '}');
	json_open_flat_object(json, "additionalProperties");
	json_open_array(json, "type");
	json_text(json, NULL, "integer");
	json_text(json, NULL, "boolean");
	json_text(json, NULL, "string");
	json_text(json, NULL, "array");
	json_close(json, ']');
	json_text(json, "pattern", pattern_of(NULL));
	json_open_object(json, "items");
	text_json(json, NULL);
	json_close(json, '}');
	json_close(json, '}');
}

static void list_json(struct json *json, const struct field *field)
{
	json_text(json, "type", "array");
	if (field->at_least > 0)
		json_int(json, "minItems", field->at_least);
	if (field->of) {
		reference(json, "items", field->of);
		return;
	}
	json_open_flat_object(json, "items");
	text_json(json, field->format);
	json_close(json, '}');
}

static void default_json(struct json *json, const struct field *field)
{
	/* The four ways in which a default is stored, by the C type that value_json expects behind its
	 * pointer. */
	int64_t number = field->default_number;
	int choice = (int)field->default_number;
	bool truth = field->default_number != 0;
	const char *text = field->default_text;
	const void *value = &number;

	if (!field->has_default)
		return;
	if (field->shape == SHAPE_Choice)
		value = &choice;
	else if (field->shape == SHAPE_Bool)
		value = &truth;
	else if (field->shape == SHAPE_Text)
		value = &text;
	value_json(json, "default", field, value);
}

/* The keywords of one field, inside an object that is open. */
static void field_json(struct json *json, const struct field *field)
{
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		text_json(json, field->format);
		break;
	case SHAPE_Int:
		number_json(json, field);
		break;
	case SHAPE_Bool:
		json_text(json, "type", "boolean");
		break;
	case SHAPE_Size:
		json_text(json, "type", "string");
		json_text(json, "pattern", size_pattern);
		break;
	case SHAPE_Duration:
		json_text(json, "type", "string");
		json_text(json, "pattern", duration_pattern);
		break;
	case SHAPE_Choice:
		choices_json(json, field);
		break;
	case SHAPE_One:
		reference(json, NULL, field->of);
		break;
	case SHAPE_Many:
	case SHAPE_Texts:
		list_json(json, field);
		break;
	case SHAPE_Map:
		map_json(json, field);
		break;
	}
	json_text(json, "description", field->prose);
	default_json(json, field);
}

static void property_json(struct json *json, const struct type *type, const struct field *field)
{
	enum kind kind = schema_kind(type);

	json_open_object(json, field->key);
	if (kind != KINDS && strcmp(field->key, "apiVersion") == 0) {
		json_text(json, "const", "xensteer/v1");
		json_text(json, "description", field->prose);
	} else if (kind != KINDS && strcmp(field->key, "kind") == 0) {
		json_text(json, "const", kind_name[kind]);
		json_text(json, "description", field->prose);
	} else {
		field_json(json, field);
	}
	json_close(json, '}');
}

static void required_json(struct json *json, const struct type *type)
{
	bool open = false;

	for (int i = 0; i < type->count; i++) {
		if (!type->fields[i].required || !schema_shows(&type->fields[i]))
			continue;
		if (!open)
			json_open_flat_array(json, "required");
		open = true;
		json_text(json, NULL, type->fields[i].key);
	}
	if (open)
		json_close(json, ']');
}

/* Exactly one of the keys that stand on their own. */
static void one_of_json(struct json *json, const struct type *type)
{
	if (!type->one_of)
		return;
	json_open_array(json, "oneOf");
	for (int i = 0; i < type->count; i++) {
		if (!schema_shows(&type->fields[i]) || type->fields[i].with)
			continue;
		json_open_flat_object(json, NULL);
		json_open_array(json, "required");
		json_text(json, NULL, type->fields[i].key);
		json_close(json, ']');
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void with_json(struct json *json, const struct type *type)
{
	bool open = false;

	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];

		if (!field->with || !schema_shows(field))
			continue;
		if (!open)
			json_open_object(json, "dependentRequired");
		open = true;
		json_open_flat_array(json, field->key);
		json_text(json, NULL, field->with);
		json_close(json, ']');
	}
	if (open)
		json_close(json, '}');
}

static void excludes_json(struct json *json, const struct type *type)
{
	bool open = false;

	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];

		if (!field->excludes || !schema_shows(field))
			continue;
		if (!open)
			json_open_array(json, "allOf");
		open = true;
		json_open_flat_object(json, NULL);
		json_open_object(json, "not");
		json_open_array(json, "required");
		json_text(json, NULL, field->key);
		json_text(json, NULL, field->excludes);
		json_close(json, ']');
		json_close(json, '}');
		json_close(json, '}');
	}
	if (open)
		json_close(json, ']');
}

static void object_keywords(struct json *json, const struct type *type)
{
	json_text(json, "type", "object");
	json_open_object(json, "properties");
	for (int i = 0; i < type->count; i++) {
		if (schema_shows(&type->fields[i]))
			property_json(json, type, &type->fields[i]);
	}
	json_close(json, '}');
	json_bool(json, "additionalProperties", false);
	required_json(json, type);
	one_of_json(json, type);
	with_json(json, type);
	excludes_json(json, type);
}

static void type_json(struct json *json, const struct type *type)
{
	json_open_object(json, type->name);
	json_text(json, "description", type->prose);
	if (!type->shorthand) {
		object_keywords(json, type);
	} else {
		json_open_array(json, "anyOf");
		json_open_object(json, NULL);
		field_json(json, type_field(type, type->shorthand));
		json_close(json, '}');
		json_open_object(json, NULL);
		object_keywords(json, type);
		json_close(json, '}');
		json_close(json, ']');
	}
	json_close(json, '}');
}

void schema_json(struct json *json)
{
	ARENA_SCOPED arena = arena_new();
	struct list types = schema_types(arena);

	json_open_object(json, NULL);
	json_text(json, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_text(json, "title", "xensteer/v1");
	json_text(json, "description", "A document of xensteer's manifests");
	json_open_array(json, "oneOf");
	for (int kind = 0; kind < KINDS; kind++) {
		json_open_flat_object(json, NULL);
		reference(json, NULL, kind_type((enum kind)kind));
		json_close(json, '}');
	}
	json_close(json, ']');
	json_open_object(json, "$defs");
	for (uint32_t i = 0; i < types.count; i++)
		type_json(json, types.item[i]);
	json_close(json, '}');
	json_close(json, '}');
	json_end(json);
}
