/* The manual: what it shows is valid, nothing of the tables is left out, and no text can become a request. */
#include "face/manual.h"
#include "face/command.h"
#include "face/roff.h"
#include "face/schema_print.h"
#include "want/load.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static char *written(void (*write)(FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	write(out);
	fclose(out);
	return text;
}

static char *written_text(void (*write)(FILE *, const char *), const char *words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	cr_assert_not_null(out);
	write(out, words);
	fclose(out);
	return text;
}

static void is_written(void (*write)(FILE *, const char *), const char *words, const char *expected)
{
	char *text = written_text(write, words);

	cr_expect_str_eq(text, expected);
	free(text);
}

Test(manual, what_means_something_to_roff_is_written_by_name)
{
	is_written(roff_text, ".TH is 'a' \\fB", "\\&.TH is \\(aqa\\(aq \\(rsfB\n");
	is_written(roff_text, "x^y ~z", "x\\(hay \\(tiz\n");
	is_written(roff_text, "`--only=a-b` is read-only - or --so",
		"\\%\\fB\\-\\-only=a\\-b\\fP is read-only \\- or \\-\\-so\n");
	is_written(roff_text, "<PATH> and `a <b`", "\\fIPATH\\fP and \\%\\fBa \\%<b\\fP\n");
	is_written(roff_section, "THE \"WORD\"", ".SH \"THE \\(dqWORD\\(dq\"\n");
	is_written(roff_example, ".a: 'b'\n-c\n", ".PP\n.RS 4\n.EX\n\\&.a: \\(aqb\\(aq\n\\-c\n.EE\n.RE\n");
}

/* However lines are broken, none begins with a control character. */
Test(manual, long_texts_are_broken_and_lines_stay_text)
{
	char *text =
		written_text(roff_text, "One. .two three four five six seven eight nine ten eleven twelve "
					"thirteen fourteen .fifteen 'sixteen 'seventeen .eighteen");

	cr_expect(strstr(text, "One.\n\\&.two"));
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		cr_expect_neq(*line, '.');
		cr_expect_neq(*line, '\'');
		cr_expect_leq(strlen(line), 79);
	}
	free(text);
}

Test(manual, the_example_loads)
{
	ARENA_SCOPED arena = arena_new();
	REPORT_SCOPED report = report_new();
	struct load_options options = {
		.host = host_settings(arena, NULL, report), .owner = "default", .host_name = "dom0"};
	WANT_SCOPED want =
		want_load_text(&options, "/m/example.yaml", manual_example, strlen(manual_example), report);

	report_text(report, stderr, false);
	cr_assert_not_null(want);
	cr_expect_eq(report_count(report, SEVERITY_ERROR), 0);
	cr_expect_eq(report_count(report, SEVERITY_WARNING), 0);
	cr_expect_eq(want->domains.count, 1);
}

Test(manual, every_command_and_option_is_told)
{
	ARENA_SCOPED arena = arena_new();
	char *page = written(manual_commands);

	for (const struct command *command = command_table; command->name; command++)
		cr_expect(strstr(page, arena_format(arena, ".TP\n\\%%\\fB%s\\fP ", command->name)), "%s",
			command->name);
	for (int id = 0; id < OPTIONS; id++) {
		BUFFER_SCOPED name = {0};

		for (const char *letter = option_table[id].name; *letter; letter++)
			buffer_format(&name, *letter == '-' ? "\\-" : "%c", *letter);
		cr_expect(strstr(page, arena_format(arena, "\\fB\\-\\-%s\\fP", buffer_string(&name))), "%s",
			option_table[id].name);
	}
	free(page);
}

Test(manual, every_field_is_told)
{
	ARENA_SCOPED arena = arena_new();
	char *page = written(manual_manifests);
	struct list types = schema_types(arena);

	for (uint32_t i = 0; i < types.count; i++) {
		const struct type *type = types.item[i];
		for (int k = 0; k < type->count; k++)
			if (schema_shows(&type->fields[k]))
				cr_expect(
					strstr(page, arena_format(arena, "\\fB%s\\fP:", type->fields[k].key)),
					"%s.%s", type->name, type->fields[k].key);
	}
	free(page);
}
