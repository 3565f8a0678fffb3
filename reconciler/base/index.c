/* A sorted array with the begin of each text beside its item: texts and items lie far apart in memory, and a
 * search or a sort that looked at them would wait for it at nearly every step. They are looked at only where
 * the begin decides nothing. */
#include "base/index.h"
#include <stdlib.h>
#include <string.h>

static uint64_t prefix_of(const char *text)
{
	uint64_t prefix = 0;
	int room = 8;
	for (; room && text && *text; room--, text++)
		prefix = prefix << 8 | (unsigned char)*text;
	return room == 8 ? 0 : prefix << 8 * room;
}

static int entry_order(const void *a, const void *b, void *data)
{
	int (*const *order)(const void *, const void *) = data;
	const struct index_entry *one = a, *other = b;
	if (one->prefix != other->prefix)
		return one->prefix < other->prefix ? -1 : 1;
	return (*order)(&one->item, &other->item);
}

struct index index_make(struct arena *arena, const struct list *list, const char *(*key_of)(const void *item),
	int (*order)(const void *, const void *))
{
	struct index index = {
		.entry = arena_array(arena, struct index_entry, list->count), .count = list->count};
	bool sorted = true;
	for (uint32_t i = 0; i < list->count; i++) {
		index.entry[i] = (struct index_entry){
			.prefix = prefix_of(key_of(list->item[i])), .item = list->item[i]};
		if (i && sorted)
			sorted = entry_order(&index.entry[i - 1], &index.entry[i], &order) <= 0;
	}
	if (!sorted)
		qsort_r(index.entry, index.count, sizeof(*index.entry), entry_order, &order);
	return index;
}

uint32_t index_first(const struct index *index, const char *key, const char *(*key_of)(const void *item))
{
	const uint64_t prefix = prefix_of(key);
	uint32_t low = 0, high = index->count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct index_entry *entry = &index->entry[middle];
		bool before = entry->prefix < prefix;
		if (entry->prefix == prefix) {
			const char *text = key_of(entry->item);
			before = strcmp(text ? text : "", key) < 0;
		}
		if (before)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void *index_find(const struct index *index, const char *key, const char *(*key_of)(const void *item))
{
	const uint32_t first = index_first(index, key, key_of);
	if (first == index->count)
		return NULL;
	void *item = index->entry[first].item;
	return text_equal(key_of(item), key) ? item : NULL;
}
