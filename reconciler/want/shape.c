/* What the rows of the tables say of a whole object, once it is decoded: which required fields are missing,
 * which fields stand there that cannot be done yet. Three walks over the same tree, none of which knows any
 * kind. */
#include "model/node.h"
#include "want/loading.h"

/* The keys from the root down to an object. Put together only where something is to be said: a source of ten
 * thousand guests walks here a million times. */
struct path {
	const struct path *up;
	const char *key;
};

static const char *path_text(struct arena *arena, const struct path *path)
{
	return path->up ? arena_format(arena, "%s.%s", path_text(arena, path->up), path->key) : path->key;
}

/* Visits each object that a field holds; `at` is the field's own mark. */
static void each_below(const struct field *field, const void *object,
	void (*visit)(const struct type *, const void *, const struct mark *, const struct path *, void *),
	const struct mark *at, const struct path *path, void *data)
{
	const void *value = field_value(field, object);
	if (field->shape == SHAPE_One && *(void *const *)value)
		visit(field->of, *(void *const *)value, at, path, data);
	const struct list *list = field->shape == SHAPE_Many ? value : NULL;
	for (uint32_t i = 0; list && i < list->count; i++) {
		const struct mark *own = type_mark(field->of, list->item[i]);
		visit(field->of, list->item[i], own ? own : at, path, data);
	}
}

struct requiring {
	struct loading *loading;
	struct loaded *loaded;
};

static void require(const struct type *type, const void *object, const struct mark *at,
	const struct path *path, void *data)
{
	struct requiring *requiring = data;
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		const struct mark *mark = *field_mark(type, i, object);
		const struct path below = {.up = path, .key = field->key};
		if (mark && mark != &mark_broken)
			each_below(field, object, require, mark, &below, data);
		else if (!mark && field->required)
			object_error(requiring->loading, requiring->loaded, at, NULL, "%s is missing",
				path_text(requiring->loading->arena, &below));
	}
}

void shape_require(struct loading *loading, struct loaded *loaded)
{
	struct requiring requiring = {loading, loaded};
	require(kind_type(loaded->object.kind), loaded->object.body, loaded->object.at, NULL, &requiring);
}

struct refusing {
	struct arena *arena;
	struct object *object;
};

static void refuse(
	const struct type *type, const void *body, const struct mark *at, const struct path *path, void *data)
{
	struct refusing *refusing = data;
	(void)at;
	for (int i = 0; i < type->count && !refusing->object->refused; i++) {
		const struct field *field = &type->fields[i];
		const struct mark *mark = *field_mark(type, i, body);
		const struct path below = {.up = path, .key = field->key};
		if (!mark || mark == &mark_broken)
			continue;
		int choice = field->shape == SHAPE_Choice ? *(const int *)field_value(field, body) : 0;
		bool later_word = field->later_from && choice >= field->later_from;
		if (!field->later && !later_word) {
			each_below(field, body, refuse, mark, &below, data);
			continue;
		}
		const char *text = path_text(refusing->arena, &below);
		refusing->object->refused_at = mark;
		refusing->object->refused =
			later_word ? arena_format(refusing->arena, "%s: %s", text, field->choices[choice])
				   : text;
	}
}

void shape_refuse(struct loaded *loaded, struct arena *arena)
{
	struct refusing refusing = {arena, &loaded->object};
	refuse(kind_type(loaded->object.kind), loaded->object.body, NULL, NULL, &refusing);
}

static void clean(const struct type *type, const void *object, const struct mark *at, const struct path *path,
	void *data)
{
	for (int i = 0; i < type->count; i++) {
		const struct mark **mark = field_mark(type, i, object);
		if (*mark == &mark_broken)
			*mark = NULL;
		each_below(&type->fields[i], object, clean, at, path, data);
	}
}

void shape_clean(struct loaded *loaded)
{
	clean(kind_type(loaded->object.kind), loaded->object.body, NULL, NULL, NULL);
}
