/* Look-ups in HAVE. Domains are found by UUID through a sorted index; the lists keep their documented order.
 */
#include "model/have.h"
#include "model/action.h"
#include <stdlib.h>
#include <string.h>

struct have *have_new(void)
{
	struct arena *arena = arena_new();
	struct have *have = arena_make(arena, struct have);
	have->arena = arena;
	have->found = type_new(arena, &type_Observation);
	have->found->host = type_new(arena, &type_HostFacts);
	KNOW(have->found, Observation, host, have->found->host);
	KNOW(have->found, Observation, apiVersion, "xensteer/v1");
	KNOW(have->found, Observation, kind, "Observation");
	return have;
}

void have_free(struct have *have)
{
	if (have)
		arena_free(have->arena);
}

static int by_domid(const void *a, const void *b)
{
	const struct HaveDomain *one = *(struct HaveDomain *const *)a, *two = *(struct HaveDomain *const *)b;
	if (one->domid != two->domid)
		return one->domid < two->domid ? -1 : 1;
	return strcmp(one->uuid ? one->uuid : "", two->uuid ? two->uuid : "");
}

static int by_uuid(const void *a, const void *b)
{
	const struct HaveDomain *one = *(struct HaveDomain *const *)a, *two = *(struct HaveDomain *const *)b;
	int order = strcmp(one->uuid ? one->uuid : "", two->uuid ? two->uuid : "");
	return order ? order : by_domid(a, b);
}

static const char *volume_name(const struct HaveVolume *volume)
{
	return volume->name ? volume->name : "";
}

static int by_name(const void *a, const void *b)
{
	const struct HaveDomain *one = *(struct HaveDomain *const *)a, *two = *(struct HaveDomain *const *)b;
	int order = strcmp(one->name ? one->name : "", two->name ? two->name : "");
	return order ? order : by_domid(a, b);
}

static int by_volume_name(const void *a, const void *b)
{
	const struct HaveVolume *one = *(struct HaveVolume *const *)a, *two = *(struct HaveVolume *const *)b;
	int order = strcmp(volume_name(one), volume_name(two));
	return order ? order : strcmp(one->uid ? one->uid : "", two->uid ? two->uid : "");
}

static int by_volume_uid(const void *a, const void *b)
{
	const struct HaveVolume *one = *(struct HaveVolume *const *)a, *two = *(struct HaveVolume *const *)b;
	return strcmp(one->uid ? one->uid : "", two->uid ? two->uid : "");
}

static const char *volume_id(const struct HaveVolume *volume)
{
	struct link link;
	return have_volume_link(volume, &link) && link.id ? link.id : "";
}

static int by_volume_id(const void *a, const void *b)
{
	int order =
		strcmp(volume_id(*(struct HaveVolume *const *)a), volume_id(*(struct HaveVolume *const *)b));
	return order ? order : by_volume_name(a, b);
}

static const char *volume_domain(const struct HaveVolume *volume)
{
	return volume->label && volume->label->domain ? volume->label->domain : "";
}

static int by_volume_domain(const void *a, const void *b)
{
	int order = strcmp(
		volume_domain(*(struct HaveVolume *const *)a), volume_domain(*(struct HaveVolume *const *)b));
	return order ? order : by_volume_name(a, b);
}

static int by_image_name(const void *a, const void *b)
{
	return strcmp((*(struct HaveImage *const *)a)->name, (*(struct HaveImage *const *)b)->name);
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct HaveFile *const *)a)->path, (*(struct HaveFile *const *)b)->path);
}

static struct list sorted_copy(
	struct arena *arena, const struct list *list, int (*order)(const void *, const void *))
{
	struct list copy = {
		.item = arena_array(arena, void *, list->count), .count = list->count, .room = list->count};
	if (list->count)
		memcpy(copy.item, list->item, sizeof *list->item * list->count);
	list_sort(&copy, order);
	return copy;
}

void have_sort(struct have *have)
{
	struct Observation *found = have->found;
	list_sort(&found->domains, by_domid);
	list_sort(&found->volumes, by_volume_name);
	list_sort(&found->images, by_image_name);
	list_sort(&found->files, by_path);
	have->domains_by_uuid = sorted_copy(have->arena, &found->domains, by_uuid);
	have->domains_by_name = sorted_copy(have->arena, &found->domains, by_name);
	have->volumes_by_id = sorted_copy(have->arena, &found->volumes, by_volume_id);
	have->volumes_by_domain = sorted_copy(have->arena, &found->volumes, by_volume_domain);
	have->volumes_by_uid = sorted_copy(have->arena, &found->volumes, by_volume_uid);
}

/* The first volume of a list, sorted by what `key_of` gives, that is not before `key`. */
static uint32_t first_volume(
	const struct list *list, const char *(*key_of)(const struct HaveVolume *), const char *key)
{
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (strcmp(key_of(list->item[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct HaveVolume *have_volume_on(const struct have *have, const char *id)
{
	const struct list *list = &have->volumes_by_id;
	const uint32_t first = first_volume(list, volume_id, id);
	return *id && first < list->count && strcmp(volume_id(list->item[first]), id) == 0 ? list->item[first]
											   : NULL;
}

struct HaveVolume *const *have_volumes_of(const struct have *have, const char *domain_uid, uint32_t *count)
{
	const struct list *list = &have->volumes_by_domain;
	const uint32_t first = first_volume(list, volume_domain, domain_uid);
	*count = 0;
	while (first + *count < list->count &&
		strcmp(volume_domain(list->item[first + *count]), domain_uid) == 0)
		++*count;
	return *count ? (struct HaveVolume *const *)&list->item[first] : NULL;
}

/* The first item of a sorted list whose key (a text at `offset` in the item) is `key`. */
static void *find(const struct list *list, size_t offset, const char *key)
{
	uint32_t low = 0, high = list->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const char *text = *(const char **)((char *)list->item[middle] + offset);
		if (strcmp(text ? text : "", key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == list->count)
		return NULL;
	const char *text = *(const char **)((char *)list->item[low] + offset);
	return text && strcmp(text, key) == 0 ? list->item[low] : NULL;
}

struct HaveDomain *have_domain(const struct have *have, const char *uuid)
{
	return find(&have->domains_by_uuid, offsetof(struct HaveDomain, uuid), uuid);
}

struct HaveDomain *have_domain_named(const struct have *have, const char *xen_name)
{
	return find(&have->domains_by_name, offsetof(struct HaveDomain, name), xen_name);
}

struct HaveVolume *have_volume(const struct have *have, const char *uid)
{
	return find(&have->volumes_by_uid, offsetof(struct HaveVolume, uid), uid);
}

struct HaveImage *have_image(const struct have *have, const char *name)
{
	return find(&have->found->images, offsetof(struct HaveImage, name), name);
}

struct HaveFile *have_file(const struct have *have, const char *path)
{
	return find(&have->found->files, offsetof(struct HaveFile, path), path);
}

bool have_can(const struct have *have, enum verb verb)
{
	const struct texts *cannot = &have->found->host->cannot;
	for (uint32_t i = 0; i < cannot->count; i++)
		if (strcmp(cannot->item[i], verb_table[verb].verb) == 0)
			return false;
	return true;
}

bool have_volume_link(const struct HaveVolume *volume, struct link *link)
{
	if (!KNOWN(volume, HaveVolume, state) || volume->state != volume_state_complete ||
		!volume->chain.count)
		return false;
	const struct LayerFound *top = volume->chain.item[volume->chain.count - 1];
	*link = (struct link){.path = top->path,
		.id = top->id,
		.format = (enum disk_format)top->format,
		.block = top->path && strncmp(top->path, "/dev/", 5) == 0,
		.size = top->size};
	return top->path != NULL;
}
