/* Texts: a buffer that grows by doubling and never fails, UTF-8 as RFC 3629 has it, and the spelling distance
 * behind did-you-mean. Nothing here knows what a text is about. */
#include "base/text.h"
#include <ctype.h>
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_free(struct buffer *buffer)
{
	free(buffer->text);
	*buffer = (struct buffer){0};
}

/* Room for `more` bytes and the NUL behind them. */
static void buffer_reserve(struct buffer *buffer, size_t more)
{
	if (more >= SIZE_MAX / 2 - buffer->size)
		memory_ended();
	size_t need = buffer->size + more + 1;
	if (need <= buffer->room)
		return;
	size_t room = buffer->room ? buffer->room : 64;
	while (room < need)
		room *= 2;
	char *text = realloc(buffer->text, room);
	if (!text)
		memory_ended();
	buffer->text = text;
	buffer->room = room;
}

void buffer_bytes(struct buffer *buffer, const void *bytes, size_t size)
{
	if (!size)
		return;
	buffer_reserve(buffer, size);
	memcpy(buffer->text + buffer->size, bytes, size);
	buffer->size += size;
	buffer->text[buffer->size] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text)
{
	buffer_bytes(buffer, text, strlen(text));
}

void buffer_char(struct buffer *buffer, char c)
{
	buffer_bytes(buffer, &c, 1);
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	buffer_reserve(buffer, 64);
	size_t room = buffer->room - buffer->size;
	int length = vsnprintf(buffer->text + buffer->size, room, format, arguments);
	va_end(arguments);
	if (length < 0)
		memory_ended();
	if ((size_t)length >= room) {
		buffer_reserve(buffer, (size_t)length);
		vsnprintf(buffer->text + buffer->size, (size_t)length + 1, format, again);
	}
	va_end(again);
	buffer->size += (size_t)length;
}

void buffer_escaped(struct buffer *buffer, const char *bytes, size_t size, size_t limit)
{
	size_t at = 0;
	while (at < size) {
		uint32_t code;
		size_t length = text_character(bytes + at, size - at, &code);
		size_t step = length ? length : 1;
		if (step > limit - at) {
			buffer_text(buffer, "...");
			return;
		}
		if (length && text_visible(code))
			buffer_bytes(buffer, bytes + at, length);
		else
			for (size_t i = 0; i < step; i++)
				buffer_format(buffer, "\\x%02x", (unsigned char)bytes[at + i]);
		at += step;
	}
}

const char *buffer_string(const struct buffer *buffer)
{
	return buffer->size ? buffer->text : "";
}

void list_add(struct arena *arena, struct list *list, void *item)
{
	if (list->count == list->room) {
		if (list->room > UINT32_MAX / 2)
			memory_ended();
		uint32_t room = list->room ? list->room * 2 : 2;
		void **items = arena_array(arena, void *, room);
		if (list->count)
			memcpy(items, list->item, sizeof(*items) * list->count);
		list->item = items;
		list->room = room;
	}
	list->item[list->count++] = item;
}

void list_sort(struct list *list, int (*order)(const void *, const void *))
{
	for (uint32_t i = 1; i < list->count; i++)
		if (order(&list->item[i - 1], &list->item[i]) > 0) {
			qsort(list->item, list->count, sizeof(*list->item), order);
			return;
		}
}

void list_remove(struct list *list, uint32_t index)
{
	list->count--;
	memmove(list->item + index, list->item + index + 1, sizeof(*list->item) * (list->count - index));
}

uint32_t list_first(const struct list *list, const char *key, const char *(*key_of)(const void *item))
{
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const char *text = key_of(list->item[middle]);
		if (strcmp(text ? text : "", key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *list_find(const struct list *list, const char *key, const char *(*key_of)(const void *item))
{
	uint32_t first = list_first(list, key, key_of);
	return first < list->count && text_equal(key_of(list->item[first]), key) ? list->item[first] : NULL;
}

bool text_equal(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* FNV-1a */
uint64_t text_hash(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (; *text; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3;
	return hash;
}

/* FNV-1a by words instead of bytes, with the upper half folded in: quick, and good enough for a guess that is
 * checked. */
static uint64_t words_hash(const char *bytes, size_t size)
{
	uint64_t hash = 0xcbf29ce484222325 ^ size, word;
	for (; size >= sizeof(word); bytes += sizeof(word), size -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
	}
	word = 0;
	memcpy(&word, bytes, size);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 32;
}

const char *recent_copy(struct arena *arena, struct recent *recent, const char *bytes, size_t size)
{
	if (!recent || memchr(bytes, '\0', size))
		return arena_copy(arena, bytes, size);
	const size_t places = sizeof(recent->text) / sizeof(*recent->text);
	const uint64_t hash = words_hash(bytes, size);
	struct recent_text *place = &recent->text[hash % places];
	/* the text itself is looked at only if it is likely the same: it is far away in memory */
	if (!place->text || place->hash != hash || strncmp(place->text, bytes, size) != 0 ||
		place->text[size])
		*place = (struct recent_text){.text = arena_copy(arena, bytes, size), .hash = hash};
	return place->text;
}

bool text_starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends(const char *text, const char *suffix)
{
	size_t length = strlen(text), tail = strlen(suffix);
	return tail <= length && memcmp(text + length - tail, suffix, tail) == 0;
}

size_t text_character(const char *bytes, size_t size, uint32_t *code)
{
	const unsigned char *byte = (const unsigned char *)bytes;
	if (!size)
		return 0;
	if (byte[0] < 0x80) {
		*code = byte[0];
		return 1;
	}
	size_t length = byte[0] >= 0xf0 ? 4 : byte[0] >= 0xe0 ? 3 : 2;
	if (byte[0] < 0xc2 || byte[0] > 0xf4 || size < length)
		return 0;
	uint32_t value = byte[0] & (0x7fU >> length);
	for (size_t i = 1; i < length; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (byte[i] & 0x3f);
	}
	bool too_long = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
	if (too_long || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
		return 0;
	*code = value;
	return length;
}

bool text_visible(uint32_t code)
{
	bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
	bool direction = (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
			 (code >= 0x2066 && code <= 0x2069);
	return !control && !direction;
}

bool text_utf8(const char *bytes, size_t size)
{
	for (size_t at = 0, length; at < size; at += length) {
		uint32_t code;
		length = text_character(bytes + at, size - at, &code);
		if (!length || !code)
			return false;
	}
	return true;
}

enum { WORD_LONGEST = 64 };

/* Insertion, deletion, substitution and the swap of two neighbours cost one each; three rows of the usual
 * table are enough because a swap looks back two. Both words are at most WORD_LONGEST long. */
static unsigned word_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned char rows[3][WORD_LONGEST + 1];
	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = (unsigned char)j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned char *row = rows[i % 3], *above = rows[(i + 2) % 3], *twice = rows[(i + 1) % 3];
		row[0] = (unsigned char)i;
		for (size_t j = 1; j <= b_length; j++) {
			int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
			unsigned best = above[j - 1] + (x != y);
			if (above[j] + 1U < best)
				best = above[j] + 1U;
			if (row[j - 1] + 1U < best)
				best = row[j - 1] + 1U;
			if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
				y == tolower((unsigned char)a[i - 2]) && twice[j - 2] + 1U < best)
				best = twice[j - 2] + 1U;
			row[j] = (unsigned char)best;
		}
	}
	return rows[a_length % 3][b_length];
}

const char *text_nearest(const char *word, const char *const *choices, size_t count)
{
	size_t length = strlen(word);
	if (!length || length > WORD_LONGEST)
		return NULL;
	unsigned bound = length < 6 ? 1 : length < 9 ? 2 : 3;
	const char *nearest = NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = strlen(choices[i]);
		if (other > WORD_LONGEST)
			continue;
		unsigned distance = word_distance(word, length, choices[i], other);
		/* a distance as long as both words means that they share nothing */
		if (distance > bound || distance >= (length > other ? length : other))
			continue;
		nearest = choices[i];
		if (!distance)
			break;
		bound = distance - 1;
	}
	return nearest;
}

void text_hex(const uint8_t *bytes, size_t size, char *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < size; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
}

void text_sha256(const void *bytes, size_t size, char out[65])
{
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&context);
	sha256_update(&context, size, bytes);
	sha256_digest(&context, sizeof digest, digest);
	text_hex(digest, sizeof digest, out);
}

bool text_beneath(const char *path, const char *folder)
{
	size_t length = strlen(folder);
	if (length == 1 && *folder == '/')
		return *path == '/';
	return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}
