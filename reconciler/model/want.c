/* Look-ups in WANT. Every list is sorted or has an index, so each is a binary search. */
#include "model/want.h"
#include <string.h>

static const char *domain_key(const void *item)
{
	return ((const struct wanted_domain *)item)->name;
}

static const char *image_key(const void *item)
{
	return ((const struct wanted_image *)item)->name;
}

static const char *volume_key(const void *item)
{
	return ((const struct wanted_volume *)item)->uid;
}

static const char *text_key(const void *item)
{
	return item;
}

struct wanted_domain *want_domain(const struct want *want, const char *name)
{
	return list_find(&want->domains, name, domain_key);
}

struct wanted_image *want_image(const struct want *want, const char *name)
{
	return list_find(&want->images, name, image_key);
}

struct wanted_volume *want_volume(const struct want *want, const char *uid)
{
	return index_find(&want->volumes_by_uid, uid, volume_key);
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
	return index_find(&want->uids, uid, text_key) != NULL;
}
