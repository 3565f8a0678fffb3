/* Blocks from calloc in a chain, each twice the size of the one before up to a bound. A piece comes from the
 * first block; one that would waste it gets a block of its own behind it. Pieces are zeroed because blocks
 * are and no piece is handed out twice. Texts need no alignment: they are taken from the end of the block,
 * byte by byte, while all else grows towards them. */
#include "base/arena.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK_FIRST = 4 << 10, BLOCK_LARGEST = 1 << 20 };

struct block {
	struct block *next;
	size_t used, texts; /* from the begin; where the texts begin that stand at the end */
	size_t room;
	max_align_t bytes[];
};

struct arena {
	struct block *first;
	size_t next_room;
	size_t size;
};

void memory_ended(void)
{
	static const char message[] = "xensteer: out of memory\n";
	ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
	(void)ignored;
	_exit(1);
}

struct arena *arena_new(void)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	if (!arena)
		memory_ended();
	arena->next_room = BLOCK_FIRST;
	return arena;
}

void arena_free(struct arena *arena)
{
	if (!arena)
		return;
	for (struct block *block = arena->first, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	free(arena);
}

void arena_reset(struct arena *arena)
{
	struct block *largest = arena->first;
	for (struct block *block = arena->first; block; block = block->next)
		if (block->room > largest->room)
			largest = block;
	if (!largest)
		return;
	for (struct block *block = arena->first, *next; block; block = next) {
		next = block->next;
		if (block != largest)
			free(block);
	}
	memset(largest->bytes, 0, largest->used);
	memset((char *)largest->bytes + largest->texts, 0, largest->room - largest->texts);
	largest->used = 0;
	largest->texts = largest->room;
	largest->next = NULL;
	arena->first = largest;
	arena->size = sizeof(*largest) + largest->room;
}

/* A text of many megabytes comes in by huge pages where the kernel has them: thousands of page faults cost
 * more than reading it. Smaller blocks do not: they would hold memory that nobody needs. */
static void block_widen(struct block *block)
{
	enum { PAGE = 4 << 10, HUGE = 4 << 20 };
	if (block->room < HUGE)
		return;
	const uintptr_t start = ((uintptr_t)block + PAGE - 1) / PAGE * PAGE;
	/* a hint: whether it is taken makes no difference but to time */
	madvise((void *)start, (uintptr_t)block + block->room - start, MADV_HUGEPAGE);
}

static struct block *block_new(struct arena *arena, size_t room)
{
	struct block *block = calloc(1, sizeof(*block) + room);
	if (!block)
		memory_ended();
	block->room = block->texts = room;
	block_widen(block);
	arena->size += sizeof(*block) + room;
	return block;
}

/* A block with that much room between its two ends. */
static struct block *block_with(struct arena *arena, size_t size)
{
	struct block *block = arena->first;
	if (block && block->texts - block->used >= size)
		return block;
	if (block && size > arena->next_room / 4) {
		block = block_new(arena, size);
		block->next = arena->first->next;
		arena->first->next = block;
		return block;
	}
	block = block_new(arena, size > arena->next_room ? size : arena->next_room);
	block->next = arena->first;
	arena->first = block;
	if (arena->next_room < BLOCK_LARGEST)
		arena->next_room *= 2;
	return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t align = _Alignof(max_align_t);
	if (size > PTRDIFF_MAX - sizeof(struct block) - align)
		memory_ended();
	size = size ? (size + align - 1) / align * align : align;
	struct block *block = block_with(arena, size);
	void *piece = (char *)block->bytes + block->used;
	block->used += size;
	return piece;
}

char *arena_copy(struct arena *arena, const char *bytes, size_t length)
{
	if (length > PTRDIFF_MAX - sizeof(struct block) - 1)
		memory_ended();
	struct block *block = block_with(arena, length + 1);
	block->texts -= length + 1;
	char *copy = (char *)block->bytes + block->texts;
	if (length)
		memcpy(copy, bytes, length);
	return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
	return text ? arena_copy(arena, text, strlen(text)) : NULL;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int length = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (length < 0)
		memory_ended();
	char *copy = NULL;
	if ((size_t)length < sizeof(text)) {
		copy = arena_copy(arena, text, (size_t)length);
	} else {
		copy = arena_alloc(arena, (size_t)length + 1);
		vsnprintf(copy, (size_t)length + 1, format, again);
	}
	va_end(again);
	return copy;
}

size_t arena_size(const struct arena *arena)
{
	return arena->size;
}
