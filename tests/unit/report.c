#include "base/report.h"
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char web_text[] =
	"kind: Domain\nmetadata:\n  name: web-1\n\n\nspec:\n  memroy: 512MiB\n  type: \"p v\" # x\n";
static const struct text_file web = {.name = "web.yaml", .text = web_text, .size = sizeof(web_text) - 1};

/* The report as text in *text, to be freed. */
static void text_of(struct report *report, bool color, char **text)
{
	size_t size = 0;
	FILE *out = open_memstream(text, &size);
	report_text(report, out, color);
	fclose(out);
}

static void assert_text(struct report *report, const char *want)
{
	char *have = NULL;
	text_of(report, false, &have);
	cr_assert_str_eq(have, want);
	free(have);
}

/* The text of one error in a file that has only `line`. */
static void assert_excerpt(const char *line, uint32_t column, const char *hint, const char *want)
{
	struct text_file file = {.name = "f", .text = line, .size = strlen(line)};
	REPORT_SCOPED report = report_new();
	report_error(report, (&(struct mark){&file, 1, column}), NULL, hint, "bad");
	char *have = NULL;
	text_of(report, false, &have);
	const char *excerpt = strchr(have, '\n') + 1;
	cr_assert_str_eq(excerpt, want);
	free(have);
}

Test(report, text_is_the_form_of_the_manual)
{
	REPORT_SCOPED report = report_new();
	struct mark mark = {&web, 7, 3};
	bool result = report_error(report, &mark, "Domain/web-1", "did you mean 'memory'?",
		"unknown key '%s' in Domain spec", "memroy");
	cr_assert_not(result);
	assert_text(report, "web.yaml:7:3: error: unknown key 'memroy' in Domain spec\n"
			    "   7 |   memroy: 512MiB\n"
			    "     |   ^~~~~~ did you mean 'memory'?\n");
}

Test(report, without_a_place_the_object_leads)
{
	REPORT_SCOPED report = report_new();
	report_error(report, NULL, "Domain/web-1", "start it by hand", "is gone");
	report_warn(report, NULL, NULL, NULL, "no bridge");
	report_note(report, (&(struct mark){NULL, 4, 4}), NULL, NULL, "computed");
	assert_text(report, "error: Domain/web-1: is gone\n"
			    "    hint: start it by hand\n"
			    "warning: no bridge\n"
			    "note: computed\n");
}

Test(report, without_text_or_line_there_is_no_excerpt)
{
	struct text_file unread = {.name = "gone.yaml"};
	REPORT_SCOPED report = report_new();
	report_error(report, (&(struct mark){&unread, 3, 5}), NULL, "look there", "a");
	report_error(report, (&(struct mark){&web, 0, 0}), NULL, NULL, "b");
	report_error(report, (&(struct mark){&web, 99, 1}), NULL, NULL, "c");
	assert_text(report, "gone.yaml:3:5: error: a\n"
			    "    hint: look there\n"
			    "web.yaml: error: b\n"
			    "web.yaml:99:1: error: c\n");
}

Test(report, sorts_by_place_and_keeps_equal_places_in_order)
{
	struct text_file a = {.name = "a.yaml"}, b = {.name = "b.yaml"};
	REPORT_SCOPED report = report_new();
	report_error(report, NULL, NULL, NULL, "8");
	report_error(report, (&(struct mark){&b, 1, 1}), NULL, NULL, "7");
	report_warn(report, (&(struct mark){&a, 10, 1}), NULL, NULL, "5");
	report_error(report, (&(struct mark){&a, 2, 9}), NULL, NULL, "3");
	report_error(report, (&(struct mark){&a, 2, 1}), NULL, NULL, "1");
	report_error(report, (&(struct mark){&a, 10, 1}), NULL, NULL, "6");
	report_note(report, (&(struct mark){&a, 2, 1}), NULL, NULL, "2");
	report_error(report, (&(struct mark){&a, 2, 10}), NULL, NULL, "4");
	report_error(report, NULL, NULL, NULL, "9");
	const struct diagnostic *all;
	cr_assert_eq(report_all(report, &all), 9);
	for (int i = 0; i < 9; i++)
		cr_assert_eq(all[i].message[0], '1' + i);
	cr_assert_eq(report_count(report, SEVERITY_ERROR), 7);
	cr_assert_eq(report_count(report, SEVERITY_WARNING), 1);
	cr_assert_eq(report_count(report, SEVERITY_NOTE), 1);
}

Test(report, everything_but_the_file_is_copied)
{
	char word[] = "first", object[] = "Domain/x", hint[] = "hint";
	REPORT_SCOPED report = report_new();
	report_error(report, NULL, object, hint, "%s", word);
	word[0] = object[0] = hint[0] = '!';
	assert_text(report, "error: Domain/x: first\n    hint: hint\n");
}

Test(report, excerpts)
{
	/* tokens: quoted, brackets, flow lists, nothing at all */
	assert_excerpt("type: \"p v\" # x", 7, NULL, "   1 | type: \"p v\" # x\n     |       ^~~~~\n");
	assert_excerpt("a: 'it", 4, NULL, "   1 | a: 'it\n     |    ^~~\n");
	assert_excerpt("a: \"x\\\"y\"", 4, NULL, "   1 | a: \"x\\\"y\"\n     |    ^~~~~~\n");
	assert_excerpt("a: [one, two]", 4, NULL, "   1 | a: [one, two]\n     |    ^\n");
	assert_excerpt("a: [one, two]", 5, NULL, "   1 | a: [one, two]\n     |     ^~~\n");
	assert_excerpt("a: [one, two]", 10, NULL, "   1 | a: [one, two]\n     |          ^~~\n");
	assert_excerpt("path: file:/x y", 7, NULL, "   1 | path: file:/x y\n     |       ^~~~~~~\n");
	assert_excerpt("key:", 1, "h", "   1 | key:\n     | ^~~ h\n");
	/* behind the end, far behind it, and an empty line */
	assert_excerpt("key:", 5, "h", "   1 | key:\n     |     ^ h\n");
	assert_excerpt("key:", 500, "h", "   1 | key:\n     |     ^ h\n");
	assert_excerpt("", 1, NULL, "   1 |\n     | ^\n");
	/* no column: the line, and the hint if there is one */
	assert_excerpt("key: v", 0, NULL, "   1 | key: v\n");
	assert_excerpt("key: v", 0, "h", "   1 | key: v\n     | h\n");
}

Test(report, carets_stand_below_their_token)
{
	/* a tab is spread to its stop, in the token's way or before it */
	assert_excerpt("\tkey: v", 2, NULL, "   1 |         key: v\n     |         ^~~\n");
	assert_excerpt("ab\tkey", 4, NULL, "   1 | ab      key\n     |         ^~~\n");
	/* columns count characters; wide ones take two cells, combining ones none */
	assert_excerpt("\xc3\xb6\xc3\xb6: x", 5, NULL, "   1 | \xc3\xb6\xc3\xb6: x\n     |     ^\n");
	assert_excerpt("\xe4\xb8\xad: x", 4, NULL, "   1 | \xe4\xb8\xad: x\n     |     ^\n");
	assert_excerpt("o\xcc\x88: x", 5, NULL, "   1 | o\xcc\x88: x\n     |    ^\n");
	assert_excerpt(
		"\xe4\xb8\xad\xe6\x96\x87: x", 1, NULL, "   1 | \xe4\xb8\xad\xe6\x96\x87: x\n     | ^~~~\n");
	/* what is not shown as it is takes four cells a byte */
	assert_excerpt("\x1b\xff x", 4, NULL, "   1 | \\x1b\\xff x\n     |          ^\n");
	/* a byte order mark is no column */
	assert_excerpt("\xef\xbb\xbfkey", 1, NULL, "   1 | key\n     | ^~~\n");
}

Test(report, lines_are_counted_as_yaml_does)
{
	static const char text[] = "a\r\nb\rc\nd\xc2\x85"
				   "e\xe2\x80\xa8"
				   "f\xe2\x80\xa9g";
	struct text_file file = {.name = "f", .text = text, .size = sizeof(text) - 1};
	for (uint32_t line = 1; line <= 7; line++) {
		REPORT_SCOPED report = report_new();
		report_error(report, (&(struct mark){&file, line, 1}), NULL, NULL, "x");
		char want[64];
		snprintf(want, sizeof(want), "f:%u:1: error: x\n   %u | %c\n     | ^\n", line, line,
			'a' + line - 1);
		assert_text(report, want);
	}
}

Test(report, long_lines_are_cut_around_the_mark)
{
	char line[5001];
	memset(line, 'a', 5000);
	memcpy(line + 2999, " token ", 7);
	line[5000] = '\0';
	struct text_file file = {.name = "f", .text = line, .size = 5000};
	static const uint32_t columns[] = {1, 3001, 5000, 9000};
	for (size_t i = 0; i < 4; i++) {
		REPORT_SCOPED report = report_new();
		report_error(report, (&(struct mark){&file, 1, columns[i]}), NULL, NULL, "x");
		char *have = NULL;
		text_of(report, false, &have);
		char *excerpt = strchr(have, '\n') + 1, *caret = strchr(excerpt, '\n') + 1;
		cr_assert_leq(caret - excerpt, 7 + 3 + 100 + 3 + 1);
		cr_assert_leq(strlen(caret), 7 + 3 + 100 + 3 + 1);
		size_t at = (size_t)(strchr(caret, '^') - caret);
		cr_assert_leq(at, (size_t)(caret - excerpt));
		if (columns[i] == 3001) {
			cr_assert(text_starts(excerpt + at, "token "));
			cr_assert_str_eq(caret + at, "^~~~~\n");
			cr_assert(text_starts(excerpt + 7, "...a"));
			cr_assert_eq(memcmp(caret - 5, "a...\n", 5), 0);
		}
		free(have);
	}
}

Test(report, line_numbers_of_five_digits_widen_the_margin)
{
	BUFFER_SCOPED text = {0};
	for (int i = 1; i < 12345; i++)
		buffer_char(&text, '\n');
	buffer_text(&text, "key");
	struct text_file file = {.name = "f", .text = text.text, .size = text.size};
	REPORT_SCOPED report = report_new();
	report_error(report, (&(struct mark){&file, 12345, 1}), NULL, NULL, "x");
	assert_text(report, "f:12345:1: error: x\n12345 | key\n      | ^~~\n");
}

Test(report, nothing_steers_the_terminal)
{
	struct text_file file = {.name = "a\033]b", .text = "x\033[2J: 1", .size = 8};
	REPORT_SCOPED report = report_new();
	report_error(report, (&(struct mark){&file, 1, 1}), "D/\033", "h\n", "m\a%s", "\xff");
	report_error(report, NULL, "D/\033", NULL, "m");
	char *have = NULL;
	text_of(report, false, &have);
	cr_assert_str_eq(have, "a\\x1b]b:1:1: error: m\\x07\\xff\n"
			       "   1 | x\\x1b[2J: 1\n"
			       "     | ^~~~~~~~ h\\x0a\n"
			       "error: D/\\x1b: m\n");
	free(have);
}

Test(report, color_only_adds_sequences)
{
	REPORT_SCOPED report = report_new();
	report_error(report, (&(struct mark){&web, 7, 3}), NULL, "hint", "message");
	report_warn(report, NULL, NULL, NULL, "other");
	char *plain = NULL, *color = NULL;
	text_of(report, false, &plain);
	text_of(report, true, &color);
	cr_assert_null(strchr(plain, '\033'));
	cr_assert_not_null(strchr(color, '\033'));
	char *to = color;
	for (char *from = color; *from; from++) {
		if (*from == '\033')
			from = strchr(from, 'm');
		else
			*to++ = *from;
	}
	*to = '\0';
	cr_assert_str_eq(color, plain);
	free(plain);
	free(color);
}

Test(report, json)
{
	REPORT_SCOPED report = report_new();
	report_error(report, (&(struct mark){&web, 7, 3}), "Domain/web-1", "say \"memory\"", "unknown");
	report_note(report, NULL, NULL, NULL, "bare");
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, true);
	json_open_object(&json, NULL);
	json_key(&json, "diagnostics");
	report_json(report, &json);
	json_close(&json, '}');
	cr_assert_str_eq(buffer_string(&out),
		"{\n  \"diagnostics\": [\n"
		"    {\"severity\": \"error\", \"at\": \"web.yaml:7:3\", \"object\": \"Domain/web-1\", "
		"\"message\": \"unknown\", \"hint\": \"say \\\"memory\\\"\"},\n"
		"    {\"severity\": \"note\", \"at\": null, \"object\": null, \"message\": \"bare\", "
		"\"hint\": null}\n"
		"  ]\n}");
}

Test(report, github)
{
	struct text_file odd = {.name = "a:b,c%.yaml"};
	REPORT_SCOPED report = report_new();
	report_error(
		report, (&(struct mark){&web, 7, 3}), "Domain/web-1", "did you mean 'memory'?", "50%%, a: b");
	report_warn(report, (&(struct mark){&odd, 2, 0}), NULL, NULL, "w");
	report_note(report, NULL, "Domain/x", NULL, "n");
	report_note(report, NULL, NULL, NULL, "m");
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	report_github(report, out);
	fclose(out);
	cr_assert_str_eq(text, "::warning file=a%3Ab%2Cc%25.yaml,line=2::w\n"
			       "::error file=web.yaml,line=7,col=3,title=Domain/web-1::50%25, a: b (did you "
			       "mean 'memory'?)\n"
			       "::notice title=Domain/x::n\n"
			       "::notice::m\n");
	free(text);
}

Test(report, what_is_left_out_is_counted_and_said)
{
	REPORT_SCOPED report = report_new();
	for (int i = 0; i < REPORT_LIMIT + 7; i++)
		report_warn(report, NULL, NULL, NULL, "number %d", i);
	report_error(report, NULL, NULL, NULL, "late");
	const struct diagnostic *all;
	cr_assert_eq(report_all(report, &all), REPORT_LIMIT);
	cr_assert_eq(report_count(report, SEVERITY_WARNING), REPORT_LIMIT + 7);
	cr_assert_eq(report_count(report, SEVERITY_ERROR), 1);
	char *have = NULL;
	text_of(report, false, &have);
	cr_assert(text_ends(have, "warning: number 999\nnote: 8 more diagnostics are not shown\n"));
	free(have);
	BUFFER_SCOPED out = {0};
	struct json json = json_to_buffer(&out, false);
	report_json(report, &json);
	cr_assert(text_ends(out.text, "\"message\":\"8 more diagnostics are not shown\",\"hint\":null}]"));
}

Test(report, long_messages_are_bounded)
{
	char word[10000];
	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	REPORT_SCOPED report = report_new();
	report_error(report, NULL, NULL, word, "%s", word);
	const struct diagnostic *all;
	report_all(report, &all);
	cr_assert_leq(strlen(all->message), 2003);
	cr_assert(text_ends(all->message, "w..."));
	cr_assert(text_ends(all->hint, "w..."));
}

Test(report, marks_as_text)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert_str_eq(mark_text(arena, &(struct mark){&web, 7, 3}), "web.yaml:7:3");
	cr_assert_str_eq(mark_text(arena, &(struct mark){&web, 7, 0}), "web.yaml:7");
	cr_assert_str_eq(mark_text(arena, &(struct mark){&web, 0, 0}), "web.yaml");
	cr_assert_null(mark_text(arena, &(struct mark){NULL, 7, 3}));
}
