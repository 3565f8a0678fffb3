/* An index: items of a list in the order of a text of theirs, for look-ups among ten thousand. */
#pragma once
#include "base/text.h"

struct index {
	struct index_entry {
		uint64_t prefix; /* the first eight bytes of the text, as a number that orders as they do */
		void *item;
	} * entry;
	uint32_t count;
};
/* In the arena, of what the list holds now. `key_of` gives the text of an item (NULL stands where "" does);
 * it must stay the same for as long as the index is used. `order` compares two items as qsort would over the
 * list: by that text first. */
struct index index_make(struct arena *, const struct list *, const char *(*key_of)(const void *item),
	int (*order)(const void *, const void *));
/* The place of the first item whose text is not before `key`, the count where there is none. */
uint32_t index_first(const struct index *, const char *key, const char *(*key_of)(const void *item));
/* The first item whose text is `key`, or NULL. */
void *index_find(const struct index *, const char *key, const char *(*key_of)(const void *item));
