/* What an author need not write: identities, names and addresses that follow from them, and the lists that
 * all rooms above read. Derived values are the same every time (docs/hacking.md, rule 5). A derived field has
 * the mark of what it came from, so that whatever is said about it later points into the manifest. */
#include "model/cpus.h"
#include "want/loading.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void complete_nic(struct loading *loading, struct loaded *loaded, struct Nic *nic, uint32_t place)
{
	const struct DomainSpec *spec = loaded->object.domain->spec;
	const struct mark *own = type_mark(&type_Nic, nic), *at = own ? own : spec->at[DomainSpec_nics];
	if (!nic->at[Nic_name]) {
		nic->name = arena_format(loading->arena, "eth%u", place);
		nic->at[Nic_name] = at;
		for (uint32_t i = 0; i < spec->nics.count; i++) {
			const struct Nic *other = spec->nics.item[i];
			if (other != nic && other->name && strcmp(other->name, nic->name) == 0)
				object_error(loading, loaded, at, also_at(loading, other->at[Nic_name]),
					"spec.nics: without a name this is %s by its place, and another is "
					"called so",
					nic->name);
		}
	}
	char mac[MAC_SIZE];
	if (nic->at[Nic_mac])
		snprintf(mac, sizeof(mac), "%s", nic->mac);
	else
		mac_of(loading->options->host->macPrefix, loaded->uid, nic->name, mac);
	for (char *c = mac; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	nic->mac = arena_text(loading->arena, mac);
	if (!nic->at[Nic_mac])
		nic->at[Nic_mac] = at;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char *uid_itself(const void *uid)
{
	return uid;
}

void complete_identities(struct loading *loading)
{
	const struct list *objects = &loading->want->objects;
	ARENA_SCOPED scratch = arena_new();
	struct list uids = {0};
	for (uint32_t i = 0; i < objects->count; i++) {
		struct loaded *loaded = objects->item[i];
		const struct Metadata *metadata = loaded_metadata(loaded);
		if (loaded->object.broken || loaded->object.kind == KIND_IMAGE)
			continue;
		const char *name = metadata->renamedFrom ? metadata->renamedFrom : loaded->object.name;
		if (metadata->uid)
			snprintf(loaded->uid, sizeof(loaded->uid), "%s", metadata->uid);
		else
			uid_of(loading->options->owner, kind_name[loaded->object.kind], name, loaded->uid);
		list_add(scratch, &uids, loaded->uid);
		if (loaded->object.kind != KIND_DOMAIN || loaded->object.elsewhere)
			continue;
		struct DomainSpec *spec = loaded->object.domain->spec;
		for (uint32_t j = 0; j < spec->nics.count; j++)
			complete_nic(loading, loaded, spec->nics.item[j], j);
		if (spec->at[DomainSpec_cpus])
			spec->cpus = cpus_canonical(loading->arena, spec->cpus);
		if (!spec->shutdown)
			spec->shutdown = type_new(loading->arena, &type_Shutdown);
	}
	loading->want->uids = index_make(loading->arena, &uids, uid_itself, text_order);
}

static void complete_image(struct loading *loading, const struct loaded *loaded)
{
	const struct ImageSpec *spec = loaded->object.image->spec;
	struct wanted_image *image = arena_make(loading->arena, struct wanted_image);
	image->object = &loaded->object;
	image->index = loading->want->images.count;
	image->name = loaded->object.name;
	image->path = policy_image_path(loading, spec);
	image->format = (enum disk_format)spec->format;
	image->sha256 = spec->sha256;
	list_add(loading->arena, &loading->want->images, image);
}

static void complete_volume(struct loading *loading, const struct loaded *loaded)
{
	const struct Volume *body = loaded->object.volume;
	struct wanted_volume *volume = arena_make(loading->arena, struct wanted_volume);
	volume->name = loaded->object.name;
	memcpy(volume->uid, loaded->uid, sizeof(volume->uid));
	volume->object = &loaded->object;
	volume->chain = body->spec->chain;
	volume->reclaim = (enum reclaim)body->spec->reclaim;
	volume->protect = body->metadata->protect;
	volume->at = body->spec->at[VolumeSpec_chain];
	list_add(loading->arena, &loading->want->volumes, volume);
}

static struct wanted_volume *complete_inline(
	struct loading *loading, const struct wanted_domain *domain, const struct Disk *disk)
{
	struct wanted_volume *volume = arena_make(loading->arena, struct wanted_volume);
	volume->name = arena_format(loading->arena, "%s-%s", domain->name, disk->vdev);
	uid_of_inline(domain->uid, disk->vdev, volume->uid);
	volume->object = domain->object;
	volume->vdev = disk->vdev;
	volume->domain_uid = domain->uid;
	volume->chain = disk->volume->chain;
	volume->reclaim = (enum reclaim)disk->volume->reclaim;
	volume->protect = domain->object->domain->metadata->protect;
	volume->at = disk->volume->at[VolumeUse_chain];
	list_add(loading->arena, &loading->want->volumes, volume);
	return volume;
}

static void complete_domain(struct loading *loading, const struct loaded *loaded)
{
	const struct DomainSpec *spec = loaded->object.domain->spec;
	struct wanted_domain *domain = arena_make(loading->arena, struct wanted_domain);
	domain->object = &loaded->object;
	memcpy(domain->uid, loaded->uid, sizeof(domain->uid));
	domain->name = loaded->object.name;
	domain->xen_name = spec->domainName ? spec->domainName : domain->name;
	domain->spec = spec;
	uint32_t count = spec->disks.count;
	domain->disks = (struct list){
		.item = arena_array(loading->arena, void *, count), .count = count, .room = count};
	for (uint32_t i = 0; i < count; i++) {
		struct wanted_disk *disk = arena_make(loading->arena, struct wanted_disk);
		disk->disk = spec->disks.item[i];
		const struct VolumeUse *use = disk->disk->volume;
		const struct loaded *declared =
			use->name ? loaded_find(loading, KIND_VOLUME, use->name) : NULL;
		if (!use->name)
			disk->volume = complete_inline(loading, domain, disk->disk);
		else if (declared)
			disk->volume = want_volume(loading->want, declared->uid);
		domain->disks.item[i] = disk;
	}
	domain->config = config_complete(loading, loaded, domain);
	list_add(loading->arena, &loading->want->domains, domain);
}

static int volume_by_name(const void *a, const void *b)
{
	return strcmp((*(struct wanted_volume *const *)a)->name, (*(struct wanted_volume *const *)b)->name);
}

static int volume_by_uid(const void *a, const void *b)
{
	return strcmp((*(struct wanted_volume *const *)a)->uid, (*(struct wanted_volume *const *)b)->uid);
}

static const char *volume_uid(const void *volume)
{
	return ((const struct wanted_volume *)volume)->uid;
}

/* want->volumes_by_uid from want->volumes. */
static void index_volumes(struct want *want)
{
	want->volumes_by_uid = index_make(want->arena, &want->volumes, volume_uid, volume_by_uid);
}

/* Declared volumes come first, because disks look them up; objects are in order, so the lists are. */
void complete_lists(struct loading *loading)
{
	struct want *want = loading->want;
	static const enum kind order[] = {KIND_IMAGE, KIND_VOLUME, KIND_DOMAIN};
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		for (uint32_t j = 0; j < want->objects.count; j++) {
			const struct loaded *loaded = want->objects.item[j];
			if (loaded->object.kind != order[i] || loaded->object.broken ||
				loaded->object.elsewhere)
				continue;
			if (order[i] == KIND_IMAGE)
				complete_image(loading, loaded);
			else if (order[i] == KIND_VOLUME)
				complete_volume(loading, loaded);
			else
				complete_domain(loading, loaded);
		}
		/* for the disks that name one */
		if (order[i] == KIND_VOLUME)
			index_volumes(want);
	}
	if (want->volumes_by_uid.count < want->volumes.count)
		index_volumes(want);
	list_sort(&want->volumes, volume_by_name);
	for (uint32_t i = 0; i < want->volumes.count; i++)
		((struct wanted_volume *)want->volumes.item[i])->index = i;
}
