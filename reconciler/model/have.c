/* Look-ups in HAVE. Domains are found by UUID through a sorted index; the lists keep their documented order.
 */
#include "model/have.h"
#include "model/action.h"
#include "model/chain.h"
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

static const char *volume_id(const void *item)
{
	const struct HaveVolume *volume = item;
	struct link link;
	return have_volume_link(volume, &link) && link.id ? link.id : "";
}

static int by_volume_id(const void *a, const void *b)
{
	int order =
		strcmp(volume_id(*(struct HaveVolume *const *)a), volume_id(*(struct HaveVolume *const *)b));
	return order ? order : by_volume_name(a, b);
}

static const char *volume_domain(const void *item)
{
	const struct HaveVolume *volume = item;
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

static const char *domain_uuid(const void *item)
{
	return ((const struct HaveDomain *)item)->uuid;
}

static const char *domain_name(const void *item)
{
	return ((const struct HaveDomain *)item)->name;
}

static const char *volume_uid(const void *item)
{
	return ((const struct HaveVolume *)item)->uid;
}

static const char *drive_domain(const void *item)
{
	const struct HaveDrive *drive = item;
	return drive->domain ? drive->domain : "";
}

static int by_drive_domain(const void *a, const void *b)
{
	const struct HaveDrive *one = *(struct HaveDrive *const *)a, *two = *(struct HaveDrive *const *)b;
	int order = strcmp(drive_domain(one), drive_domain(two));
	return order ? order : strcmp(one->path ? one->path : "", two->path ? two->path : "");
}

static const char *content_domain(const void *item)
{
	return ((const struct wanted_content *)item)->domain;
}

static int by_content_domain(const void *a, const void *b)
{
	return strcmp(content_domain(*(const void *const *)a), content_domain(*(const void *const *)b));
}

static const char *image_name(const void *item)
{
	return ((const struct HaveImage *)item)->name;
}

static const char *file_path(const void *item)
{
	return ((const struct HaveFile *)item)->path;
}

void have_sort(struct have *have)
{
	struct Observation *found = have->found;
	list_sort(&found->domains, by_domid);
	list_sort(&found->volumes, by_volume_name);
	list_sort(&found->images, by_image_name);
	list_sort(&found->files, by_path);
	list_sort(&found->drives, by_drive_domain);
	have->domains_by_uuid = index_make(have->arena, &found->domains, domain_uuid, by_uuid);
	have->domains_by_name = index_make(have->arena, &found->domains, domain_name, by_name);
	have->volumes_by_id = index_make(have->arena, &found->volumes, volume_id, by_volume_id);
	have->volumes_by_domain = index_make(have->arena, &found->volumes, volume_domain, by_volume_domain);
	have->volumes_by_uid = index_make(have->arena, &found->volumes, volume_uid, by_volume_uid);
	have->drives_by_domain = index_make(have->arena, &found->drives, drive_domain, by_drive_domain);
	have->contents_by_domain =
		index_make(have->arena, &have->contents, content_domain, by_content_domain);
}

struct HaveVolume *have_volume_on(const struct have *have, const char *id)
{
	return *id ? index_find(&have->volumes_by_id, id, volume_id) : NULL;
}

const struct index_entry *have_volumes_of(const struct have *have, const char *domain_uid, uint32_t *count)
{
	const struct index *index = &have->volumes_by_domain;
	const uint32_t first = index_first(index, domain_uid, volume_domain);
	*count = 0;
	while (first + *count < index->count &&
		strcmp(volume_domain(index->entry[first + *count].item), domain_uid) == 0)
		++*count;
	return *count ? &index->entry[first] : NULL;
}

const struct index_entry *have_drives_of(const struct have *have, const char *domain_uid, uint32_t *count)
{
	const struct index *index = &have->drives_by_domain;
	const uint32_t first = index_first(index, domain_uid, drive_domain);
	*count = 0;
	while (first + *count < index->count &&
		strcmp(drive_domain(index->entry[first + *count].item), domain_uid) == 0)
		++*count;
	return *count ? &index->entry[first] : NULL;
}

struct HaveDrive *have_drive(const struct have *have, const char *domain_uid, const char *content)
{
	uint32_t count;
	const struct index_entry *drives = content ? have_drives_of(have, domain_uid, &count) : NULL;
	if (!drives)
		return NULL;
	for (uint32_t i = 0; i < count; i++) {
		struct HaveDrive *drive = drives[i].item;
		if (text_equal(drive->content, content))
			return drive;
	}
	return NULL;
}

const char *have_wanted_content(const struct have *have, const char *domain_uid)
{
	const struct wanted_content *wanted =
		index_find(&have->contents_by_domain, domain_uid, content_domain);
	return wanted ? wanted->content : NULL;
}

struct HaveDomain *have_domain(const struct have *have, const char *uuid)
{
	return index_find(&have->domains_by_uuid, uuid, domain_uuid);
}

struct HaveDomain *have_domain_named(const struct have *have, const char *xen_name)
{
	return index_find(&have->domains_by_name, xen_name, domain_name);
}

struct HaveVolume *have_volume(const struct have *have, const char *uid)
{
	return index_find(&have->volumes_by_uid, uid, volume_uid);
}

struct HaveImage *have_image(const struct have *have, const char *name)
{
	return list_find(&have->found->images, name, image_name);
}

struct HaveFile *have_file(const struct have *have, const char *path)
{
	return list_find(&have->found->files, path, file_path);
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

bool have_is_on(const struct Disk *disk, const struct HaveVolume *volume)
{
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *layer = volume->chain.item[i];
		const struct layer_row *row = layer_row_find(layer->layer);
		if (row && (row->makes || row->binds) &&
			((disk->id && text_equal(disk->id, layer->id)) ||
				(disk->target && text_equal(disk->target, layer->path))))
			return true;
	}
	return false;
}

const struct HaveDomain *have_holder(
	const struct have *have, const struct HaveVolume *volume, uint32_t *at, const struct Disk **disk)
{
	const struct list *domains = &have->found->domains;
	while (*at < domains->count) {
		const struct HaveDomain *domain = domains->item[(*at)++];
		const struct list *disks = KNOWN(domain, HaveDomain, spec) && domain->spec
						   ? &domain->spec->disks
						   : &(struct list){0};
		for (uint32_t i = 0; i < disks->count; i++) {
			*disk = disks->item[i];
			if (have_is_on(*disk, volume))
				return domain;
		}
	}
	return NULL;
}

/* One more object's source: false where it is another than the others'. */
static bool same_source(const char **all, const char *source)
{
	if (!source || (*all && strcmp(*all, source) != 0))
		return false;
	*all = source;
	return true;
}

const char *have_source(const struct have *have, const char *owner)
{
	const char *source = NULL;
	const struct list *domains = &have->found->domains, *volumes = &have->found->volumes;
	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];
		if (KNOWN(domain, HaveDomain, owned) && domain->owned && domain->mark &&
			text_equal(domain->mark->owner, owner) && !same_source(&source, domain->mark->source))
			return NULL;
	}
	for (uint32_t i = 0; i < volumes->count; i++) {
		const struct Label *label = ((const struct HaveVolume *)volumes->item[i])->label;
		if (label && text_equal(label->owner, owner) && !same_source(&source, label->source))
			return NULL;
	}
	return source;
}

/* "ID CHANGED", as a label records the base of a layer. */
static bool is_base(const char *recorded, const struct HaveImage *image)
{
	const size_t length = strlen(image->id);
	return strncmp(recorded, image->id, length) == 0 && recorded[length] == ' ' &&
	       strcmp(recorded + length + 1, image->changed) == 0;
}

const char *have_changed_base(const struct have *have, const struct HaveVolume *volume)
{
	const struct list *recorded =
		volume->label && KNOWN(volume->label, Label, chain) ? &volume->label->chain : NULL;
	for (uint32_t i = 0; recorded && i < recorded->count; i++) {
		const struct LayerFound *layer = recorded->item[i];
		const struct HaveImage *image =
			KNOWN(layer, LayerFound, base) ? have_image(have, layer->base) : NULL;
		if (!image)
			continue;
		const bool by_file = KNOWN(layer, LayerFound, baseId) && KNOWN(image, HaveImage, id) &&
				     KNOWN(image, HaveImage, changed);
		const bool by_digest = KNOWN(layer, LayerFound, digest) && KNOWN(image, HaveImage, digest);
		if (by_file ? !is_base(layer->baseId, image)
			    : by_digest && strcmp(layer->digest, image->digest) != 0)
			return image->name;
	}
	return NULL;
}
