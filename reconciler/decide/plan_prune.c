/* Pruning: what is ours and no manifest wants any more. The worst thing that can be done, so everything has
 * to speak for it (docs/hacking.md, rules 3 and 4): it is owned, its record names one of the roots that were
 * given, that root is a folder that was read to its end without a broken file, pruning was not switched off,
 * no manifest has an object of its name, and it is not protected. A volume goes only when no guest has it any
 * more, or after what takes it from the last one that has: then the plan that is shown says so, not a later
 * one. */
#include "decide/planner.h"
#include <string.h>

bool owns_domain(const struct planner *planner, const struct HaveDomain *domain)
{
	return KNOWN(domain, HaveDomain, owned) && domain->owned &&
	       (!domain->mark || !domain->mark->owner ||
		       strcmp(domain->mark->owner, planner->want->owner) == 0);
}

static int by_recorded_name(const void *a, const void *b)
{
	return strcmp(
		(*(struct HaveDomain *const *)a)->mark->name, (*(struct HaveDomain *const *)b)->mark->name);
}

void find_unwanted(struct planner *planner)
{
	const struct list *domains = &planner->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		struct HaveDomain *domain = domains->item[i];
		if (owns_domain(planner, domain) && domain->mark && domain->mark->name &&
			!want_names(planner->want, domain->uuid))
			list_add(planner->arena, &planner->unwanted, domain);
	}
	list_sort(&planner->unwanted, by_recorded_name);
}

const struct HaveDomain *former_of(const struct planner *planner, const struct wanted_domain *wanted)
{
	uint32_t low = 0, high = planner->unwanted.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct HaveDomain *domain = planner->unwanted.item[middle];
		int order = strcmp(domain->mark->name, wanted->name);
		if (order == 0)
			return domain;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
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
	if (root->missing)
		return arena_format(planner->arena, "%s is not there", root->given);
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

static void keep(struct planner *planner, struct change *change, const char *reason)
{
	change_block(
		planner, change, CHANGE_BLOCKED, arena_format(planner->arena, "not removed: %s", reason));
	change->cause = CAUSE_LIMITS;
}

/* Kept because of its root: so is all else of it. */
static void block_prune(struct planner *planner, struct change *change, const char *reason)
{
	keep(planner, change, reason);
	if (!planner->plan->prune_reason)
		planner->plan->prune_reason = reason;
}

static const char *domain_words(const struct HaveDomain *domain)
{
	return domain->name ? domain->name : domain->uuid;
}

/* A volume's own: an image or a device below is not, others may have it. */
static bool is_own(const struct LayerFound *layer)
{
	return !text_equal(layer->layer, "image") && !text_equal(layer->layer, "block");
}

static bool is_of_volume(const struct Disk *disk, const struct HaveVolume *volume)
{
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *layer = volume->chain.item[i];
		if (is_own(layer) && ((disk->id && text_equal(disk->id, layer->id)) ||
					     (disk->target && text_equal(disk->target, layer->path))))
			return true;
	}
	return false;
}

/* The last action that takes the volume from a domain that has it; NULL: this plan leaves it there. */
static struct draft *taking_away(
	const struct planner *planner, const struct HaveDomain *domain, const struct HaveVolume *volume)
{
	const struct list *changes = &planner->plan->changes;
	for (uint32_t i = 0; i < changes->count; i++) {
		const struct change *change = changes->item[i];
		if (change->have != domain || !change->actions.count)
			continue;
		if (change->kind != CHANGE_LIVE && change->kind != CHANGE_REATTACH)
			return change->actions.item[change->actions.count - 1];
		for (uint32_t k = 0; k < change->actions.count; k++) {
			struct draft *draft = change->actions.item[k];
			if (draft->action.verb == verb_disk_detach &&
				is_of_volume(draft->action.disk, volume))
				return draft;
		}
	}
	return NULL;
}

/* Who keeps a volume that nothing wants. */
struct holder {
	const struct HaveDomain *domain; /* NULL: nobody */
	bool surely;                     /* it has the volume; else its disks are not known */
};

/* Does this domain keep it? What takes it away is added to `after`. */
static bool keeps(struct planner *planner, const struct HaveVolume *volume, const struct HaveDomain *domain,
	struct list *after)
{
	struct draft *draft = taking_away(planner, domain, volume);
	if (draft)
		list_add(planner->arena, after, draft);
	return !draft;
}

/* A domain that has the volume, or may have it, and keeps it. `except` (may be NULL) is not asked. The
 * actions that take it from the others are added to `after`. */
static struct holder holder_of(struct planner *planner, const struct HaveVolume *volume,
	const struct HaveDomain *except, struct list *after)
{
	for (uint32_t i = 0; i < volume->chain.count; i++) {
		const struct LayerFound *layer = volume->chain.item[i];
		const char *const keys[] = {layer->id, layer->path};
		for (int k = 0; k < 2 && is_own(layer); k++) {
			const struct HaveDomain *domain;
			for (uint32_t at = 0;
				keys[k] && (domain = claims_found(planner->claims, keys[k], &at));)
				if (domain != except && keeps(planner, volume, domain, after))
					return (struct holder){.domain = domain, .surely = true};
		}
	}
	for (uint32_t i = 0; i < planner->undescribed.count; i++) {
		const struct HaveDomain *domain = planner->undescribed.item[i];
		if (domain != except && keeps(planner, volume, domain, after))
			return (struct holder){.domain = domain};
	}
	return (struct holder){0};
}

void find_undescribed(struct planner *planner)
{
	const struct list *domains = &planner->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		struct HaveDomain *domain = domains->item[i];
		if (!KNOWN(domain, HaveDomain, spec) || !domain->spec ||
			!KNOWN(domain->spec, DomainSpec, disks))
			list_add(planner->arena, &planner->undescribed, domain);
	}
}

/* Why this volume must not be deleted, whoever asks for it; NULL: it may. */
static const char *volume_obstacle(struct planner *planner, const struct HaveVolume *volume)
{
	const struct list *uses = &planner->have->found->uses;
	for (uint32_t i = 0; i < uses->count; i++) {
		const struct HostUse *use = uses->item[i];
		for (uint32_t k = 0; k < volume->chain.count; k++) {
			const struct LayerFound *layer = volume->chain.item[k];
			if (is_own(layer) && use->id && text_equal(use->id, layer->id))
				return arena_format(planner->arena, "dom0 has it: %s", use->what);
		}
	}
	if (volume->label->protect)
		return "it is protected";
	if (!KNOWN(volume, HaveVolume, state))
		return "its state is not known";
	return volume->state == volume_state_broken ? "it is not what its volume.json says" : NULL;
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

static void say_more(struct planner *planner, const char **words, const char *first, const char *more)
{
	*words = *words ? arena_format(planner->arena, "%s, %s", *words, more)
			: arena_format(planner->arena, "%s %s", first, more);
}

/* The inline volumes of a domain that goes: deleted or kept as their label says. What another guest has
 * stays: its holder decides in a change of the volume's own, once the domain is gone. */
static void plan_inline_volumes(
	struct planner *planner, struct change *change, const struct HaveDomain *have, struct draft *gone)
{
	uint32_t count;
	const struct index_entry *volumes = have_volumes_of(planner->have, have->uuid, &count);
	const char *deleted = NULL, *kept = NULL;
	for (uint32_t i = 0; i < count; i++) {
		const struct HaveVolume *volume = volumes[i].item;
		const struct Label *label = volume->label;
		const char *name = volume->name ? volume->name : volume->uid;
		struct list others = {0};
		const struct holder holder = holder_of(planner, volume, have, &others);
		const bool asked = KNOWN(label, Label, reclaim) && label->reclaim == reclaim_Delete;
		const char *obstacle = volume_obstacle(planner, volume);
		if (asked && !obstacle && wants_volume_named(planner, name)) {
			/* what it is asked for once its guest is gone: see gate.c */
			say_more(planner, &kept, "keeps volume",
				arena_format(planner->arena, "%s (wanted with another uid)", name));
		} else if (asked && !obstacle && !holder.domain && !others.count) {
			draft_remove(planner, change, volume, gone);
			say_more(planner, &deleted, "deletes volume", name);
		} else if (asked && holder.domain && !obstacle)
			say_more(planner, &kept, "keeps volume",
				arena_format(planner->arena, "%s (%s %s it)", name,
					domain_words(holder.domain), holder.surely ? "has" : "may have"));
		else if (asked && obstacle)
			say_more(planner, &kept, "keeps volume",
				arena_format(planner->arena, "%s (%s)", name, obstacle));
		else
			say_more(planner, &kept, "keeps volume", name);
	}
	change->detail = deleted && kept ? arena_format(planner->arena, "%s; %s", deleted, kept)
			 : deleted       ? deleted
					 : kept;
}

/* Why a domain that nothing wants is kept whatever its root is; NULL: nothing speaks for it. */
static const char *domain_obstacle(const struct HaveDomain *have)
{
	const struct Shutdown *shutdown = have->mark->shutdown;
	if (have->mark->protect)
		return "it is protected (metadata.protect, remembered from its manifest)";
	if (have->power == found_power_Stopped && KNOWN(have, HaveDomain, ended) &&
		have->ended == ended_suspend && !(shutdown && shutdown->escalate == escalate_destroy))
		return "it is suspended, as an interrupted save leaves it: `xl save` it to a file, or "
		       "destroy it by "
		       "hand";
	return NULL;
}

static void prune_domain(struct planner *planner, const struct HaveDomain *have)
{
	const struct source_root *root = have->mark ? root_of(planner, have->mark->source) : NULL;
	if (!root)
		return;
	const char *name = have->mark->name ? have->mark->name : domain_words(have);
	if (have_domain(planner->have, have->uuid) != have)
		return; /* the same guest, torn down beside a new one: its first decides for both */
	const struct wanted_domain *twin = want_domain(planner->want, name);
	if (twin && !have_domain(planner->have, twin->uid))
		return; /* another uid is another guest, but changing it is no removal: see plan_domain.c */
	const char *object = arena_format(planner->arena, "Domain/%s", twin ? have->uuid : name);
	struct change *change = change_add(planner, object, NULL, NULL);
	change->have = have;
	change->kind = CHANGE_DESTROY;
	change->blast = level_destroy;
	const char *unsure = state_unsure(have), *own = domain_obstacle(have);
	const char *root_says = root_obstacle(planner, root);
	if (unsure)
		change_block(planner, change, CHANGE_UNKNOWN, unsure);
	else if (own)
		keep(planner, change, own);
	else if (root_says)
		block_prune(planner, change, root_says);
	else {
		struct draft *gone = plan_stop(planner, change, name, have, have->mark->shutdown, NULL);
		gone->action.counted = true;
		plan_inline_volumes(planner, change, have, gone);
	}
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

/* Is there a wanted volume of this name, with another uid? */
bool wants_volume_named(const struct planner *planner, const char *name)
{
	uint32_t low = 0, high = planner->want->volumes.count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct wanted_volume *volume = planner->want->volumes.item[middle];
		int order = strcmp(volume->name, name);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return want_object(planner->want, KIND_VOLUME, name) != NULL;
}

/* A volume that nothing wants, with reclaim Delete in its label: a declared one whose manifest is gone, an
 * inline one whose disk or domain is gone. What is retained is left to `gc`. */
static void prune_volume(struct planner *planner, const struct HaveVolume *volume)
{
	const struct Label *label = volume->label;
	if (!label || !label->source || !KNOWN(label, Label, reclaim) || label->reclaim != reclaim_Delete ||
		!text_equal(label->owner, planner->want->owner))
		return;
	const struct source_root *root = root_of(planner, label->source);
	const char *name = volume->name ? volume->name : volume->uid;
	if (!root || is_wanted_volume(planner, volume))
		return;
	const bool twin = wants_volume_named(planner, name);
	struct change *change = change_add(
		planner, arena_format(planner->arena, "Volume/%s", twin ? volume->uid : name), NULL, NULL);
	change->have_volume = volume;
	change->kind = CHANGE_DESTROY;
	change->blast = level_data_loss;
	struct list after = {0}; /* struct draft */
	const struct holder holder = holder_of(planner, volume, NULL, &after);
	const char *own = volume_obstacle(planner, volume), *root_says = root_obstacle(planner, root);
	if (own)
		keep(planner, change, own);
	else if (root_says)
		block_prune(planner, change, root_says);
	else if (holder.domain && !holder.surely)
		change_block(planner, change, CHANGE_UNKNOWN,
			arena_format(planner->arena, "not removed: %s may have it, its disks are not known",
				domain_words(holder.domain)));
	else if (holder.domain)
		keep(planner, change, arena_format(planner->arena, "%s has it", domain_words(holder.domain)));
	else {
		struct draft *remove = draft_remove(planner, change, volume, NULL);
		/* it may be what is left of its domain's removal, which is counted already */
		remove->action.counted = !(label->domain && removal_is_begun(planner, label->domain));
		for (uint32_t i = 0; i < after.count; i++)
			draft_needs(planner, remove, after.item[i]);
		change->detail = "its image stays";
		for (uint32_t i = 0; i < volume->chain.count; i++)
			if (is_own(volume->chain.item[i]))
				change->detail = "deletes its data";
	}
}

void plan_prune(struct planner *planner)
{
	if (!planner->options->prune || planner->options->only || !planner->have->known)
		return;
	const struct Observation *found = planner->have->found;
	for (uint32_t i = 0; i < found->domains.count; i++) {
		const struct HaveDomain *domain = found->domains.item[i];
		if (owns_domain(planner, domain) && !want_names(planner->want, domain->uuid))
			prune_domain(planner, domain);
	}
	for (uint32_t i = 0; planner->have->storage_known && i < found->volumes.count; i++)
		prune_volume(planner, found->volumes.item[i]);
}
