/* The values of fields: a node in; text, number, choice, list of texts or free map out, judged by the row of
 * the field; and how the decoder speaks when a value is not what its field expects. */
#include "model/decoding.h"
#include "model/format.h"
#include "model/quantity.h"
#include "model/scalar.h"
#include <stdarg.h>
#include <string.h>

/* "spec.disks[xvda].volume" into the buffer. */
void decode_place(const struct place *place, struct buffer *out)
{
	if (!place || (!place->key && !place->up))
		return;
	decode_place(place->up, out);
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
bool decode_wrong(struct decoder *decoder, const struct place *place, const struct node *node,
	const char *hint, const char *format, ...)
{
	BUFFER_SCOPED text = {0};
	decode_place(place, &text);
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
const char *decode_found(struct decoder *decoder, const struct node *node)
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

bool decode_unexpected(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, const char *hint)
{
	return decode_wrong(decoder, place, node, hint, "expected %s, found %s",
		expected_text(decoder, field),
		field->shape == SHAPE_Secret && node->kind == NODE_SCALAR ? "something else"
									  : decode_found(decoder, node));
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
		return decode_unexpected(decoder, place, field, node, NULL);
	if (is_strict(decoder)) {
		const char *other = scalar_other(node);
		bool is_time = other && field->format && strcmp(field->format->name, "time") == 0;
		if (other && !is_time)
			return decode_wrong(decoder, place, node, "quote it",
				"expected text, but YAML reads %s as %s",
				field->shape == SHAPE_Secret ? "this" : decode_found(decoder, node), other);
		if (field->format && !field->format->is(node->text))
			return decode_unexpected(decoder, place, field, node, NULL);
		if (!field->format && !format_line.is(node->text))
			return decode_wrong(
				decoder, place, node, NULL, "expected one line without control characters");
	}
	*out = recent_copy(decoder->arena, decoder->options->recent, node->text, node->size);
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
	return decode_wrong(
		decoder, place, node, NULL, "%.40s is out of range: %s to %s", node->text, low, high);
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
			return decode_unexpected(decoder, place, field, node,
				scalar_integer(node->text, out) ? "without the quotes" : NULL);
		good = scalar_integer(node->text, out);
		if (!good && node->text[0] == '0')
			return decode_unexpected(decoder, place, field, node, "write it in decimals");
	} else if (good) {
		bool is_size = field->shape == SHAPE_Size;
		int64_t bare;
		if (scalar_integer(node->text, &bare))
			return decode_wrong(decoder, place, node, unit_hint(decoder, bare, is_size),
				"%s has no unit", is_size ? "the size" : "the duration");
		good = is_size ? size_parse(node->text, out, &expected)
			       : duration_parse(node->text, out, &expected);
		if (!good)
			return decode_wrong(decoder, place, node, NULL, "expected %s, found %s", expected,
				decode_found(decoder, node));
	}
	if (!good)
		return decode_unexpected(decoder, place, field, node, NULL);
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
		return decode_unexpected(decoder, place, field, node, NULL);
	const int found = choice_find(field->choices, node->text);
	if (found >= 0) {
		*out = found;
		return true;
	}
	const char *nearest = text_nearest(node->text, field->choices, choice_count(field->choices));
	return decode_unexpected(decoder, place, field, node,
		nearest ? arena_format(decoder->arena, "did you mean '%s'?", nearest) : NULL);
}

static bool bool_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, bool *out)
{
	if (node->kind != NODE_SCALAR)
		return decode_unexpected(decoder, place, field, node, NULL);
	bool is_true = strcmp(node->text, "true") == 0;
	if (!is_true && strcmp(node->text, "false") != 0)
		return decode_unexpected(decoder, place, field, node, scalar_bool_hint(node->text));
	if (is_strict(decoder) && node->quoted)
		return decode_unexpected(decoder, place, field, node, "without the quotes");
	*out = is_true;
	return true;
}

static bool texts_decode(struct decoder *decoder, const struct place *place, const struct field *field,
	const struct node *node, struct texts *out)
{
	if (node->kind != NODE_SEQUENCE) {
		const char *hint = node->kind == NODE_SCALAR ? "put it in [ ]" : NULL;
		return decode_unexpected(decoder, place, field, node, hint);
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
		return decode_wrong(decoder, place, node, NULL, "expected at least %d item%s",
			field->at_least, field->at_least == 1 ? "" : "s");
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
		return decode_wrong(decoder, place, node, NULL,
			"expected a number, true or false, text, or a list of texts, found %s",
			decode_found(decoder, node));
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
		return decode_wrong(decoder, place, node,
			arena_format(decoder->arena, "%s, or quote it",
				boolean ? boolean : "write a decimal integer"),
			"YAML reads %s as %s", decode_found(decoder, node), scalar_other(node));
	}
	out->kind = VALUE_TEXT;
	return text_decode(decoder, place, &text, node, &out->text);
}

const struct mark *decode_mark(struct decoder *decoder, const struct node *node)
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
		return decode_unexpected(decoder, place, field, node, NULL);
	bool good = true;
	*out = (struct map){.item = arena_array(decoder->arena, struct pair, node->count / 2)};
	for (uint32_t i = 0; i < node->count; i += 2) {
		const struct node *key = node->item[i], *value = node->item[i + 1];
		struct pair *pair = &out->item[out->count];
		struct place inside = {.up = place, .key = key->text};
		struct node password;
		if (is_strict(decoder) && key->kind == NODE_SCALAR && text_ends(key->text, "passwd")) {
			/* refused later: not to be shown then, and not before, as a number that is none */
			secret_hide(value);
			password = *value;
			password.quoted = true;
			value = &password;
		}
		if (key->kind != NODE_SCALAR || !key->size || !format_line.is(key->text) ||
			(is_strict(decoder) && field->format && !field->format->is(key->text))) {
			good = decode_wrong(decoder, place, key, NULL, "expected %s, found %s",
				field->format ? field->format->expected : "a key of one line",
				decode_found(decoder, key));
		} else if (value->kind == NODE_NULL) {
			if (is_strict(decoder))
				good = decode_wrong(
					decoder, &inside, value, "leave the key out", "null is no value");
		} else if (!free_decode(decoder, &inside, value, &pair->value)) {
			good = false;
		} else {
			pair->key =
				recent_copy(decoder->arena, decoder->options->recent, key->text, key->size);
			pair->at = decode_mark(decoder, value);
			out->count++;
		}
	}
	return good;
}

bool decode_value(struct decoder *decoder, const struct place *place, const struct field *field,
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
	case SHAPE_One:
	case SHAPE_Many:
		break;
	}
	return false;
}
