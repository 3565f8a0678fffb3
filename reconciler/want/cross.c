/* Rules between objects: names, identities and addresses that must be unique, and references that must lead
 * somewhere. Two that collide are both broken and both told where the other stands; an object that refers to
 * a broken one is broken with it, because it cannot be made either. Where a text of today and one of an
 * earlier load (kept.c) collide, only the earlier one is broken. */
#include "model/node.h"
#include "want/loading.h"
#include <stdlib.h>
#include <string.h>

/* Something that only one object may have. */
struct claim {
	const char *key;
	uint64_t hash; /* of the key: ten thousand claims sort by numbers, and texts are compared where these
			  agree */
	const struct mark *at;
	struct loaded *by;
};

struct claims {
	struct claim *item;
	size_t count, room;
};

static void claims_free(struct claims *claims)
{
	free(claims->item);
}
#define CLAIMS_SCOPED __attribute__((cleanup(claims_free))) struct claims

static void claim(struct claims *claims, const char *key, const struct mark *at, struct loaded *by)
{
	if (claims->count == claims->room) {
		claims->room = claims->room ? 2 * claims->room : 64;
		claims->item = reallocarray(claims->item, claims->room, sizeof(*claims->item));
		if (!claims->item)
			memory_ended();
	}
	claims->item[claims->count++] =
		(struct claim){.key = key, .hash = text_hash(key), .at = at, .by = by};
}

static int claim_compare(const void *a, const void *b)
{
	const struct claim *one = a, *other = b;
	if (one->hash != other->hash)
		return one->hash < other->hash ? -1 : 1;
	int order = strcmp(one->key, other->key);
	if (order)
		return order;
	if (one->by->file->age != other->by->file->age)
		return one->by->file->age < other->by->file->age ? -1 : 1;
	order = strcmp(one->at->file->name, other->at->file->name);
	if (order)
		return order;
	if (one->at->line != other->at->line)
		return one->at->line < other->at->line ? -1 : 1;
	return (one->at->column > other->at->column) - (one->at->column < other->at->column);
}

/* Of two that exclude each other, is this the later one? */
static bool is_spared(const struct loaded *one, const struct loaded *other)
{
	return one->file->age < other->file->age;
}

static void claim_report(struct loading *loading, enum severity severity, const char *what,
	const struct claim *one, const struct claim *other)
{
	if (is_spared(one->by, other->by))
		return;
	if (severity == SEVERITY_ERROR)
		one->by->object.broken = true;
	report_add(loading->report, severity, one->at, one->by->object.text, also_at(loading, other->at),
		one->by == other->by ? "%s %s twice in %s" : "%s %s is also that of %s", what, one->key,
		other->by->object.text);
}

/* Every claim that another one repeats, at each place. Later texts stand first among those of a key. */
static void claims_judge(
	struct loading *loading, struct claims *claims, enum severity severity, const char *what)
{
	if (claims->count)
		qsort(claims->item, claims->count, sizeof(*claims->item), claim_compare);
	for (size_t i = 1; i < claims->count; i++) {
		const struct claim *first = &claims->item[i - 1], *second = &claims->item[i];
		if (first->hash != second->hash || strcmp(first->key, second->key) != 0)
			continue;
		if (i < 2 || strcmp(claims->item[i - 2].key, first->key) != 0)
			claim_report(loading, severity, what, first, second);
		claim_report(loading, severity, what, second, first);
	}
}

static bool is_same(const struct loaded *one, const struct loaded *other)
{
	return one->object.kind == other->object.kind && strcmp(one->object.name, other->object.name) == 0;
}

void cross_check_names(struct loading *loading)
{
	const struct list *objects = &loading->want->objects;
	for (uint32_t i = 1; i < objects->count; i++) {
		struct loaded *first = objects->item[i - 1], *second = objects->item[i];
		if (!is_same(first, second))
			continue;
		if (i < 2 || !is_same(objects->item[i - 2], first))
			object_error(loading, first, first->object.at, also_at(loading, second->object.at),
				"%s is declared twice", first->object.text);
		object_error(loading, second, second->object.at, also_at(loading, first->object.at),
			"%s is declared twice", second->object.text);
	}
	for (uint32_t i = 0; i < objects->count; i++) {
		struct loaded *loaded = objects->item[i];
		const struct Metadata *metadata = loaded_metadata(loaded);
		if (!metadata || !metadata->at[Metadata_renamedFrom])
			continue;
		struct loaded *former = loaded_find(loading, loaded->object.kind, metadata->renamedFrom);
		if (former && is_spared(loaded, former) && !loaded->object.broken)
			former->object.broken = true;
		else if (former && former != loaded)
			object_error(loading, loaded, metadata->at[Metadata_renamedFrom],
				also_at(loading, former->object.at),
				"metadata.renamedFrom: %s is still declared", former->object.text);
	}
}

/* Is it one that this host will have? */
static bool is_here(const struct loaded *loaded)
{
	return !loaded->object.broken && !loaded->object.elsewhere;
}

static void claim_domain(struct loading *loading, struct loaded *loaded, struct claims *names,
	struct claims *macs, struct claims *addresses, struct claims *screens)
{
	const struct DomainSpec *spec = loaded->object.domain->spec;
	const struct mark *name_at = spec->at[DomainSpec_domainName];
	claim(names, spec->domainName ? spec->domainName : loaded->object.name,
		name_at ? name_at : loaded->object.at, loaded);
	for (uint32_t i = 0; i < spec->nics.count; i++) {
		const struct Nic *nic = spec->nics.item[i];
		claim(macs, nic->mac, nic->at[Nic_mac], loaded);
		if (nic->ip)
			claim(addresses, arena_copy(loading->arena, nic->ip, strcspn(nic->ip, "/")),
				nic->at[Nic_ip], loaded);
	}
	const struct Vnc *vnc = spec->graphics ? spec->graphics->vnc : NULL;
	if (vnc && spec->power != power_Stopped)
		claim(screens, arena_format(loading->arena, "%lld", (long long)vnc->port), vnc->at[Vnc_port],
			loaded);
}

void cross_check_identities(struct loading *loading)
{
	const struct list *objects = &loading->want->objects;
	CLAIMS_SCOPED domains = {0};
	CLAIMS_SCOPED volumes = {0};
	CLAIMS_SCOPED names = {0};
	CLAIMS_SCOPED macs = {0};
	CLAIMS_SCOPED addresses = {0};
	CLAIMS_SCOPED screens = {0};
	for (uint32_t i = 0; i < objects->count; i++) {
		struct loaded *loaded = objects->item[i];
		const struct Metadata *metadata = loaded_metadata(loaded);
		if (!is_here(loaded) || !loaded->uid[0])
			continue;
		const struct mark *at = metadata->at[Metadata_uid] ? metadata->at[Metadata_uid]
					: metadata->at[Metadata_renamedFrom]
						? metadata->at[Metadata_renamedFrom]
						: loaded->object.at;
		claim(loaded->object.kind == KIND_DOMAIN ? &domains : &volumes, loaded->uid, at, loaded);
		if (loaded->object.kind == KIND_DOMAIN)
			claim_domain(loading, loaded, &names, &macs, &addresses, &screens);
	}
	claims_judge(loading, &domains, SEVERITY_ERROR, "uid");
	claims_judge(loading, &volumes, SEVERITY_ERROR, "uid");
	claims_judge(loading, &names, SEVERITY_ERROR, "Xen name");
	/* derived ones have 24 bits of their own: among some thousand nics two may be equal */
	claims_judge(loading, &macs, SEVERITY_ERROR, "MAC address");
	claims_judge(loading, &addresses, SEVERITY_WARNING, "IP address");
	claims_judge(loading, &screens, SEVERITY_WARNING, "VNC port");
}

enum { HINTS_MOST = 100 };

/* The object that a name refers to. One that is not there is an error, or a warning where only a part was
 * given. */
static struct loaded *refer(
	struct loading *loading, struct loaded *from, const struct mark *at, enum kind kind, const char *name)
{
	struct loaded *to = loaded_find(loading, kind, name);
	if (to && to->object.elsewhere) {
		object_error(loading, from, at, also_at(loading, to->object.at),
			"%s is for another host (metadata.host)", to->object.text);
		return NULL;
	}
	if (to && to->object.broken) {
		from->by_reference |= !from->object.broken;
		from->object.broken = true;
		report_warn(loading->report, at, from->object.text, also_at(loading, to->object.at),
			"%s has errors of its own", to->object.text);
		return NULL;
	}
	if (to)
		return to;
	const char *hint = NULL;
	const struct list *objects = &loading->want->objects;
	/* a search through all for each of thousands would take minutes, and nobody reads so many hints */
	size_t said = report_count(loading->report, SEVERITY_ERROR) +
		      report_count(loading->report, SEVERITY_WARNING);
	for (uint32_t i = 0; said < HINTS_MOST && i < objects->count && !hint; i++) {
		const struct object *object = objects->item[i];
		if (object->kind == kind && text_nearest(name, &object->name, 1))
			hint = arena_format(loading->arena, "did you mean '%s'?", object->name);
	}
	if (loading->options->references_warn) {
		report_warn(loading->report, at, from->object.text, hint, "%s/%s is not declared here",
			kind_name[kind], name);
	} else {
		object_error(loading, from, at, hint, "%s/%s is not declared", kind_name[kind], name);
	}
	return NULL;
}

static void refer_chain(struct loading *loading, struct loaded *from, const struct list *chain)
{
	for (uint32_t i = 0; i < chain->count; i++) {
		const struct Layer *layer = chain->item[i];
		if (layer->image && layer->image->at[ImageLayer_name])
			refer(loading, from, layer->image->at[ImageLayer_name], KIND_IMAGE,
				layer->image->name);
	}
}

/* A guest that may write to a volume is alone with it, as long as it is not meant to be stopped. */
struct use {
	const char *volume;
	const struct mark *at;
	struct loaded *by;
	bool writes;
};

static int use_compare(const void *a, const void *b)
{
	const struct use *one = a, *other = b;
	int order = strcmp(one->volume, other->volume);
	if (order)
		return order;
	if (one->writes != other->writes)
		return (int)other->writes - (int)one->writes;
	return (one->by->file->age > other->by->file->age) - (one->by->file->age < other->by->file->age);
}

static void uses_judge(struct loading *loading, struct use *uses, size_t count)
{
	if (count)
		qsort(uses, count, sizeof(*uses), use_compare);
	bool said = false; /* of the writer that stands first */
	for (size_t i = 0, first = 0; i < count; i++) {
		if (strcmp(uses[i].volume, uses[first].volume) != 0)
			first = i;
		said &= i != first;
		if (i == first || !uses[first].writes)
			continue;
		if (!said && !is_spared(uses[first].by, uses[i].by)) {
			said = true;
			object_error(loading, uses[first].by, uses[first].at, also_at(loading, uses[i].at),
				"Volume/%s is written here and used by %s too", uses[first].volume,
				uses[i].by->object.text);
		}
		if (is_spared(uses[i].by, uses[first].by))
			continue;
		object_error(loading, uses[i].by, uses[i].at, also_at(loading, uses[first].at),
			"Volume/%s is used here and written by %s", uses[i].volume,
			uses[first].by->object.text);
	}
}

/* A declared volume whose chain is an image alone can only be read. */
static bool is_image_alone(const struct loaded *volume)
{
	const struct list *chain = &volume->object.volume->spec->chain;
	return chain->count && ((const struct Layer *)chain->item[chain->count - 1])->image;
}

static void refer_disk(struct loading *loading, struct loaded *from, const struct Disk *disk, struct use *use)
{
	const struct VolumeUse *volume = disk->volume;
	const struct DomainSpec *spec = from->object.domain->spec;
	if (volume->at[VolumeUse_chain]) {
		refer_chain(loading, from, &volume->chain);
		const char *name = arena_format(loading->arena, "%s-%s", from->object.name, disk->vdev);
		struct loaded *declared = loaded_find(loading, KIND_VOLUME, name);
		if (declared) {
			const struct mark *at = volume->at[VolumeUse_chain];
			if (!is_spared(from, declared))
				object_error(loading, from, at, also_at(loading, declared->object.at),
					"this inline volume is called %s, and so is a Volume", name);
			if (!is_spared(declared, from))
				object_error(loading, declared, declared->object.at, also_at(loading, at),
					"%s is also the name of an inline volume of %s", name,
					from->object.text);
		}
		return;
	}
	const struct mark *at = volume->at[VolumeUse_name];
	struct loaded *to = refer(loading, from, at, KIND_VOLUME, volume->name);
	bool writes = disk->access == access_rw && disk->device == device_disk;
	if (to && writes && is_image_alone(to))
		object_error(loading, from, at, "say access: ro, or give the Volume an overlay",
			"Volume/%s is an image, which is never written", volume->name);
	if (spec->power != power_Stopped)
		*use = (struct use){.volume = volume->name, .at = at, .by = from, .writes = writes};
}

void cross_check_references(struct loading *loading)
{
	const struct list *objects = &loading->want->objects;
	size_t disks = 0, count = 0;
	for (uint32_t i = 0; i < objects->count; i++) {
		struct loaded *loaded = objects->item[i];
		if (is_here(loaded) && loaded->object.kind == KIND_VOLUME)
			refer_chain(loading, loaded, &loaded->object.volume->spec->chain);
		if (is_here(loaded) && loaded->object.kind == KIND_DOMAIN)
			disks += loaded->object.domain->spec->disks.count;
	}
	struct use *uses = calloc(disks + 1, sizeof(*uses));
	if (!uses)
		memory_ended();
	for (uint32_t i = 0; i < objects->count; i++) {
		struct loaded *loaded = objects->item[i];
		if (loaded->object.kind != KIND_DOMAIN || !is_here(loaded))
			continue;
		const struct list *list = &loaded->object.domain->spec->disks;
		for (uint32_t j = 0; j < list->count; j++) {
			refer_disk(loading, loaded, list->item[j], &uses[count]);
			count += uses[count].volume != NULL;
		}
	}
	uses_judge(loading, uses, count);
	free(uses);
}
