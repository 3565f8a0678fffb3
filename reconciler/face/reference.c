/* The reference page from the tables: a section per type, in the order of schema_types, a row per field with
 * what it takes, its default, and the effect of changing it on a guest that is there. */
#include "face/field_words.h"
#include "face/schema_print.h"
#include <ctype.h>

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

static void put_takes(FILE *out, const struct field *field)
{
	BUFFER_SCOPED shape = {0};
	BUFFER_SCOPED bounds = {0};

	field_shape_words(&shape, field);
	field_bounds_words(&bounds, field);
	fputs(buffer_string(&shape), out);
	if (field->of)
		put_anchor(out, field->of);
	fprintf(out, "%s%s", bounds.size ? ", " : "", buffer_string(&bounds));
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
	BUFFER_SCOPED text = {0};

	field_default_words(&text, field);
	fputs(field->required ? "(required)" : buffer_string(&text), out);
}

static void put_prose(FILE *out, const struct field *field)
{
	BUFFER_SCOPED later = {0};

	put_cell(out, field->prose);
	field_later_words(&later, field);
	if (later.size)
		fprintf(out, " *(%s)*", buffer_string(&later));
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
		fprintf(out, " | %s | ", field_effect_words(field));
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
