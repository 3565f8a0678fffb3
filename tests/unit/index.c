/* An index finds what a walk over the list would find, whatever the texts have in common. */
#include "base/index.h"
#include <criterion/criterion.h>
#include <string.h>

static const char *itself(const void *item)
{
	return *(const char *)item ? item : NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct index made(struct arena *arena, const char *const *texts)
{
	struct list list = {0};
	for (; *texts; texts++)
		list_add(arena, &list, arena_text(arena, *texts));
	return index_make(arena, &list, itself, by_text);
}

Test(index, texts_are_in_the_order_of_their_bytes)
{
	ARENA_SCOPED arena = arena_new();
	const char *texts[] = {"web-10000", "b", "\xc3\xa4", "web-1000", "", "web-10000-and-more", "web-1",
		"web-10001", "a", "web-100", NULL};
	const struct index index = made(arena, texts);
	cr_assert_eq(index.count, 10u);
	for (uint32_t i = 1; i < index.count; i++)
		cr_expect_lt(strcmp(index.entry[i - 1].item, index.entry[i].item), 0);
	for (size_t i = 0; texts[i]; i++)
		if (*texts[i])
			cr_expect_str_eq(index_find(&index, texts[i], itself), texts[i]);
	cr_expect_null(index_find(&index, "web-10002", itself));
	cr_expect_null(index_find(&index, "web-10", itself));
	cr_expect_null(index_find(&index, "zebra", itself));
	cr_expect_null(index_find(&index, "", itself), "what has no text is not found by an empty one");
	cr_expect_eq(index_first(&index, "zebra", itself), 9u, "only the umlaut is behind it");
	cr_expect_eq(index_first(&index, "\xff", itself), index.count);
}

Test(index, the_first_of_equal_texts_is_found)
{
	ARENA_SCOPED arena = arena_new();
	const char *texts[] = {"same-for-long", "same-for-longer", "same-for-long", "same", NULL};
	const struct index index = made(arena, texts);
	cr_expect_eq(index_first(&index, "same-for-long", itself), 1u);
	cr_expect_eq(index_find(&index, "same-for-long", itself), index.entry[1].item);
	cr_expect_str_eq(index.entry[2].item, "same-for-long");
}

Test(index, nothing_is_found_in_nothing)
{
	ARENA_SCOPED arena = arena_new();
	const char *texts[] = {NULL};
	const struct index index = made(arena, texts);
	cr_expect_null(index_find(&index, "a", itself));
	cr_expect_eq(index_first(&index, "a", itself), 0u);
}
