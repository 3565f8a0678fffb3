/* The command line: options anywhere, values checked, suggestions, and the tables' own soundness. */
#include "face/command.h"
#include <criterion/criterion.h>
#include <string.h>

struct parsed {
	struct arena *arena;
	struct report *report;
	struct options options;
	bool good;
};

static struct parsed parse(char **argv)
{
	struct parsed parsed = {.arena = arena_new(), .report = report_new()};

	parsed.good = option_parse(parsed.arena, argv, &parsed.options, parsed.report);
	return parsed;
}

static void parsed_drop(struct parsed *parsed)
{
	arena_free(parsed->arena);
	report_free(parsed->report);
}
#define PARSED __attribute__((cleanup(parsed_drop))) struct parsed

#define ARGV(...) ((char *[]){"xensteer", __VA_ARGS__, NULL})

static const struct diagnostic *only_diagnostic(struct parsed *parsed)
{
	const struct diagnostic *first;

	cr_assert_eq(report_all(parsed->report, &first), 1);
	return first;
}

Test(option, stands_before_and_after_operands)
{
	PARSED before = parse(ARGV("plan", "--only", "Domain/a", "-o", "json", "one", "two"));
	PARSED after = parse(ARGV("plan", "one", "--only=Domain/a", "two", "-ojson"));

	cr_assert(before.good && after.good);
	cr_assert_eq(before.options.operand_count, 3);
	cr_assert_eq(after.options.operand_count, 3);
	for (size_t i = 0; i < 3; i++)
		cr_assert_str_eq(before.options.operands[i], after.options.operands[i]);
	cr_assert_str_eq(before.options.only, "Domain/a");
	cr_assert_str_eq(after.options.only, "Domain/a");
	cr_assert_eq(before.options.output, OUTPUT_JSON);
	cr_assert_eq(after.options.output, OUTPUT_JSON);
	cr_assert_eq(before.options.given, after.options.given);
}

Test(option, two_dashes_end_options_and_one_dash_is_an_operand)
{
	PARSED parsed = parse(ARGV("plan", "-", "--", "--only", "-q"));

	cr_assert(parsed.good);
	cr_assert_eq(parsed.options.operand_count, 4);
	cr_assert_str_eq(parsed.options.operands[1], "-");
	cr_assert_str_eq(parsed.options.operands[2], "--only");
	cr_assert_str_eq(parsed.options.operands[3], "-q");
	cr_assert_not(parsed.options.quiet);
}

Test(option, last_of_two_wins)
{
	PARSED parsed = parse(
		ARGV("--allow", "restart", "--allow", "live", "--fail-on", "stop", "--fail-on", "live,none"));

	cr_assert(parsed.good);
	cr_assert_eq(parsed.options.allow, level_live);
	cr_assert_eq(parsed.options.fail_on, 1u << level_live | 1u << level_none);
}

Test(option, letters_stand_together)
{
	PARSED parsed = parse(ARGV("-qvo", "json"));

	cr_assert(parsed.good);
	cr_assert(parsed.options.quiet && parsed.options.verbose);
	cr_assert_eq(parsed.options.output, OUTPUT_JSON);
}

Test(option, unknown_name_is_refused_with_the_nearest)
{
	PARSED parsed = parse(ARGV("plan", "--onyl=Domain/a"));
	const struct diagnostic *diagnostic = only_diagnostic(&parsed);

	cr_assert_not(parsed.good);
	cr_assert_str_eq(diagnostic->message, "unknown option '--onyl'");
	cr_assert_str_eq(diagnostic->hint, "did you mean '--only'?");
}

Test(option, names_are_never_abbreviated)
{
	PARSED parsed = parse(ARGV("--detailed"));

	cr_assert_not(parsed.good);
}

Test(option, every_mistake_is_said)
{
	PARSED parsed = parse(ARGV("--allow", "hard", "--timeout", "10", "--prune=no"));

	cr_assert_not(parsed.good);
	cr_assert_eq(report_count(parsed.report, SEVERITY_ERROR), 3);
}

Test(option, bad_values_are_refused)
{
	static const char *const bad[] = {
		"--only=web-1",
		"--only=Domain/",
		"--only=Image/a",
		"--only=Domain/A B",
		"--consent=abc",
		"--consent=sha256:",
		"--timeout=0s",
		"--timeout=-1s",
		"--timeout=10",
		"--prune=",
		"--fail-on=",
		"--fail-on=live,",
		"--fail-on=,live",
		"--allow=",
		"--output=xml",
		"--color=maybe",
		"--log-format=yaml",
		"--owner=",
		"--owner=A",
		"--host=",
		"--config=",
		"--state-dir=",
		"--quiet=yes",
		"--only",
		"-o",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char argument[64];

		snprintf(argument, sizeof argument, "%s", bad[i]);
		PARSED parsed = parse(ARGV(argument));
		cr_expect_not(parsed.good, "%s was taken", bad[i]);
		cr_expect_eq(report_count(parsed.report, SEVERITY_ERROR), 1, "%s", bad[i]);
	}
}

Test(option, good_values_are_taken)
{
	static const char *const good[] = {
		"--only=Volume/pg-data",
		"--consent=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		"--timeout=90s",
		"--prune=false",
		"--fail-on=data-loss,none",
		"--allow=none",
		"--host=sim:dir",
		"--owner=dom0",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char argument[128];

		snprintf(argument, sizeof argument, "%s", good[i]);
		PARSED parsed = parse(ARGV(argument));
		cr_expect(parsed.good, "%s was refused", good[i]);
	}
}

Test(option, table_has_no_double_names_and_every_row_is_whole)
{
	for (int id = 0; id < OPTIONS; id++) {
		cr_assert(option_table[id].name && option_table[id].help && option_table[id].take, "row %d",
			id);
		for (int other = 0; other < id; other++) {
			cr_assert_str_neq(option_table[id].name, option_table[other].name);
			cr_assert(!option_table[id].letter ||
				  option_table[id].letter != option_table[other].letter);
		}
	}
}

Test(command, table_rows_are_whole_and_every_option_has_a_taker)
{
	uint32_t taken = 0;

	for (const struct command *command = command_table; command->name; command++) {
		cr_assert(command->arguments && command->help && command->run, "%s", command->name);
		const bool prints = command->takes & OPTION(OUTPUT);
		cr_assert(!prints || command->formats & 1u << command->format,
			"%s cannot write its own default", command->name);
		cr_assert_eq(command_find(command->name), command);
		taken |= command->takes;
	}
	cr_assert_eq(taken, (1u << OPTIONS) - 1);
}

Test(command, help_names_what_is_taken_and_nothing_else)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	command_help(out, command_find("status"));
	fclose(out);
	cr_assert(strstr(text, "--check"));
	cr_assert(strstr(text, "--only KIND/NAME"));
	cr_assert(strstr(text, ": text, json\n"));
	cr_assert_not(strstr(text, "--allow"));
	free(text);
}
