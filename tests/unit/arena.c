#include "base/arena.h"
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

Test(arena, pieces_are_zeroed_aligned_and_apart)
{
	ARENA_SCOPED arena = arena_new();
	unsigned char *pieces[2000];
	size_t sizes[2000];
	for (size_t i = 0; i < 2000; i++) {
		sizes[i] = i * 37 % 3000;
		pieces[i] = arena_alloc(arena, sizes[i]);
		cr_assert_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < sizes[i]; j++)
			cr_assert_eq(pieces[i][j], 0);
		memset(pieces[i], (int)(i % 251) + 1, sizes[i]);
	}
	for (size_t i = 0; i < 2000; i++) {
		for (size_t j = 0; j < sizes[i]; j++)
			cr_assert_eq(pieces[i][j], i % 251 + 1);
	}
}

Test(arena, empty_pieces_differ)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert_neq(arena_alloc(arena, 0), arena_alloc(arena, 0));
}

Test(arena, one_large_piece_does_not_waste_the_block)
{
	ARENA_SCOPED arena = arena_new();
	arena_alloc(arena, 16);
	arena_alloc(arena, 10 << 20);
	size_t before = arena_size(arena);
	arena_alloc(arena, 16);
	cr_assert_eq(arena_size(arena), before);
	cr_assert_lt(before, (10 << 20) + (64 << 10));
}

Test(arena, small_pieces_take_few_bytes_more_than_they_are)
{
	ARENA_SCOPED arena = arena_new();
	for (int i = 0; i < 100000; i++)
		arena_alloc(arena, 32);
	cr_assert_geq(arena_size(arena), 3200000);
	cr_assert_lt(arena_size(arena), 2 * 3200000);
}

Test(arena, texts)
{
	ARENA_SCOPED arena = arena_new();
	cr_assert_null(arena_text(arena, NULL));
	cr_assert_str_eq(arena_text(arena, "web-1"), "web-1");
	cr_assert_str_eq(arena_copy(arena, "web-1", 3), "web");
	cr_assert_str_eq(arena_copy(arena, NULL, 0), "");
	cr_assert_str_eq(arena_format(arena, "%s-%d", "web", 12), "web-12");
	char *longest = arena_format(arena, "%0*d", 9000, 7);
	cr_assert_eq(strlen(longest), 9000);
}

Test(arena, texts_and_other_pieces_do_not_meet)
{
	ARENA_SCOPED arena = arena_new();
	char *texts[2000];
	unsigned char *pieces[2000];
	for (size_t i = 0; i < 2000; i++) {
		texts[i] = arena_format(arena, "%0*zu", (int)(i % 400) + 1, i);
		pieces[i] = arena_alloc(arena, i % 90 + 1);
		memset(pieces[i], 0xff, i % 90 + 1);
	}
	for (size_t i = 0; i < 2000; i++) {
		char expected[512];
		snprintf(expected, sizeof expected, "%0*zu", (int)(i % 400) + 1, i);
		cr_assert_str_eq(texts[i], expected);
	}
}

Test(arena, reset_gives_zeroed_memory_again_and_takes_no_more)
{
	ARENA_SCOPED arena = arena_new();
	size_t size = 0;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 300; i++) {
			unsigned char *piece = arena_alloc(arena, 100);
			for (size_t j = 0; j < 100; j++)
				cr_assert_eq(piece[j], 0);
			memset(piece, 0xff, 100);
			cr_assert_str_eq(arena_text(arena, "web-1"), "web-1");
		}
		if (round == 1)
			size = arena_size(arena);
		arena_reset(arena);
	}
	cr_assert_leq(arena_size(arena), size);
}

Test(arena, impossible_size_ends_the_program)
{
	int ends[2];
	cr_assert_eq(pipe(ends), 0);
	const pid_t child = fork();
	cr_assert_geq(child, 0);
	if (!child) {
		volatile size_t size = SIZE_MAX - 8;
		dup2(ends[1], STDERR_FILENO);
		arena_alloc(arena_new(), size);
		_exit(0);
	}
	close(ends[1]);
	char said[256] = "";
	size_t length = 0;
	for (ssize_t got; (got = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
		length += (size_t)got;
	close(ends[0]);
	int status = 0;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	cr_expect_str_eq(said, "xensteer: out of memory\n");
}

Test(arena, nothing_is_freed_safely)
{
	arena_free(NULL);
	ARENA_SCOPED arena = NULL;
	cr_assert_null(arena);
}
