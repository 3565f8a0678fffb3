/* An arena: memory that is handed out piece by piece and given back whole. One per generation of WANT and one
 * per observation, so that nothing inside needs an owner of its own. Allocation failure ends the program
 * here, with a message: no caller checks for it. */
#pragma once
#include <stddef.h>

struct arena;

/* A new, empty arena; the caller frees it with arena_free (NULL is allowed there). */
struct arena *arena_new(void);
void arena_free(struct arena *);
static inline void arena_drop(struct arena **arena)
{
	arena_free(*arena);
}
#define ARENA_SCOPED __attribute__((cleanup(arena_drop))) struct arena *

/* Takes back all that was handed out and keeps the largest block for what comes: for scratch memory in a
 * loop. */
void arena_reset(struct arena *);

/* Zeroed memory, aligned for any type; lives as long as the arena. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *, size_t size) __attribute__((returns_nonnull, malloc, alloc_size(2)));
#define arena_make(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (count)))

/* A NUL-terminated copy; of the first `length` bytes for arena_copy. arena_text(NULL) is NULL. */
char *arena_copy(struct arena *, const char *bytes, size_t length) __attribute__((returns_nonnull));
char *arena_text(struct arena *, const char *text);
char *arena_format(struct arena *, const char *format, ...)
	__attribute__((format(printf, 2, 3), returns_nonnull));

/* Says that memory ended and ends the program: for allocations outside an arena too. */
void memory_ended(void) __attribute__((noreturn));

/* Bytes taken from the system so far, for tests and benchmarks. */
size_t arena_size(const struct arena *);
