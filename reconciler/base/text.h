/* Text: a growing buffer, spelling distance, escaping, and lists in an arena. */
#pragma once
#include "base/arena.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing text; `text` is NUL-terminated whenever size > 0. Start with BUFFER_SCOPED name = {0};
 * allocation failure ends the program. */
struct buffer {
	char *text;
	size_t size, room;
};
void buffer_free(struct buffer *);
#define BUFFER_SCOPED __attribute__((cleanup(buffer_free))) struct buffer
void buffer_bytes(struct buffer *, const void *bytes, size_t size);
void buffer_text(struct buffer *, const char *text);
void buffer_char(struct buffer *, char c);
void buffer_format(struct buffer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends untrusted bytes so that a terminal and a log stay whole: printable ASCII and valid UTF-8 as it is,
 * everything else, and what steers a terminal though valid (text_visible), as \xNN; at most `limit` bytes of
 * the input, then "...". */
void buffer_escaped(struct buffer *, const char *bytes, size_t size, size_t limit);
/* The text, "" where nothing was added; belongs to the buffer. */
const char *buffer_string(const struct buffer *);

/* Pointers in an arena that grow by doubling. */
struct list {
	void **item;
	uint32_t count, room;
};
void list_add(struct arena *, struct list *, void *item);
/* As qsort; costs next to nothing where the order is there already. */
void list_sort(struct list *, int (*order)(const void *, const void *));
/* Takes out the item at `index`; those behind it move up. */
void list_remove(struct list *, uint32_t index);
/* In a list sorted by the texts that key_of gives for its items (NULL stands where "" does): the place of the
 * first whose text is not before `key`, the count where there is none. */
uint32_t list_first(const struct list *, const char *key, const char *(*key_of)(const void *item));
/* The first item whose text is `key`, or NULL. */
void *list_find(const struct list *, const char *key, const char *(*key_of)(const void *item));

/* Texts that were copied into an arena of late: what comes again and again is kept once. Start with {0}. */
struct recent {
	struct recent_text {
		const char *text;
		uint64_t hash;
	} text[1 << 10];
};
/* As arena_copy, or what it gave for the same bytes before; recent NULL: a copy. Not to be written to. */
const char *recent_copy(struct arena *, struct recent *, const char *bytes, size_t size);

bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);
/* Bytes of the valid UTF-8 character that `bytes` starts with, 0 where it is none; its number in *code. */
size_t text_character(const char *bytes, size_t size, uint32_t *code);
/* False for characters that steer a terminal or reorder a line: controls, separators, direction marks. */
bool text_visible(uint32_t code);
/* A number that differs for texts that differ, as good as always; the same in every run. */
uint64_t text_hash(const char *text);
/* Is the path `path` the folder `folder` itself or below it? Both as file_absolute returns them. */
bool text_beneath(const char *path, const char *folder);
bool text_utf8(const char *bytes, size_t size); /* valid UTF-8 without NUL */

/* The nearest of `choices` to `word` by Damerau-Levenshtein distance (case ignored), or NULL when none is
 * nearer than a third of the word's length (at least 1, at most 3). For did-you-mean. */
const char *text_nearest(const char *word, const char *const *choices, size_t count);

/* Lower-case hex digits and a NUL: 2 * size + 1 bytes. */
void text_hex(const uint8_t *bytes, size_t size, char *out);
/* Lower-case hex sha256 of bytes into out[65]. Through nettle, which uses the processor's own instructions.
 */
void text_sha256(const void *bytes, size_t size, char out[65]);
