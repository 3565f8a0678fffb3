/* Reading YAML at its bounds: what would grow, nest or loop is refused at its place, and what is shared stays
 * shared. */
#include "want/yaml.h"
#include <criterion/criterion.h>
#include <string.h>

struct reading {
	struct arena *arena;
	struct report *report;
	struct text_file file;
	struct yaml *yaml;
};

static struct reading *reading_make(const char *text, size_t size)
{
	struct arena *arena = arena_new();
	struct reading *reading = arena_make(arena, struct reading);
	reading->arena = arena;
	reading->report = report_new();
	reading->file =
		(struct text_file){.name = "t.yaml", .text = arena_copy(arena, text, size), .size = size};
	reading->yaml = yaml_open(&reading->file, reading->report);
	return reading;
}

static void reading_drop(struct reading **reading)
{
	yaml_close((*reading)->yaml);
	report_free((*reading)->report);
	arena_free((*reading)->arena);
}
#define READING_SCOPED __attribute__((cleanup(reading_drop))) struct reading *

static struct node *next(struct reading *reading)
{
	return yaml_next(reading->yaml, reading->arena);
}

/* The only diagnostic is this message at this place, and reading has ended. */
static void expect_refused(struct reading *reading, const char *message, uint32_t line, uint32_t column)
{
	while (next(reading))
		;
	const struct diagnostic *first;
	cr_assert_eq(report_all(reading->report, &first), 1);
	cr_expect_str_eq(first->message, message);
	cr_expect_eq(first->mark.line, line, "line %u", first->mark.line);
	cr_expect_eq(first->mark.column, column, "column %u", first->mark.column);
	cr_expect(yaml_broken(reading->yaml));
}

Test(yaml, documents_come_one_by_one_and_empty_ones_are_null)
{
	const char text[] = "a: 1\n---\n---\n- b\n...\n# only a comment\n";
	READING_SCOPED reading = reading_make(text, strlen(text));
	const struct node *node = next(reading);
	cr_assert(node && node->kind == NODE_MAPPING && node->count == 2);
	cr_expect_str_eq(node->item[1]->text, "1");
	node = next(reading);
	cr_assert(node && node->kind == NODE_NULL);
	node = next(reading);
	cr_assert(node && node->kind == NODE_SEQUENCE && node->count == 1);
	cr_expect_eq(node->item[0]->mark.line, 4);
	cr_expect_eq(node->item[0]->mark.column, 3);
	cr_expect_null(next(reading));
	cr_expect_not(yaml_broken(reading->yaml));
}

Test(yaml, a_comment_alone_is_no_document)
{
	READING_SCOPED reading = reading_make("# nothing\n", 10);
	cr_expect_null(next(reading));
	cr_expect_not(yaml_broken(reading->yaml));
}

Test(yaml, aliases_share_and_stand_where_the_author_wrote_them)
{
	const char text[] = "a: &x [1, 2]\nb: *x\n";
	READING_SCOPED reading = reading_make(text, strlen(text));
	const struct node *node = next(reading);
	cr_assert(node && node->count == 4);
	cr_expect_eq(node->item[1]->item, node->item[3]->item);
	cr_expect_eq(node->item[3]->mark.line, 2);
	cr_expect_eq(node->item[3]->mark.column, 4);
}

Test(yaml, a_byte_order_mark_takes_no_column)
{
	const char text[] = "\xef\xbb\xbf"
			    "a: 1\n";
	READING_SCOPED reading = reading_make(text, strlen(text));
	const struct node *node = next(reading);
	cr_assert_not_null(node);
	cr_expect_eq(node->item[1]->mark.column, 4);
}

Test(yaml, ten_thousand_levels_are_refused_at_the_first_too_many)
{
	static char text[20001];
	memset(text, '[', 10000);
	memset(text + 10000, ']', 10000);
	READING_SCOPED reading = reading_make(text, 20000);
	expect_refused(reading, "nested more than 64 levels deep", 1, 65);
}

Test(yaml, ten_thousand_levels_of_block_are_refused)
{
	static char text[20002];
	for (int i = 0; i < 20000; i += 2)
		memcpy(text + i, "- ", 2);
	READING_SCOPED reading = reading_make(text, 20000);
	expect_refused(reading, "nested more than 64 levels deep", 1, 129);
}

Test(yaml, sixty_four_levels_are_read)
{
	char text[129];
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	READING_SCOPED reading = reading_make(text, 128);
	cr_expect_not_null(next(reading));
	cr_expect_not(yaml_broken(reading->yaml));
}

/* Forty levels, and an alias to them below thirty more. */
Test(yaml, aliases_do_not_hide_depth)
{
	char text[300];
	size_t at = (size_t)sprintf(text, "- &x ");
	memset(text + at, '[', 40);
	memset(text + at + 40, ']', 40);
	at += 80;
	at += (size_t)sprintf(text + at, "\n- ");
	memset(text + at, '[', 30);
	at += 30;
	at += (size_t)sprintf(text + at, "*x");
	memset(text + at, ']', 30);
	READING_SCOPED reading = reading_make(text, at + 30);
	expect_refused(reading, "nested more than 64 levels deep", 2, 33);
}

Test(yaml, a_bomb_does_not_grow)
{
	BUFFER_SCOPED text = {0};
	buffer_text(&text, "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
	for (int i = 1; i < 40; i++) {
		buffer_format(&text, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			buffer_format(&text, "%s*a%d", j ? ", " : "", i - 1);
		buffer_text(&text, "]\n");
	}
	READING_SCOPED reading = reading_make(text.text, text.size);
	cr_expect_null(next(reading));
	const struct diagnostic *first;
	cr_assert_eq(report_all(reading->report, &first), 1);
	cr_expect_str_eq(first->message, "the aliases expand to more than 1 MiB");
	cr_expect_leq(first->mark.line, 6, "at the alias that passes the bound");
	cr_expect_lt(arena_size(reading->arena), 1 << 20);
}

Test(yaml, a_large_text_is_refused)
{
	BUFFER_SCOPED text = {0};
	buffer_text(&text, "a: ");
	for (int i = 0; i < (YAML_TEXT_LIMIT >> 4) + 1; i++)
		buffer_text(&text, "sixteen letters.");
	READING_SCOPED reading = reading_make(text.text, text.size);
	expect_refused(reading, "a text of 1048592 bytes: at most 1048576 are allowed", 1, 4);
}

Test(yaml, duplicate_keys_of_a_large_map_are_found)
{
	BUFFER_SCOPED text = {0};
	for (int i = 0; i < 5000; i++)
		buffer_format(&text, "key%d: %d\n", i, i);
	buffer_text(&text, "key7: again\n");
	READING_SCOPED reading = reading_make(text.text, text.size);
	cr_expect_not_null(next(reading));
	const struct diagnostic *first;
	cr_assert_eq(report_all(reading->report, &first), 2);
	cr_expect_eq(first[0].mark.line, 8);
	cr_expect_eq(first[1].mark.line, 5001);
	cr_expect(yaml_broken(reading->yaml));
}

Test(yaml, an_error_in_one_document_leaves_the_next)
{
	const char text[] = "a: !Ref x\n---\nb: 1\n";
	READING_SCOPED reading = reading_make(text, strlen(text));
	cr_expect_not_null(next(reading));
	const struct node *node = next(reading);
	cr_assert_not_null(node);
	cr_expect_str_eq(node->item[0]->text, "b");
	cr_expect(yaml_broken(reading->yaml));
}

Test(yaml, core_tags_are_let_pass)
{
	const char text[] = "a: !!str 12\nb: !!int 12\nc: !!map {}\nd: ! no\n";
	READING_SCOPED reading = reading_make(text, strlen(text));
	const struct node *node = next(reading);
	cr_assert_not_null(node);
	cr_expect(node->item[1]->quoted);
	cr_expect_not(node->item[3]->quoted);
	cr_expect(node->item[7]->quoted);
	cr_expect_not(yaml_broken(reading->yaml));
}
