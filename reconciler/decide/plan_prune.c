/* Pruning: what is ours and no manifest wants any more. The worst thing that can be done, so everything has
 * to speak for it (docs/hacking.md, rules 3 and 4): it is owned, its record names one of the roots that were
 * given, that root is a folder that was read to its end without a broken file, pruning was not switched off,
 * and it is not protected. */
#include "decide/planner.h"
#include <string.h>

bool source_matches(const char *source, const struct source_root *root)
{
	return root->is_file ? text_beneath(root->path, source) : strcmp(root->path, source) == 0;
}

const char *source_of(struct planner *planner, const struct object *object, const char *recorded)
{
	const struct source_root *root = object->root;
	if (!root || !root->is_file)
		return root ? root->path : NULL;
	if (recorded && source_matches(recorded, root))
		return recorded;
	const char *slash = strrchr(root->path, '/');
	return slash == root->path ? "/"
				   : arena_copy(planner->arena, root->path, (size_t)(slash - root->path));
}

static const struct source_root *root_of(const struct planner *planner, const char *source)
{
	for (uint32_t i = 0; source && i < planner->want->roots.count; i++) {
		const struct source_root *root = planner->want->roots.item[i];
		if (!root->is_file && strcmp(root->path, source) == 0)
			return root;
	}
	return NULL;
}

/* Why nothing of this root is pruned, or NULL. */
static const char *root_obstacle(struct planner *planner, const struct source_root *root)
{
	if (!root->readable)
		return arena_format(planner->arena, "%s could not be read to its end", root->given);
	if (root->broken)
		return arena_format(planner->arena, "%u of the files in %s %s broken", root->broken,
			root->given, root->broken == 1 ? "is" : "are");
	if (!planner->want->complete)
		return "another source is broken or could not be read";
	if (!planner->have->storage_known)
		return "storage could not be read";
	return NULL;
}

static void block_prune(struct planner *planner, struct change *change, const char *reason)
{
	change_block(
		planner, change, CHANGE_BLOCKED, arena_format(planner->arena, "not removed: %s", reason));
	change->cause = CAUSE_LIMITS;
	planner->plan->prune_blocked = true;
	if (!planner->plan->prune_reason)
		planner->plan->prune_reason = reason;
}

static struct draft *draft_remove(
	struct planner *planner, struct change *change, const struct HaveVolume *volume, struct draft *after)
{
	struct draft *remove = draft_add(planner, change, verb_volume_remove,
		arena_format(planner->arena, "Volume/%s", volume->name ? volume->name : volume->uid),
		volume->name ? volume->name : volume->uid, NULL, after);
	remove->action.have_volume = volume;
	remove->action.uid = volume->uid;
	if (change->blast < level_data_loss)
		change->blast = level_data_loss;
	return remove;
}

/* The inline volumes of a domain that goes: deleted or kept as their label says. */
static void plan_inline_volumes(
	struct planner *planner, struct change *change, const char *uuid, struct draft *after)
{
	uint32_t count;
	struct HaveVolume *const *volumes = have_volumes_of(planner->have, uuid, &count);
	const char *kept = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct HaveVolume *volume = volumes[i];
		if (KNOWN(volume->label, Label, reclaim) && volume->label->reclaim == reclaim_Delete &&
			!volume->label->protect)
			draft_remove(planner, change, volume, after);
		else
			kept = kept ? arena_format(planner->arena, "%s, %s", kept, volume->name)
				    : arena_format(planner->arena, "keeps volume %s", volume->name);
	}
	change->detail = kept;
}

static void prune_domain(struct planner *planner, const struct HaveDomain *have)
{
	const struct source_root *root = have->mark ? root_of(planner, have->mark->source) : NULL;
	if (!root)
		return;
	const char *name = have->mark->name ? have->mark->name : have->name ? have->name : have->uuid;
	const char *object = arena_format(planner->arena, "Domain/%s", name);
	struct change *change = change_add(planner, object, NULL, NULL);
	change->have = have;
	change->kind = CHANGE_DESTROY;
	change->blast = level_destroy;
	const char *obstacle = root_obstacle(planner, root);
	if (have->mark->protect)
		obstacle = "it is protected (metadata.protect, remembered from its manifest)";
	if (!KNOWN(have, HaveDomain, power) || have->power == found_power_Dying) {
		change_block(
			planner, change, CHANGE_UNKNOWN, "it is being torn down, or its state is not known");
		return;
	}
	if (obstacle) {
		block_prune(planner, change, obstacle);
		return;
	}
	struct draft *gone = plan_stop(planner, change, name, have, have->mark->shutdown, NULL);
	gone->action.counted = true;
	plan_inline_volumes(planner, change, have->uuid, gone);
}

static bool is_disk(const struct LayerFound *layer, const struct Disk *disk)
{
	return (disk->id && layer->id && strcmp(disk->id, layer->id) == 0) ||
	       (disk->target && layer->path && strcmp(disk->target, layer->path) == 0);
}

/* Has any domain a layer of it as a disk? Images and devices are not the volume's: others may have them. */
static bool in_use(const struct planner *planner, const struct HaveVolume *volume)
{
	const struct list *domains = &planner->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];
		if (volume->label->domain && strcmp(volume->label->domain, domain->uuid) == 0 &&
			(!KNOWN(domain, HaveDomain, spec) || !domain->spec))
			return true; /* it may be */
		const struct list *disks = domain->spec ? &domain->spec->disks : &(struct list){0};
		for (uint32_t k = 0; k < disks->count * volume->chain.count; k++) {
			const struct LayerFound *layer = volume->chain.item[k / disks->count];
			const bool others =
				text_equal(layer->layer, "image") || text_equal(layer->layer, "block");
			if (!others && is_disk(layer, disks->item[k % disks->count]))
				return true;
		}
	}
	return false;
}

/* Of a domain without a description it is not known which disks it has. */
static bool is_any_undescribed(const struct planner *planner)
{
	const struct list *domains = &planner->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];
		if (!KNOWN(domain, HaveDomain, spec) || !domain->spec)
			return true;
	}
	return false;
}

/* An inline volume goes the way of its domain: with it, or when a wanted domain has no such disk any more. */
static bool is_wanted_volume(const struct planner *planner, const struct HaveVolume *volume)
{
	const struct want *want = planner->want;
	const char *domain = volume->label->domain;
	if (want_volume(want, volume->uid) || want_names(want, volume->uid))
		return true;
	if (!domain)
		return false;
	if (!want_names(want, domain))
		return have_domain(planner->have, domain) != NULL; /* goes with it */
	for (uint32_t i = 0; i < want->domains.count; i++)
		if (strcmp(((struct wanted_domain *)want->domains.item[i])->uid, domain) == 0)
			return false;
	return true; /* of a domain for another host */
}

/* A volume that nothing wants and nothing uses, with reclaim Delete in its label: a declared one whose
 * manifest is gone, an inline one whose disk or domain is gone. What is retained is left to `gc`. */
static void prune_volume(struct planner *planner, const struct HaveVolume *volume)
{
	const struct Label *label = volume->label;
	if (!label || !label->source || !KNOWN(label, Label, reclaim) || label->reclaim != reclaim_Delete)
		return;
	const struct source_root *root = root_of(planner, label->source);
	if (!root || is_wanted_volume(planner, volume) || in_use(planner, volume))
		return;
	struct change *change = change_add(planner,
		arena_format(planner->arena, "Volume/%s", volume->name ? volume->name : volume->uid), NULL,
		NULL);
	change->have_volume = volume;
	change->kind = CHANGE_DESTROY;
	change->blast = level_data_loss;
	const char *obstacle = root_obstacle(planner, root);
	if (label->protect)
		obstacle = "it is protected";
	if (obstacle)
		block_prune(planner, change, obstacle);
	else if (!label->domain && is_any_undescribed(planner))
		change_block(planner, change, CHANGE_UNKNOWN,
			"a domain that is built or torn down may still have it as a disk");
	else
		draft_remove(planner, change, volume, NULL)->action.counted = true;
}

void plan_prune(struct planner *planner)
{
	if (!planner->options->prune || planner->options->only || !planner->have->known)
		return;
	const struct Observation *found = planner->have->found;
	for (uint32_t i = 0; i < found->domains.count; i++) {
		const struct HaveDomain *domain = found->domains.item[i];
		if (KNOWN(domain, HaveDomain, owned) && domain->owned &&
			!want_names(planner->want, domain->uuid))
			prune_domain(planner, domain);
	}
	for (uint32_t i = 0; planner->have->storage_known && i < found->volumes.count; i++)
		prune_volume(planner, found->volumes.item[i]);
}
