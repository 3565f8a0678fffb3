#include "base/text.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_escaped(const char *bytes, size_t size, size_t limit, const char *want)
{
	BUFFER_SCOPED out = {0};
	buffer_escaped(&out, bytes, size, limit);
	cr_assert_str_eq(buffer_string(&out), want);
}

Test(buffer, grows_and_stays_terminated)
{
	BUFFER_SCOPED buffer = {0};
	cr_assert_str_eq(buffer_string(&buffer), "");
	for (int i = 0; i < 1000; i++) {
		buffer_format(&buffer, "%03d", i);
		cr_assert_eq(buffer.text[buffer.size], '\0');
	}
	cr_assert_eq(buffer.size, 3000);
	cr_assert_str_eq(buffer.text + 2994, "998999");
	buffer_text(&buffer, "");
	buffer_char(&buffer, 'x');
	buffer_bytes(&buffer, "a\0b", 3);
	cr_assert_eq(buffer.size, 3004);
	cr_assert_eq(memcmp(buffer.text + 3000, "xa\0b", 5), 0);
}

Test(buffer, formatting_nothing_is_an_empty_text)
{
	BUFFER_SCOPED buffer = {0};
	buffer_format(&buffer, "%s", "");
	cr_assert_eq(buffer.size, 0);
	cr_assert_str_eq(buffer_string(&buffer), "");
}

Test(buffer, escapes_what_steers_a_terminal)
{
	assert_escaped("a\033[31mb\r\n", 9, 100, "a\\x1b[31mb\\x0d\\x0a");
	assert_escaped("a\0b\x7f", 4, 100, "a\\x00b\\x7f");
	assert_escaped("Gr\xc3\xb6\xc3\x9f"
		       "e \xe2\x82\xac \xf0\x9f\x90\xb3",
		16, 100,
		"Gr\xc3\xb6\xc3\x9f"
		"e \xe2\x82\xac \xf0\x9f\x90\xb3");
	/* U+009B, the one-character CSI, and U+202E, which turns a line around */
	assert_escaped("\xc2\x9b\xe2\x80\xae", 5, 100, "\\xc2\\x9b\\xe2\\x80\\xae");
	assert_escaped("\xff\xc3", 2, 100, "\\xff\\xc3");
}

Test(buffer, escaping_is_bounded_at_whole_characters)
{
	assert_escaped("abcdef", 6, 6, "abcdef");
	assert_escaped("abcdef", 6, 5, "abcde...");
	assert_escaped("ab\xc3\xb6", 4, 3, "ab...");
	assert_escaped("abc", 3, 0, "...");
	assert_escaped("", 0, 0, "");
}

Test(list, keeps_order_as_it_grows)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = {0};
	int numbers[100];
	for (int i = 0; i < 100; i++)
		list_add(arena, &list, &numbers[i]);
	cr_assert_eq(list.count, 100);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(list.item[i], &numbers[i]);
}

Test(text, compares)
{
	cr_assert(text_equal(NULL, NULL));
	cr_assert_not(text_equal(NULL, ""));
	cr_assert_not(text_equal("", NULL));
	cr_assert(text_equal("a", "a"));
	cr_assert_not(text_equal("a", "A"));
	cr_assert(text_starts("xvda", "xv"));
	cr_assert(text_starts("xvda", ""));
	cr_assert_not(text_starts("xv", "xvda"));
	cr_assert(text_ends("web.yaml", ".yaml"));
	cr_assert_not(text_ends("yaml", ".yaml"));
	cr_assert_not(text_ends("web.yamlx", ".yaml"));
}

Test(text, utf8_as_rfc3629)
{
	static const struct {
		const char *bytes;
		size_t size;
		bool valid;
	} cases[] = {
		{"", 0, true},
		{"plain", 5, true},
		{"\xc3\xb6", 2, true},
		{"\xed\x9f\xbf", 3, true},     /* the last before the surrogates */
		{"\xf4\x8f\xbf\xbf", 4, true}, /* the last of all */
		{"a\0b", 3, false},
		{"\xc3", 1, false},
		{"\xc3(", 2, false},
		{"\xc0\x80", 2, false}, /* too long */
		{"\xc1\xbf", 2, false},
		{"\xe0\x9f\xbf", 3, false},
		{"\xf0\x8f\xbf\xbf", 4, false},
		{"\xed\xa0\x80", 3, false}, /* a surrogate */
		{"\xf4\x90\x80\x80", 4, false},
		{"\xf5\x80\x80\x80", 4, false},
		{"\x80", 1, false},
	};
	for (size_t i = 0; i < COUNT(cases); i++)
		cr_assert_eq(text_utf8(cases[i].bytes, cases[i].size), cases[i].valid, "case %zu", i);
}

Test(text, character_numbers)
{
	uint32_t code = 0;
	cr_assert_eq(text_character("\xf0\x9f\x90\xb3!", 5, &code), 4);
	cr_assert_eq(code, 0x1f433);
	cr_assert_eq(text_character("\xe2\x82\xac", 3, &code), 3);
	cr_assert_eq(code, 0x20ac);
	cr_assert_eq(text_character("\xe2\x82\xac", 2, &code), 0);
	cr_assert_eq(text_character("", 0, &code), 0);
}

Test(text, nearest_spelling)
{
	static const char *const keys[] = {
		"memory", "vcpus", "disks", "nics", "boot", "type", "on", "protect"};
	static const struct {
		const char *word, *want;
	} cases[] = {
		{"memroy", "memory"}, /* a swap is one */
		{"Memory", "memory"}, {"memoryy", "memory"}, {"mmoory", "memory"}, {"vcpu", "vcpus"},
		{"cpus", "vcpus"}, {"disk", "disks"}, {"bott", "boot"}, {"tpye", "type"},
		{"protetced", "protect"}, {"network", NULL}, {"mem", NULL}, {"x", NULL}, {"", NULL},
		{"beet", NULL}, /* two of four letters */
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *have = text_nearest(cases[i].word, keys, COUNT(keys));
		cr_assert(text_equal(have, cases[i].want), "%s gave %s", cases[i].word,
			have ? have : "nothing");
	}
}

Test(text, nearest_takes_the_first_of_equals_and_bears_long_words)
{
	static const char *const equals[] = {"boat", "boot", "bout"};
	cr_assert_str_eq(text_nearest("bo_t", equals, 3), "boat");
	cr_assert_str_eq(text_nearest("bout", equals, 3), "bout");
	cr_assert_null(text_nearest("boot", NULL, 0));

	char word[2000];
	memset(word, 'a', sizeof(word));
	word[sizeof(word) - 1] = '\0';
	const char *const choices[] = {word};
	cr_assert_null(text_nearest(word, choices, 1));
	cr_assert_null(text_nearest("aaa", choices, 1));
	word[64] = '\0';
	cr_assert_str_eq(text_nearest(word, choices, 1), word);
}

Test(text, sha256_of_known_texts)
{
	char digest[65];
	text_sha256("abc", 3, digest);
	cr_assert_str_eq(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	text_sha256("", 0, digest);
	cr_assert_str_eq(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

Test(text, beneath)
{
	cr_assert(text_beneath("/a/b", "/a"));
	cr_assert(text_beneath("/a", "/a"));
	cr_assert(text_beneath("/a", "/"));
	cr_assert(text_beneath("/", "/"));
	cr_assert_not(text_beneath("/ab", "/a"));
	cr_assert_not(text_beneath("/", "/a"));
	cr_assert_not(text_beneath("/b/a", "/a"));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

Test(text, a_list_is_sorted_from_any_order)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = {0};
	list_sort(&list, by_text);
	for (int i = 0; i < 1000; i++)
		list_add(arena, &list, arena_format(arena, "%03d", i * 7 % 1000));
	list_sort(&list, by_text);
	list_sort(&list, by_text);
	for (int i = 0; i < 1000; i++)
		cr_assert_eq(atoi(list.item[i]), i);
}

/* "" is told as NULL, as an object says that it has no name */
static const char *named(const void *item)
{
	return *(const char *)item ? item : NULL;
}

Test(text, a_sorted_list_finds_the_first_of_a_text)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = {0};
	cr_assert_eq(list_first(&list, "a", named), 0u);
	cr_assert_null(list_find(&list, "a", named));
	static const char *const texts[] = {"", "b", "b", "b", "d"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		list_add(arena, &list, arena_text(arena, texts[i]));
	cr_assert_eq(list_first(&list, "b", named), 1u);
	cr_assert_eq(list_first(&list, "c", named), 4u);
	cr_assert_eq(list_first(&list, "e", named), 5u);
	cr_assert_eq(list_find(&list, "b", named), list.item[1]);
	cr_assert_eq(list_find(&list, "d", named), list.item[4]);
	cr_assert_null(list_find(&list, "c", named));
	cr_assert_null(list_find(&list, "e", named));
	cr_assert_null(list_find(&list, "", named), "what has no text is not found by an empty one");
}

Test(text, what_is_taken_out_of_a_list_leaves_no_gap)
{
	ARENA_SCOPED arena = arena_new();
	struct list list = {0};
	for (char *at = (char[]){"abcd"}; *at; at++)
		list_add(arena, &list, arena_copy(arena, at, 1));
	list_remove(&list, 3);
	list_remove(&list, 0);
	cr_assert_eq(list.count, 2u);
	cr_assert_str_eq(list.item[0], "b");
	cr_assert_str_eq(list.item[1], "c");
}

Test(text, what_repeats_is_kept_once_and_what_differs_apart)
{
	ARENA_SCOPED arena = arena_new();
	struct recent recent = {0};
	const char *first = recent_copy(arena, &recent, "xenbr0, and more", 6);
	cr_assert_str_eq(first, "xenbr0");
	cr_assert_eq(recent_copy(arena, &recent, "xenbr0", 6), first);
	cr_assert_neq(recent_copy(arena, NULL, "xenbr0", 6), first);
	/* more texts than it remembers: those that share a place push each other out, none is mixed up */
	for (int i = 0; i < 20000; i++) {
		char text[16];
		int length = snprintf(text, sizeof text, "%d", i % 5000);
		cr_assert_str_eq(recent_copy(arena, &recent, text, (size_t)length), text);
	}
	cr_assert_str_eq(recent_copy(arena, &recent, "", 0), "");
	cr_assert_eq(memcmp(recent_copy(arena, &recent, "a\0b", 3), "a\0b", 4), 0);
}
