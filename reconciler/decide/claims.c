/* Claims: who uses which file or device, on the whole host: dom0 itself, disks of all domains that were
 * found, ours or not, with the layers below them, and disks of all domains that are wanted. One writer, or
 * readers: never both, never two writers; neither xl's block script nor QEMU keeps that (docs/xen.md). */
#include "decide/planner.h"
#include "model/chain.h"
#include <stdlib.h>
#include <string.h>

struct claim {
	/* id of the file or device; the uid of a volume that is not there yet; the path of a disk whose id is
	 * not known */
	const char *key;
	uint64_t hash;    /* of the key */
	const char *uuid; /* of the domain */
	const char *who;
	const struct mark *at;
	const struct HaveDomain *have; /* that was found with it; else NULL */
	bool writes, found;
};
struct claims {
	struct claim *item; /* by key, writers first; NULL while they are only counted */
	uint32_t count;
};

static void claim(struct claims *claims, const struct claim *one)
{
	if (!one->key)
		return;
	if (claims->item) {
		claims->item[claims->count] = *one;
		claims->item[claims->count].hash = text_hash(one->key);
	}
	claims->count++;
}

static const char *volume_key(const struct planner *planner, const struct wanted_volume *volume)
{
	const struct HaveVolume *have = volume_plan_of(planner, volume)->have;
	struct link link;
	return have && have_volume_link(have, &link) && link.id ? link.id : volume->uid;
}

/* Layers below the top. What an overlay stands on is read; what carries the data of a layer that writes is
 * written, and so is whatever carries a mounted filesystem. */
static void claim_below(struct claims *claims, const struct HaveVolume *volume, struct claim by)
{
	const struct layer_row *above = NULL;
	for (uint32_t i = volume->chain.count; i-- > 0;) {
		const struct LayerFound *layer = volume->chain.item[i];
		const struct layer_row *row = layer_row_find(layer->layer);
		if (above == &layer_table[Layer_overlay] || row == &layer_table[Layer_image])
			by.writes = false;
		else if (above == &layer_table[Layer_filesystem])
			by.writes = true;
		by.key = layer->id;
		if (above)
			claim(claims, &by);
		above = row;
	}
}

static void claim_found(struct claims *claims, const struct HaveDomain *domain)
{
	if (!KNOWN(domain, HaveDomain, spec) || !domain->spec)
		return;
	for (uint32_t i = 0; i < domain->spec->disks.count; i++) {
		const struct Disk *disk = domain->spec->disks.item[i];
		struct claim by = {.key = disk->id ? disk->id : disk->target,
			.have = domain,
			.uuid = domain->uuid,
			.who = domain->name ? domain->name : domain->uuid,
			.writes = !KNOWN(disk, Disk, access) || disk->access == access_rw,
			.found = true};
		claim(claims, &by);
	}
}

/* dom0 counts as a domain that is there, with a name that no domain can have. */
static void claim_used(struct arena *arena, struct claims *claims, const struct HostUse *use)
{
	struct claim by = {.key = use->id,
		.uuid = "",
		.who = claims->item ? arena_format(arena, "dom0 (%s)", use->what ? use->what : "in use") : "",
		.writes = !KNOWN(use, HostUse, writes) || use->writes,
		.found = true};
	claim(claims, &by);
}

/* What a wanted chain takes that is not its own: an image, a device, an export. By the id of the file or
 * device where that is known. */
struct taken {
	const char *key, *words;
	bool writes;
};

/* The next one from *index (chain.count to begin with) downwards; false: there is none. `above` and `writes`
 * are carried from one to the next. */
static bool next_taken(const struct planner *planner, const struct wanted_volume *volume, uint32_t *index,
	bool *writes, struct taken *taken)
{
	while (*index > 0) {
		const struct Layer *above = *index < volume->chain.count ? volume->chain.item[*index] : NULL;
		const struct Layer *layer = volume->chain.item[--*index];
		if (above && above->filesystem)
			*writes = true;
		else if (above && above->overlay)
			*writes = false;
		*taken = (struct taken){.writes = *writes && !layer->image};
		if (layer->image) {
			const struct HaveImage *image = have_image(planner->have, layer->image->name);
			taken->key = image ? image->id : NULL;
			taken->words = arena_format(planner->arena, "base image %s", layer->image->name);
		} else if (layer->block) {
			const struct HaveFile *file = have_file(planner->have, layer->block->path);
			taken->key = file && file->id ? file->id : layer->block->path;
			taken->words = arena_format(planner->arena, "device %s", layer->block->path);
		} else if ((layer->nbd && layer->nbd->uri) || layer->hlfs) {
			taken->key = layer->nbd ? layer->nbd->uri : layer->hlfs->uri;
			taken->words = arena_format(planner->arena, "export %s", taken->key);
		}
		if (taken->key)
			return true;
	}
	return false;
}

static void claim_wanted(
	const struct planner *planner, struct claims *claims, const struct wanted_domain *domain)
{
	if (domain->spec->power == power_Stopped)
		return;
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		if (!disk->volume)
			continue;
		struct claim by = {.key = volume_key(planner, disk->volume),
			.uuid = domain->uid,
			.who = domain->name,
			.at = disk->disk->at[Disk_volume],
			.writes = disk->disk->access == access_rw};
		claim(claims, &by);
		const struct HaveVolume *have = volume_plan_of(planner, disk->volume)->have;
		if (have)
			claim_below(claims, have, by);
		struct taken taken;
		bool writes = by.writes;
		for (uint32_t at = disk->volume->chain.count;
			next_taken(planner, disk->volume, &at, &writes, &taken);) {
			by.key = taken.key;
			by.writes = taken.writes;
			claim(claims, &by);
		}
	}
}

/* Order is only there to find what is equal: by hash, because texts are far apart in memory. */
static int claim_order(const struct claim *claim, uint64_t hash, const char *key)
{
	if (claim->hash != hash)
		return claim->hash < hash ? -1 : 1;
	return strcmp(claim->key, key);
}

static int by_key(const void *a, const void *b)
{
	const struct claim *one = a, *other = b;
	int order = claim_order(one, other->hash, other->key);
	return order ? order : (int)other->writes - (int)one->writes;
}

static void claim_all(const struct planner *planner, struct claims *claims)
{
	for (uint32_t i = 0; i < planner->have->found->uses.count; i++)
		claim_used(planner->arena, claims, planner->have->found->uses.item[i]);
	for (uint32_t i = 0; i < planner->have->found->domains.count; i++)
		claim_found(claims, planner->have->found->domains.item[i]);
	for (uint32_t i = 0; i < planner->want->domains.count; i++)
		claim_wanted(planner, claims, planner->want->domains.item[i]);
}

struct claims *claims_make(struct planner *planner)
{
	struct claims *claims = arena_make(planner->arena, struct claims);
	claim_all(planner, claims);
	claims->item = arena_array(planner->arena, struct claim, claims->count);
	claims->count = 0;
	claim_all(planner, claims);
	if (claims->count > 1)
		qsort(claims->item, claims->count, sizeof *claims->item, by_key);
	return claims;
}

static uint32_t first_of(const struct claims *claims, uint64_t hash, const char *key)
{
	uint32_t low = 0, high = claims->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (claim_order(&claims->item[middle], hash, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct HaveDomain *claims_found(const struct claims *claims, const char *key, uint32_t *at)
{
	const uint64_t hash = text_hash(key);
	for (uint32_t i = first_of(claims, hash, key) + *at; i < claims->count; i++) {
		if (claim_order(&claims->item[i], hash, key) != 0)
			return NULL;
		++*at;
		if (claims->item[i].have)
			return claims->item[i].have;
	}
	return NULL;
}

/* Readers of one image may be thousands; who reads, too, is told from the writers, which come first. */
static const char *conflict(struct planner *planner, const struct wanted_domain *domain,
	const struct wanted_disk *disk, const char *taken, const char *key, bool writes)
{
	const struct HaveDomain *former = NULL;
	const struct claims *claims = planner->claims;
	const uint64_t hash = text_hash(key);
	for (uint32_t i = first_of(claims, hash, key); i < claims->count; i++) {
		const struct claim *other = &claims->item[i];
		if (claim_order(other, hash, key) != 0 || (!writes && !other->writes))
			break;
		if (strcmp(other->uuid, domain->uid) == 0 &&
			(other->found || other->at == disk->disk->at[Disk_volume]))
			continue;
		/* the same guest under another uid is stopped before this one is created */
		if (other->found && !former)
			former = former_of(planner, domain);
		if (other->found && former && strcmp(other->uuid, former->uuid) == 0)
			continue;
		const char *who = strcmp(other->uuid, domain->uid) == 0 ? "another of its disks" : other->who;
		const char *words = arena_format(planner->arena, "disk %s: %s%s %s by %s%s", disk->disk->vdev,
			taken ? "its " : "volume ", taken ? taken : disk->volume->name,
			other->writes ? "is written" : "is read", who,
			other->found ? ", which is there" : "");
		if (!other->found)
			report_error(planner->report, disk->disk->at[Disk_volume], domain->object->text,
				"one writer, or readers only: give one of them `access: ro` everywhere, or a "
				"volume of its own",
				"disk %s of %s and %s want the same %s%s, and one of them writes",
				disk->disk->vdev, domain->name, who, taken ? "" : "volume ",
				taken ? taken : disk->volume->name);
		return words;
	}
	return NULL;
}

/* A declared volume may be with another guest of ours, though its manifest does not say so any more. A
 * stranger, which is without a description only while it is built or torn down, is not waited for. */
static const char *unseen_holder(
	const struct planner *planner, const struct wanted_domain *domain, const struct wanted_disk *disk)
{
	if (disk->volume->vdev || !volume_plan_of(planner, disk->volume)->have)
		return NULL;
	for (uint32_t i = 0; i < planner->undescribed.count; i++) {
		const struct HaveDomain *other = planner->undescribed.item[i];
		/* the same guest under another uid is stopped before this one is created */
		if (owns_domain(planner, other) && strcmp(other->uuid, domain->uid) != 0 &&
			other != former_of(planner, domain))
			return arena_format(planner->arena,
				"disk %s: %s may have volume %s, its disks are not known", disk->disk->vdev,
				other->name ? other->name : other->uuid, disk->volume->name);
	}
	return NULL;
}

const char *claims_conflict(
	struct planner *planner, const struct wanted_domain *domain, const struct wanted_disk *disk)
{
	const bool writes = disk->disk->access == access_rw;
	const char *words = conflict(planner, domain, disk, NULL, volume_key(planner, disk->volume), writes);
	const struct HaveVolume *have = volume_plan_of(planner, disk->volume)->have;
	struct link link;
	if (!words && have && have_volume_link(have, &link))
		words = conflict(planner, domain, disk, NULL, link.path, writes);
	struct taken taken;
	bool takes = writes;
	for (uint32_t at = disk->volume->chain.count;
		!words && next_taken(planner, disk->volume, &at, &takes, &taken);)
		words = conflict(planner, domain, disk, taken.words, taken.key, taken.writes);
	return words ? words : unseen_holder(planner, domain, disk);
}
