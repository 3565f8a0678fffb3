/* Claims: who uses which file or device, on the whole host: disks of all domains that were found, ours or
 * not, with the layers below them, and disks of all domains that are wanted. One writer, or readers: never
 * both, never two writers (neither xl's block script nor QEMU keeps that; facts: the same file rw in two
 * guests is accepted). */
#include "decide/planner.h"
#include <stdlib.h>
#include <string.h>

struct claim {
	const char *key;  /* id of the file or device; "volume UID" of a volume that is not there yet */
	const char *uuid; /* of the domain */
	const char *who;
	const struct mark *at;
	bool writes, found;
};
struct claims {
	struct claim *item;
	uint32_t count, room;
};

static void claim(struct planner *planner, struct claims *claims, const struct claim *one)
{
	if (!one->key)
		return;
	if (claims->count == claims->room) {
		uint32_t room = claims->room ? claims->room * 2 : 64;
		struct claim *item = arena_array(planner->arena, struct claim, room);
		if (claims->count)
			memcpy(item, claims->item, sizeof *item * claims->count);
		claims->item = item;
		claims->room = room;
	}
	claims->item[claims->count++] = *one;
}

static const char *volume_key(struct planner *planner, const struct wanted_volume *volume)
{
	const struct HaveVolume *have = have_volume(planner->have, volume->uid);
	struct link link;
	if (have && have_volume_link(have, &link) && link.id)
		return link.id;
	return arena_format(planner->arena, "volume %s", volume->uid);
}

/* Layers below the top are read. */
static void claim_below(
	struct planner *planner, struct claims *claims, const struct HaveVolume *volume, struct claim by)
{
	by.writes = false;
	for (uint32_t i = 0; i + 1 < volume->chain.count; i++) {
		by.key = ((struct LayerFound *)volume->chain.item[i])->id;
		claim(planner, claims, &by);
	}
}

static void claim_found(struct planner *planner, struct claims *claims, const struct HaveDomain *domain)
{
	if (!KNOWN(domain, HaveDomain, spec) || !domain->spec)
		return;
	for (uint32_t i = 0; i < domain->spec->disks.count; i++) {
		const struct Disk *disk = domain->spec->disks.item[i];
		struct claim by = {.key = disk->id,
			.uuid = domain->uuid,
			.who = domain->name ? domain->name : domain->uuid,
			.writes = !KNOWN(disk, Disk, access) || disk->access == access_rw,
			.found = true};
		claim(planner, claims, &by);
	}
}

static void claim_wanted(struct planner *planner, struct claims *claims, const struct wanted_domain *domain)
{
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		if (!disk->volume)
			continue;
		struct claim by = {.key = volume_key(planner, disk->volume),
			.uuid = domain->uid,
			.who = domain->name,
			.at = disk->disk->at[Disk_volume],
			.writes = disk->disk->access == access_rw};
		claim(planner, claims, &by);
		const struct HaveVolume *have = have_volume(planner->have, disk->volume->uid);
		if (have)
			claim_below(planner, claims, have, by);
		for (uint32_t k = 0; k < disk->volume->chain.count; k++) {
			const struct Layer *layer = disk->volume->chain.item[k];
			const struct HaveImage *image =
				layer->image ? have_image(planner->have, layer->image->name) : NULL;
			by.writes = false;
			by.key = image ? image->id : NULL;
			claim(planner, claims, &by);
		}
	}
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct claim *)a)->key, ((const struct claim *)b)->key);
}

struct claims *claims_make(struct planner *planner)
{
	struct claims *claims = arena_make(planner->arena, struct claims);
	for (uint32_t i = 0; i < planner->have->found->domains.count; i++)
		claim_found(planner, claims, planner->have->found->domains.item[i]);
	for (uint32_t i = 0; i < planner->want->domains.count; i++)
		claim_wanted(planner, claims, planner->want->domains.item[i]);
	if (claims->count > 1)
		qsort(claims->item, claims->count, sizeof *claims->item, by_key);
	return claims;
}

/* The claims of one key: [*from, end). */
static uint32_t group(const struct claims *claims, const char *key, uint32_t *from)
{
	uint32_t low = 0, high = claims->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (strcmp(claims->item[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*from = low;
	while (low < claims->count && strcmp(claims->item[low].key, key) == 0)
		low++;
	return low;
}

static const char *conflict(struct planner *planner, const struct wanted_domain *domain,
	const struct wanted_disk *disk, const char *key, bool writes)
{
	uint32_t from;
	const uint32_t end = key ? group(planner->claims, key, &from) : 0;
	for (uint32_t i = key ? from : 0; i < end; i++) {
		const struct claim *other = &planner->claims->item[i];
		if (strcmp(other->uuid, domain->uid) == 0 || (!writes && !other->writes))
			continue;
		const char *words = arena_format(planner->arena, "disk %s: volume %s %s by %s%s",
			disk->disk->vdev, disk->volume->name, other->writes ? "is written" : "is read",
			other->who, other->found ? ", which is there" : "");
		if (!other->found)
			report_error(planner->report, disk->disk->at[Disk_volume], domain->object->text,
				"one writer, or readers only: give one of them `access: ro` everywhere, or a "
				"volume of its own",
				"disk %s of %s and %s want the same volume %s, and one of them writes",
				disk->disk->vdev, domain->name, other->who, disk->volume->name);
		return words;
	}
	return NULL;
}

const char *claims_conflict(
	struct planner *planner, const struct wanted_domain *domain, const struct wanted_disk *disk)
{
	const char *words = conflict(
		planner, domain, disk, volume_key(planner, disk->volume), disk->disk->access == access_rw);
	for (uint32_t i = 0; !words && i < disk->volume->chain.count; i++) {
		const struct Layer *layer = disk->volume->chain.item[i];
		const struct HaveImage *image =
			layer->image ? have_image(planner->have, layer->image->name) : NULL;
		if (image && KNOWN(image, HaveImage, id))
			words = conflict(planner, domain, disk, image->id, false);
	}
	return words;
}
