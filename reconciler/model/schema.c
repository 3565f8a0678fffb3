/* Descriptors: the tables of schema/ as data, for everything that is driven by them (decoding, defaults,
 * diff, JSON, JSON Schema, the reference page). The words of the .def files get their meaning here: each sets
 * a member of struct field or struct type. */
#include "model/schema.h"
#include "model/effect.h"
#include "model/format.h"
#include "model/quantity.h"
#include <string.h>

const struct mark mark_observed = {0}, mark_derived = {0};

#define CHOICES(name) const char *const choice_##name[] = {
#define CHOICE(name, identifier, text) text,
#define CHOICES_END(name)                                                                                    \
	NULL                                                                                                 \
	}                                                                                                    \
	;
#include "schema/choices.def"
#undef CHOICES
#undef CHOICE
#undef CHOICES_END

/* the fourth column: role or effect */
#define KEY .role = ROLE_KEY
#define POLICY .role = ROLE_POLICY
#define OBSERVED .role = ROLE_OBSERVED
#define LIVE .effect = level_live
#define RESTART .effect = level_restart
#define RECREATE .effect = level_recreate
#define BY(f) .by = effect_##f
/* traits of fields */
#define REQUIRED .required = true
#define AT_CREATE .at_create = true
#define LATER .later = true
#define FLEETING .fleeting = true
#define ONCE_SET .once_set = true
#define LATER_FROM(word) .later_from = (word)
#define RANGE(low, high) .min = (low), .max = (high)
#define MULTIPLE(n) .multiple = (n)
#define DEFAULT_INT(n) .has_default = true, .default_number = (n)
#define DEFAULT_TEXT(t) .has_default = true, .default_text = (t)
#define AT_LEAST(n) .at_least = (n)
#define WITH(k) .with = #k
#define EXCLUDES(k) .excludes = #k
#define VERB(v) .verb = verb_##v
#define IS(f) .format = &format_##f
#define CHOICES_OF(c) .choices = choice_##c
/* traits of types */
#define PLAIN .one_of = false
#define SHORTHAND(m) .shorthand = #m
#define ONE_OF .one_of = true
#define ONE_OF_SHORTHAND(m) .one_of = true, .shorthand = #m
#define KEYED(m) .key = #m

#define OF_Text
#define OF_Secret
#define OF_Int
#define OF_Bool
#define OF_Size
#define OF_Duration
#define OF_Choice
#define OF_Texts
#define OF_Map
#define OF_One(T) .of = &type_##T,
#define OF_Many(T) .of = &type_##T,
#define SHAPE_One(T) SHAPE_One
#define SHAPE_Many(T) SHAPE_Many

#define TYPE(T, ...) static const struct field fields_##T[] = {
/* the prose stands in the variadic part, so that a row without traits is no empty argument */
#define FIELD(T, k, s, e, ...)                                                                               \
	{.key = #k, .offset = offsetof(struct T, k), .shape = SHAPE_##s, OF_##s e, .prose = __VA_ARGS__},
#define END(T)                                                                                               \
	}                                                                                                    \
	;
#include "schema/all.def"
#undef TYPE
#undef FIELD
#undef END

#define TYPE(T, traits, words)                                                                               \
	const struct type type_##T = {.name = #T,                                                            \
		.fields = fields_##T,                                                                        \
		.count = sizeof fields_##T / sizeof *fields_##T,                                             \
		.size = sizeof(struct T),                                                                    \
		.prose = (words),                                                                            \
		traits};
#define FIELD(...)
#define END(T)
#include "schema/all.def"
#undef TYPE
#undef FIELD
#undef END

const char *const kind_name[KINDS + 1] = {"Domain", "Volume", "Image", "Host", NULL};

const struct type *kind_type(enum kind kind)
{
	static const struct type *const types[KINDS] = {&type_Domain, &type_Volume, &type_Image, &type_Host};
	return types[kind];
}

int type_index(const struct type *type, const char *key)
{
	for (int i = 0; i < type->count; i++)
		if (type->fields[i].key[0] == key[0] && strcmp(type->fields[i].key, key) == 0)
			return i;
	return -1;
}

const struct field *type_field(const struct type *type, const char *key)
{
	int index = type_index(type, key);
	return index < 0 ? NULL : &type->fields[index];
}

static void set_default(const struct field *field, void *value)
{
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		*(const char **)value = field->default_text;
		break;
	case SHAPE_Int:
	case SHAPE_Size:
	case SHAPE_Duration:
		*(int64_t *)value = field->default_number;
		break;
	case SHAPE_Choice:
		*(int *)value = (int)field->default_number;
		break;
	case SHAPE_Bool:
		*(bool *)value = field->default_number != 0;
		break;
	case SHAPE_One:
	case SHAPE_Many:
	case SHAPE_Texts:
	case SHAPE_Map:
		break; /* no defaults of their own: what they hold has them */
	}
}

void *type_new(struct arena *arena, const struct type *type)
{
	void *object = arena_alloc(arena, type->size);
	for (int i = 0; i < type->count; i++)
		if (type->fields[i].has_default)
			set_default(&type->fields[i], field_value(&type->fields[i], object));
	return object;
}

const struct mark *type_mark(const struct type *type, const void *object)
{
	for (int i = 0; i < type->count; i++) {
		const struct mark *mark = *field_mark(type, i, object);
		if (mark && mark->file)
			return mark;
	}
	return NULL;
}

int choice_find(const char *const *choices, const char *word)
{
	for (int i = 0; choices[i]; i++)
		if (*choices[i] == *word && strcmp(choices[i], word) == 0)
			return i;
	return -1;
}

size_t choice_count(const char *const *choices)
{
	size_t count = 0;
	while (choices[count])
		count++;
	return count;
}

const char *layer_key(const struct Layer *layer)
{
	for (int i = 0; i < type_Layer.count; i++)
		if (*field_mark(&type_Layer, i, layer))
			return type_Layer.fields[i].key;
	return NULL;
}
