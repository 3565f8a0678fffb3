/* The reference page from the tables: a section per type, in the order of schema_types, a row per field with
 * what it takes, its default, and the effect of changing it on a guest that is there. */
#include "face/schema_print.h"
#include "model/quantity.h"
#include <ctype.h>
#include <inttypes.h>

/* A `|` would end the cell, also inside code. */
static void put_cell(FILE *out, const char *text)
{
	for (; *text; text++)
		fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void put_anchor(FILE *out, const struct type *type)
{
	fprintf(out, "[%s](#", type->name);
	for (const char *letter = type->name; *letter; letter++)
		fputc(tolower((unsigned char)*letter), out);
	fputc(')', out);
}

static void put_bounds(FILE *out, const struct field *field)
{
	char low[32], high[32];

	if (field->max <= 0)
		return;
	if (field->shape == SHAPE_Size)
		fprintf(out, ", %s to %s", size_text(field->min, low), size_text(field->max, high));
	else if (field->shape == SHAPE_Duration)
		fprintf(out, ", %s to %s", duration_text(field->min, low), duration_text(field->max, high));
	else
		fprintf(out, ", %" PRId64 " to %" PRId64, field->min, field->max);
}

static void put_choices(FILE *out, const struct field *field)
{
	for (size_t i = 0; field->choices[i]; i++)
		fprintf(out, "%s`%s`", i ? ", " : "", field->choices[i]);
}

static void put_takes(FILE *out, const struct field *field)
{
	static const char *const words[] = {
		[SHAPE_Text] = "text",
		[SHAPE_Secret] = "secret text",
		[SHAPE_Int] = "integer",
		[SHAPE_Bool] = "true or false",
		[SHAPE_Size] = "size",
		[SHAPE_Duration] = "duration",
		[SHAPE_One] = "",
		[SHAPE_Many] = "list of ",
		[SHAPE_Texts] = "list of text",
		[SHAPE_Map] = "map",
	};

	if (field->shape == SHAPE_Choice) {
		put_choices(out, field);
	} else {
		fputs(words[field->shape], out);
		if (field->of)
			put_anchor(out, field->of);
	}
	put_bounds(out, field);
	if (field->format) {
		fputs(": ", out);
		put_cell(out, field->format->expected);
	}
	if (field->with)
		fprintf(out, "; only beside `%s`", field->with);
	if (field->excludes)
		fprintf(out, "; never beside `%s`", field->excludes);
}

static void put_default(FILE *out, const struct field *field)
{
	char text[32];

	if (field->required)
		fputs("(required)", out);
	else if (!field->has_default || (field->default_text && !*field->default_text))
		return;
	else if (field->shape == SHAPE_Choice)
		fprintf(out, "`%s`", field->choices[field->default_number]);
	else if (field->shape == SHAPE_Size)
		fprintf(out, "`%s`", size_text(field->default_number, text));
	else if (field->shape == SHAPE_Duration)
		fprintf(out, "`%s`", duration_text(field->default_number, text));
	else if (field->shape == SHAPE_Bool)
		fprintf(out, "`%s`", field->default_number ? "true" : "false");
	else if (field->default_text)
		fprintf(out, "`%s`", field->default_text);
	else
		fprintf(out, "`%" PRId64 "`", field->default_number);
}

static const char *effect_of(const struct field *field)
{
	if (field->role == ROLE_KEY)
		return "another object";
	if (field->role == ROLE_POLICY)
		return "none";
	return field->by ? "by what is there" : choice_level[field->effect];
}

static void put_prose(FILE *out, const struct field *field)
{
	put_cell(out, field->prose);
	if (field->later)
		fputs(" *(not yet supported)*", out);
	if (field->once_set)
		fputs(" *(compared only where it is set, or was)*", out);
	for (size_t i = (size_t)field->later_from; field->later_from && field->choices[i]; i++)
		fprintf(out, "%s`%s`%s", i == (size_t)field->later_from ? " *(not yet supported: " : ", ",
			field->choices[i], field->choices[i + 1] ? "" : ")*");
}

static void type_section(FILE *out, const struct type *type)
{
	fprintf(out, "%s %s\n\n", schema_kind(type) != KINDS ? "##" : "###", type->name);
	put_cell(out, type->prose);
	fputs(".\n\n", out);
	if (type->one_of)
		fputs("Exactly one of its keys that stand on their own.\n\n", out);
	if (type->shorthand)
		fprintf(out, "A scalar alone means its `%s`.\n\n", type->shorthand);
	if (type->key)
		fprintf(out, "In a list, entries are compared by their `%s`.\n\n", type->key);
	bool any = false;
	for (int i = 0; i < type->count; i++)
		any |= schema_shows(&type->fields[i]);
	if (!any)
		return;
	fputs("| field | takes | default | effect of a change | |\n| --- | --- | --- | --- | --- |\n", out);
	for (int i = 0; i < type->count; i++) {
		const struct field *field = &type->fields[i];

		if (!schema_shows(field))
			continue;
		fprintf(out, "| `%s` | ", field->key);
		put_takes(out, field);
		fputs(" | ", out);
		put_default(out, field);
		fprintf(out, " | %s | ", effect_of(field));
		put_prose(out, field);
		fputs(" |\n", out);
	}
	fputc('\n', out);
}

void reference_markdown(FILE *out)
{
	ARENA_SCOPED arena = arena_new();
	struct list types = schema_types(arena);

	fputs("# Reference of the manifests\n\n"
	      "Every field, made from the tables in `schema/` by `xensteer schema -o markdown`. What they "
	      "mean "
	      "together is in [manifests.md](manifests.md).\n\n"
	      "Every document has `apiVersion: xensteer/v1`. Sizes are an integer and a unit (`KiB MiB GiB "
	      "TiB`, `Ki Mi Gi Ti`, or `kB MB GB TB`), durations an integer and `s`, `m` or `h`.\n\n"
	      "The effect of a change is what it does to a guest that is there, mildest first: none, live, "
	      "reattach, restart, stop, recreate, destroy, data-loss. *By what is there* means that it "
	      "depends on "
	      "the guest ([What a change does](manifests.md#what-a-change-does)); *another object* that the "
	      "field is "
	      "part of the identity.\n\n",
		out);
	for (uint32_t i = 0; i < types.count; i++)
		type_section(out, types.item[i]);
}
