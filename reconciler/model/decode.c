/* The one decoder: nodes in, typed objects out, driven by the tables alone. A field that decodes gets its
 * value and its mark; one that does not gets a diagnostic and, in a manifest, the mark `mark_broken`, so that
 * nobody reports it missing as well. Strictly (manifests) every key must be known and every scalar be what
 * its field says; leniently (observations, records) what is not known is let pass, because a newer writer may
 * have put it there. */
#include "model/format.h"
#include "model/node.h"
#include "model/quantity.h"
#include "model/scalar.h"
#include <stdarg.h>
#include <string.h>

const struct mark mark_broken = {0};

/* Where the decoder stands, from the root of the document down; for messages only. */
struct place {
	const struct place *up;
	const char *key;  /* NULL at the root */
	const char *item; /* within a list: its key, or NULL */
};

struct decoder {
	struct arena *arena;
	const struct decode_options *options;
	struct report *report;
	const struct type *root;
};

static bool value_decode(
	struct decoder *, const struct place *, const struct field *, const struct node *, void *);

/* "spec.disks[xvda].volume" into the buffer. */
static void place_text(const struct place *place, struct buffer *out)
{
	if (!place || (!place->key && !place->up))
		return;
	place_text(place->up, out);
	if (place->key) {
		if (out->size)
			buffer_char(out, '.');
		buffer_text(out, place->key);
	}
	if (place->item) {
		buffer_char(out, '[');
		buffer_escaped(out, place->item, strlen(place->item), 40);
		buffer_char(out, ']');
	}
}

/* "PLACE: MESSAGE" at the node. */
static bool __attribute__((format(printf, 5, 6))) wrong(struct decoder *decoder, const struct place *place,
	const struct node *node, const char *hint, const char *format, ...)
{
	BUFFER_SCOPED text = {0};
	place_text(place, &text);
	if (text.size)
		buffer_text(&text, ": ");
	va_list arguments;
	va_start(arguments, format);
	char message[512];
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	buffer_text(&text, message);
	const struct decode_options *options = decoder->options;
	return report_error(decoder->report, options->strict ? &node->mark : options->mark, options->object,
		hint, "%s", buffer_string(&text));
}

/* What a field expects, as the end of "expected ...". */
static const char *expected_text(struct decoder *decoder, const struct field *field)
{
	BUFFER_SCOPED words = {0};
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		return field->format ? field->format->expected : "text";
	case SHAPE_Int:
		return "a number";
	case SHAPE_Bool:
		return "true or false";
	case SHAPE_Size:
		return "a size such as 512MiB";
	case SHAPE_Duration:
		return "a duration such as 90s";
	case SHAPE_One:
		return field->of->shorthand ? "a map or a single value" : "a map";
	case SHAPE_Many:
		return "a list";
	case SHAPE_Texts:
		return "a list of texts";
	case SHAPE_Map:
		return "a map";
	case SHAPE_Choice:
		buffer_text(&words, "one of ");
		for (int i = 0; field->choices[i]; i++)
			buffer_format(&words, "%s%s", i ? ", " : "", field->choices[i]);
		return arena_text(decoder->arena, buffer_string(&words));
	}
	return "";
}

/* What stands there, as the end of "found ...". */
static const char *found_text(struct decoder *decoder, const struct node *node)
{
	switch (node->kind) {
	case NODE_SEQUENCE:
		return "a list";
	case NODE_MAPPING:
		return "a map";
	case NODE_NULL:
		return "nothing";
	case NODE_SCALAR:
		break;
	}
	BUFFER_SCOPED text = {0};
	buffer_escaped(&text, node->text, node->size, 60);
	return arena_format(decoder->arena, "'%s'", buffer_string(&text));
}

static bool unexpected(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, const char *hint)
{
	return wrong(decoder, place, node, hint, "expected %s, found %s", expected_text(decoder, field),
		field->shape == SHAPE_Secret && node->kind == NODE_SCALAR ? "something else"
									  : found_text(decoder, node));
}

static bool is_strict(const struct decoder *decoder)
{
	return decoder->options->strict;
}

/* What is said about this line later must not show the secret in its excerpt: from here to its end the text
 * that excerpts are taken from is overwritten. The reader is past it. */
static void secret_hide(const struct node *node)
{
	const struct text_file *file = node->mark.file;
	if (!file || !node->line)
		return;
	char *at = (char *)node->line, *end = (char *)file->text + file->size;
	for (uint32_t column = 1; at < end && column < node->mark.column; column++) {
		uint32_t code;
		size_t length = text_character(at, (size_t)(end - at), &code);
		at += length ? length : 1;
	}
	for (; at < end && *at != '\n' && *at != '\r'; at++)
		*at = '*';
}

/* A text without a format of its own still holds no control characters: it ends in configuration files. */
static bool text_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, const char **out)
{
	if (field->shape == SHAPE_Secret && is_strict(decoder))
		secret_hide(node);
	if (node->kind != NODE_SCALAR)
		return unexpected(decoder, place, field, node, NULL);
	if (is_strict(decoder)) {
		const char *other = scalar_other(node);
		bool is_time = other && field->format && strcmp(field->format->name, "time") == 0;
		if (other && !is_time)
			return wrong(decoder, place, node, "quote it",
				"expected text, but YAML reads %s as %s",
				field->shape == SHAPE_Secret ? "this" : found_text(decoder, node), other);
		if (field->format && !field->format->is(node->text))
			return unexpected(decoder, place, field, node, NULL);
		if (!field->format && !format_line.is(node->text))
			return wrong(
				decoder, place, node, NULL, "expected one line without control characters");
	}
	*out = arena_copy(decoder->arena, node->text, node->size);
	return true;
}

/* A value outside RANGE; the bounds are shown as people write them. */
static bool out_of_range(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node)
{
	char low[32], high[32];
	if (field->shape == SHAPE_Size) {
		size_text(field->min, low);
		size_text(field->max, high);
	} else if (field->shape == SHAPE_Duration) {
		duration_text(field->min, low);
		duration_text(field->max, high);
	} else {
		snprintf(low, sizeof(low), "%lld", (long long)field->min);
		snprintf(high, sizeof(high), "%lld", (long long)field->max);
	}
	return wrong(decoder, place, node, NULL, "%.40s is out of range: %s to %s", node->text, low, high);
}

/* A large bare number was meant in bytes, a small one in the unit that people leave out. */
static const char *unit_hint(struct decoder *decoder, int64_t number, bool is_size)
{
	char text[32];
	if (number < 0)
		return NULL;
	if (!is_size)
		return arena_format(decoder->arena, "write %llds", (long long)number);
	if (number < MiB)
		return arena_format(decoder->arena, "write %lldMiB", (long long)number);
	return arena_format(decoder->arena, "write %s", size_text(number, text));
}

static bool number_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, int64_t *out)
{
	const char *expected;
	bool good = node->kind == NODE_SCALAR;
	if (good && field->shape == SHAPE_Int) {
		if (is_strict(decoder) && node->quoted)
			return unexpected(decoder, place, field, node,
				scalar_integer(node->text, out) ? "without the quotes" : NULL);
		good = scalar_integer(node->text, out);
		if (!good && node->text[0] == '0')
			return unexpected(decoder, place, field, node, "write it in decimals");
	} else if (good) {
		bool is_size = field->shape == SHAPE_Size;
		int64_t bare;
		if (scalar_integer(node->text, &bare))
			return wrong(decoder, place, node, unit_hint(decoder, bare, is_size),
				"%s has no unit", is_size ? "the size" : "the duration");
		good = is_size ? size_parse(node->text, out, &expected)
			       : duration_parse(node->text, out, &expected);
		if (!good)
			return wrong(decoder, place, node, NULL, "expected %s, found %s", expected,
				found_text(decoder, node));
	}
	if (!good)
		return unexpected(decoder, place, field, node, NULL);
	if (!is_strict(decoder))
		return true;
	if (field->max > 0 && (*out < field->min || *out > field->max))
		return out_of_range(decoder, place, field, node);
	if (field->multiple > 1)
		*out = (*out + field->multiple - 1) / field->multiple * field->multiple;
	return true;
}

static bool choice_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, int *out)
{
	if (node->kind != NODE_SCALAR)
		return unexpected(decoder, place, field, node, NULL);
	*out = choice_find(field->choices, node->text);
	if (*out >= 0)
		return true;
	const char *nearest = text_nearest(node->text, field->choices, choice_count(field->choices));
	return unexpected(decoder, place, field, node,
		nearest ? arena_format(decoder->arena, "did you mean '%s'?", nearest) : NULL);
}

static bool bool_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, bool *out)
{
	if (node->kind != NODE_SCALAR)
		return unexpected(decoder, place, field, node, NULL);
	bool is_true = strcmp(node->text, "true") == 0;
	if (!is_true && strcmp(node->text, "false") != 0)
		return unexpected(decoder, place, field, node, scalar_bool_hint(node->text));
	if (is_strict(decoder) && node->quoted)
		return unexpected(decoder, place, field, node, "without the quotes");
	*out = is_true;
	return true;
}

static bool texts_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, struct texts *out)
{
	if (node->kind != NODE_SEQUENCE) {
		const char *hint = node->kind == NODE_SCALAR ? "put it in [ ]" : NULL;
		return unexpected(decoder, place, field, node, hint);
	}
	bool good = true;
	*out = (struct texts){.item = arena_array(decoder->arena, const char *, node->count)};
	for (uint32_t i = 0; i < node->count; i++) {
		struct field text = *field;
		text.shape = SHAPE_Text;
		if (text_decode(decoder, place, &text, node->item[i], &out->item[out->count]))
			out->count++;
		else
			good = false;
	}
	if (good && is_strict(decoder) && node->count < (uint32_t)field->at_least)
		return wrong(decoder, place, node, NULL, "expected at least %d item%s", field->at_least,
			field->at_least == 1 ? "" : "s");
	return good;
}

/* A value of a free map: whatever its YAML says that it is, within the four kinds. */
static bool free_decode(
	struct decoder *decoder, const struct place *place, const struct node *node, struct value *out)
{
	static const struct field text = {.shape = SHAPE_Text};
	static const struct field texts = {.shape = SHAPE_Texts};
	if (node->kind == NODE_SEQUENCE) {
		out->kind = VALUE_TEXTS;
		return texts_decode(decoder, place, &texts, node, &out->texts);
	}
	if (node->kind != NODE_SCALAR)
		return wrong(decoder, place, node, NULL,
			"expected a number, true or false, text, or a list of texts, found %s",
			found_text(decoder, node));
	if (!node->quoted && scalar_integer(node->text, &out->number)) {
		out->kind = VALUE_INT;
		return true;
	}
	if (!node->quoted && (strcmp(node->text, "true") == 0 || strcmp(node->text, "false") == 0)) {
		out->kind = VALUE_BOOL;
		out->number = node->text[0] == 't';
		return true;
	}
	if (is_strict(decoder) && scalar_other(node)) {
		const char *boolean = scalar_bool_hint(node->text);
		return wrong(decoder, place, node,
			arena_format(decoder->arena, "%s, or quote it",
				boolean ? boolean : "write a decimal integer"),
			"YAML reads %s as %s", found_text(decoder, node), scalar_other(node));
	}
	out->kind = VALUE_TEXT;
	return text_decode(decoder, place, &text, node, &out->text);
}

static const struct mark *mark_make(struct decoder *decoder, const struct node *node)
{
	if (!is_strict(decoder))
		return decoder->options->mark;
	struct mark *mark = arena_make(decoder->arena, struct mark);
	*mark = node->mark;
	return mark;
}

static bool map_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, struct map *out)
{
	if (node->kind != NODE_MAPPING)
		return unexpected(decoder, place, field, node, NULL);
	bool good = true;
	*out = (struct map){.item = arena_array(decoder->arena, struct pair, node->count / 2)};
	for (uint32_t i = 0; i < node->count; i += 2) {
		const struct node *key = node->item[i], *value = node->item[i + 1];
		struct pair *pair = &out->item[out->count];
		struct place inside = {.up = place, .key = key->text};
		if (key->kind != NODE_SCALAR || !key->size || !format_line.is(key->text) ||
			(is_strict(decoder) && field->format && !field->format->is(key->text))) {
			good = wrong(decoder, place, key, NULL, "expected %s, found %s",
				field->format ? field->format->expected : "a key of one line",
				found_text(decoder, key));
		} else if (value->kind == NODE_NULL) {
			if (is_strict(decoder))
				good = wrong(
					decoder, &inside, value, "leave the key out", "null is no value");
		} else if (!free_decode(decoder, &inside, value, &pair->value)) {
			good = false;
		} else {
			pair->key = arena_copy(decoder->arena, key->text, key->size);
			pair->at = mark_make(decoder, value);
			out->count++;
		}
	}
	return good;
}

/* Did-you-mean for a key: the spellings that the author may use here. The field that was meant counts as
 * being there. */
static bool key_unknown(struct decoder *decoder, const struct place *place, const struct type *type,
	const struct node *key, void *object)
{
	/* no text at all, and the merge key: the reader has refused them */
	if (key->kind != NODE_SCALAR || (strcmp(key->text, "<<") == 0 && !key->quoted))
		return false;
	const char *known[64];
	size_t count = 0;
	for (int i = 0; i < type->count && count < 64; i++)
		if (type->fields[i].role != ROLE_OBSERVED)
			known[count++] = type->fields[i].key;
	BUFFER_SCOPED where = {0};
	place_text(place, &where);
	const char *hint = NULL, *nearest = text_nearest(key->text, known, count);
	if (!place->up && strcmp(key->text, "status") == 0) {
		hint = "leave it out: status is what xensteer says, not what it reads";
	} else if (nearest) {
		hint = arena_format(decoder->arena, "did you mean '%s'?", nearest);
		const struct mark **mark = field_mark(type, type_index(type, nearest), object);
		if (!*mark)
			*mark = &mark_broken;
	}
	return report_error(decoder->report, &key->mark, decoder->options->object, hint,
		"unknown key %s in %s%s%s", found_text(decoder, key), decoder->root->name,
		where.size ? " " : "", buffer_string(&where));
}

/* Siblings: exactly one of ONE_OF, WITH only beside, EXCLUDES never beside. */
static bool siblings_judge(struct decoder *decoder, const struct place *place, const struct type *type,
	const struct node *node, const void *object)
{
	bool good = true;
	int chosen = -1;
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];
		const struct mark *at = *field_mark(type, i, object);
		if (field->role == ROLE_OBSERVED)
			continue;
		if (!at)
			continue;
		struct node here = {.mark = at == &mark_broken ? node->mark : *at};
		struct place inside = {.up = place, .key = field->key};
		int other = field->with ? type_index(type, field->with) : -1;
		if (other >= 0 && !*field_mark(type, other, object))
			good = wrong(
				decoder, &inside, &here, NULL, "makes sense only beside %s", field->with);
		other = field->excludes ? type_index(type, field->excludes) : -1;
		if (other >= 0 && *field_mark(type, other, object))
			good = wrong(decoder, place, &here, "leave one of them out",
				"%s and %s exclude each other", field->key, field->excludes);
		if (type->one_of && !field->with) {
			if (chosen >= 0)
				good = wrong(decoder, place, &here,
					type->shorthand ? "leave one of them out"
							: "begin each with a '- ' of its own",
					"%s and %s exclude each other", type->fields[chosen].key, field->key);
			chosen = i;
		}
	}
	if (!good || !type->one_of || chosen >= 0)
		return good;
	BUFFER_SCOPED words = {0};
	for (int i = 0; i < type->count; i++)
		if (type->fields[i].role != ROLE_OBSERVED && !type->fields[i].with)
			buffer_format(&words, "%s%s", words.size ? ", " : "", type->fields[i].key);
	return wrong(decoder, place, node, NULL, "expected exactly one of %s", buffer_string(&words));
}

/* `key`: the node of its key, NULL for a shorthand. Scalars are marked at their value, all else at its key.
 */
static bool field_decode(struct decoder *decoder, const struct place *place, const struct type *type,
	int index, const struct node *key, const struct node *node, void *object)
{
	const struct field *field = &type->fields[index];
	const struct mark **mark = field_mark(type, index, object);
	struct place inside = {.up = place, .key = key ? field->key : NULL};
	if (node->kind == NODE_NULL) {
		if (!is_strict(decoder))
			return true;
		*mark = &mark_broken;
		return wrong(decoder, &inside, node,
			field->shape == SHAPE_One ? "leave the key out, or write {}" : "leave the key out",
			"null is no value");
	}
	if (value_decode(decoder, &inside, field, node, field_value(field, object))) {
		*mark = mark_make(decoder, key && node->kind != NODE_SCALAR ? key : node);
		return true;
	}
	if (is_strict(decoder))
		*mark = &mark_broken;
	return false;
}

/* Fills `object` with what decodes; false if anything did not. */
static bool object_decode(struct decoder *decoder, const struct place *place, const struct type *type,
	const struct node *node, void *object)
{
	bool good = true;
	if (node->kind != NODE_MAPPING)
		return field_decode(
			decoder, place, type, type_index(type, type->shorthand), NULL, node, object);
	for (uint32_t i = 0; i < node->count; i += 2) {
		const struct node *key = node->item[i];
		int index = key->kind == NODE_SCALAR ? type_index(type, key->text) : -1;
		bool known = index >= 0 && !(is_strict(decoder) && type->fields[index].role == ROLE_OBSERVED);
		if (known)
			good &= field_decode(decoder, place, type, index, key, node->item[i + 1], object);
		else if (is_strict(decoder))
			good = key_unknown(decoder, place, type, key, object);
	}
	if (is_strict(decoder) && (good || !type->one_of))
		good &= siblings_judge(decoder, place, type, node, object);
	return good;
}

/* Can a node stand for an object of the type at all? */
static bool is_object(const struct type *type, const struct node *node)
{
	return node->kind == NODE_MAPPING || (node->kind == NODE_SCALAR && type->shorthand);
}

/* The text of a map's member, before anything is decoded. */
static const char *member_text(const struct node *node, const char *key)
{
	for (uint32_t i = 0; key && node->kind == NODE_MAPPING && i < node->count; i += 2)
		if (node->item[i]->kind == NODE_SCALAR && strcmp(node->item[i]->text, key) == 0)
			return node->item[i + 1]->kind == NODE_SCALAR ? node->item[i + 1]->text : NULL;
	return NULL;
}

/* Two items of a keyed list with one key: said at both. */
static bool keys_judge(
	struct decoder *decoder, const struct place *place, const struct type *type, const struct list *list)
{
	int index = type_index(type, type->key);
	bool good = true;
	for (uint32_t i = 1; i < list->count; i++) {
		const struct mark *second = *field_mark(type, index, list->item[i]);
		const char *key = *(const char **)field_value(&type->fields[index], list->item[i]);
		for (uint32_t j = 0; second && second != &mark_broken && j < i; j++) {
			const struct mark *first = *field_mark(type, index, list->item[j]);
			const char *other = *(const char **)field_value(&type->fields[index], list->item[j]);
			if (!first || first == &mark_broken || strcmp(key, other) != 0)
				continue;
			struct node here = {.mark = *first}, there = {.mark = *second};
			wrong(decoder, place, &here,
				arena_format(decoder->arena, "also at %s", mark_text(decoder->arena, second)),
				"%s '%s' stands here twice", type->key, key);
			good = wrong(decoder, place, &there,
				arena_format(decoder->arena, "also at %s", mark_text(decoder->arena, first)),
				"%s '%s' stands here twice", type->key, key);
			break;
		}
	}
	return good;
}

static bool many_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, struct list *out)
{
	if (node->kind != NODE_SEQUENCE)
		return unexpected(decoder, place, field, node,
			node->kind == NODE_MAPPING ? "begin each item with '- '" : NULL);
	bool good = true;
	*out = (struct list){.item = arena_array(decoder->arena, void *, node->count), .room = node->count};
	for (uint32_t i = 0; i < node->count; i++) {
		const struct node *item = node->item[i];
		struct place inside = *place;
		if (is_strict(decoder))
			inside.item = member_text(item, field->of->key);
		if (!is_object(field->of, item)) {
			good = wrong(decoder, place, item, NULL, "each item is %s, found %s",
				field->of->shorthand ? "a map or a single value" : "a map",
				found_text(decoder, item));
			continue;
		}
		void *object = type_new(decoder->arena, field->of);
		good &= object_decode(decoder, &inside, field->of, item, object);
		out->item[out->count++] = object;
	}
	if (!is_strict(decoder))
		return true;
	if (field->of->key)
		good &= keys_judge(decoder, place, field->of, out);
	if (node->count < (uint32_t)field->at_least)
		return wrong(decoder, place, node, NULL, "expected at least %d item%s", field->at_least,
			field->at_least == 1 ? "" : "s");
	/* what did decode stays and is judged on: each item has said itself what is wrong with it */
	(void)good;
	return true;
}

static bool value_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, void *out)
{
	switch (field->shape) {
	case SHAPE_Text:
	case SHAPE_Secret:
		return text_decode(decoder, place, field, node, out);
	case SHAPE_Int:
	case SHAPE_Size:
	case SHAPE_Duration:
		return number_decode(decoder, place, field, node, out);
	case SHAPE_Bool:
		return bool_decode(decoder, place, field, node, out);
	case SHAPE_Choice:
		return choice_decode(decoder, place, field, node, out);
	case SHAPE_Texts:
		return texts_decode(decoder, place, field, node, out);
	case SHAPE_Map:
		return map_decode(decoder, place, field, node, out);
	case SHAPE_Many:
		return many_decode(decoder, place, field, node, out);
	case SHAPE_One:
		if (!is_object(field->of, node))
			return unexpected(decoder, place, field, node, NULL);
		*(void **)out = type_new(decoder->arena, field->of);
		/* as above: the parts have spoken for themselves */
		object_decode(decoder, place, field->of, node, *(void **)out);
		return true;
	}
	return false;
}

void *decode(struct arena *arena, const struct type *type, const struct node *node,
	const struct decode_options *options, struct report *report)
{
	struct decoder decoder = {.arena = arena, .options = options, .report = report, .root = type};
	struct place root = {0};
	if (!is_object(type, node)) {
		wrong(&decoder, &root, node, NULL, "expected a map, found %s", found_text(&decoder, node));
		return NULL;
	}
	void *object = type_new(arena, type);
	object_decode(&decoder, &root, type, node, object);
	return object;
}
