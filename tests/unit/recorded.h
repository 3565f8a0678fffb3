/* What a real Xen printed, from tests/unit/recorded; tests run in the root of the tree. */
#pragma once
#include "base/file.h"
#include <criterion/criterion.h>

static inline char *recorded(struct arena *arena, const char *name, size_t *size)
{
	size_t ignored;
	const char *path = arena_format(arena, "tests/unit/recorded/%s", name);
	char *text = file_read(arena, path, 1 << 20, size ? size : &ignored);
	cr_assert_not_null(text, "%s", path);
	return text;
}
