/* Look-ups in WANT. Every list is sorted, so each is a binary search. */
#include "model/want.h"
#include <string.h>

/* Binary search for `key` by a function that gives the sort key of an item. */
static void *find(const struct list *list, const char *key, const char *(*key_of)(const void *))
{
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(key_of(list->item[middle]), key);
		if (order == 0)
			return list->item[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static const char *domain_key(const void *item)
{
	return ((const struct wanted_domain *)item)->name;
}

static const char *image_key(const void *item)
{
	return ((const struct wanted_image *)item)->name;
}

struct wanted_domain *want_domain(const struct want *want, const char *name)
{
	return find(&want->domains, name, domain_key);
}

struct wanted_image *want_image(const struct want *want, const char *name)
{
	return find(&want->images, name, image_key);
}

struct wanted_volume *want_volume(const struct want *want, const char *uid)
{
	const struct list *index = &want->volumes_by_uid;
	uint32_t low = 0, high = index->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		struct wanted_volume *volume = index->item[middle];
		int order = strcmp(volume->uid, uid);
		if (order == 0)
			return volume;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct object *want_object(const struct want *want, enum kind kind, const char *name)
{
	uint32_t low = 0, high = want->objects.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct object *object = want->objects.item[middle];
		int order =
			object->kind != kind ? (object->kind < kind ? -1 : 1) : strcmp(object->name, name);
		if (order == 0)
			return object;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

bool want_names(const struct want *want, const char *uid)
{
	uint32_t low = 0, high = want->uids.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = strcmp(want->uids.item[middle], uid);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
