/* In comes a row of the tables, out come words. Nothing is known here of the page that they stand on. */
#include "face/field_words.h"
#include "model/quantity.h"
#include <inttypes.h>

void field_shape_words(struct buffer *out, const struct field *field)
{
	static const char *const words[] = {
		[SHAPE_Text] = "text",
		[SHAPE_Secret] = "secret text",
		[SHAPE_Int] = "integer",
		[SHAPE_Bool] = "true or false",
		[SHAPE_Size] = "size",
		[SHAPE_Duration] = "duration",
		[SHAPE_Choice] = "",
		[SHAPE_One] = "",
		[SHAPE_Many] = "list of ",
		[SHAPE_Texts] = "list of text",
		[SHAPE_Map] = "map",
	};

	buffer_text(out, words[field->shape]);
	for (size_t i = 0; field->shape == SHAPE_Choice && field->choices[i]; i++)
		buffer_format(out, "%s`%s`", i ? ", " : "", field->choices[i]);
}

void field_bounds_words(struct buffer *out, const struct field *field)
{
	char low[32], high[32];

	if (field->max <= 0)
		return;
	if (field->shape == SHAPE_Size)
		buffer_format(out, "%s to %s", size_text(field->min, low), size_text(field->max, high));
	else if (field->shape == SHAPE_Duration)
		buffer_format(
			out, "%s to %s", duration_text(field->min, low), duration_text(field->max, high));
	else
		buffer_format(out, "%" PRId64 " to %" PRId64, field->min, field->max);
}

void field_default_words(struct buffer *out, const struct field *field)
{
	char text[32];

	if (!field->has_default || (field->default_text && !*field->default_text))
		return;
	if (field->shape == SHAPE_Choice)
		buffer_format(out, "`%s`", field->choices[field->default_number]);
	else if (field->shape == SHAPE_Size)
		buffer_format(out, "`%s`", size_text(field->default_number, text));
	else if (field->shape == SHAPE_Duration)
		buffer_format(out, "`%s`", duration_text(field->default_number, text));
	else if (field->shape == SHAPE_Bool)
		buffer_format(out, "`%s`", field->default_number ? "true" : "false");
	else if (field->default_text)
		buffer_format(out, "`%s`", field->default_text);
	else
		buffer_format(out, "`%" PRId64 "`", field->default_number);
}

const char *field_effect_words(const struct field *field)
{
	if (field->role == ROLE_KEY)
		return "another object";
	if (field->role == ROLE_POLICY)
		return "none";
	return field->by ? "by what is there" : choice_level[field->effect];
}

void field_later_words(struct buffer *out, const struct field *field)
{
	if (field->later)
		buffer_text(out, "not yet supported");
	else if (field->once_set)
		buffer_text(out, "compared only where it is set, or was");
	for (size_t i = (size_t)field->later_from; field->later_from && field->choices[i]; i++)
		buffer_format(out, "%s`%s`", i == (size_t)field->later_from ? "not yet supported: " : ", ",
			field->choices[i]);
}
