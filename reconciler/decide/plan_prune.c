/* Pruning: what is ours and no manifest wants any more. The worst thing that can be done, so everything has
 * to speak for it (docs/hacking.md, rules 3 and 4): it is owned, its record names one of the roots that were
 * given, that root is a folder that was read to its end without a broken file, pruning was not switched off,
 * no manifest has an object of its name, and it is not protected. Domains are judged here, what volumes ask
 * for besides in plan_prune_volume.c. */
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

const struct source_root *prune_root(const struct planner *planner, const char *source)
{
	for (uint32_t i = 0; source && i < planner->want->roots.count; i++) {
		const struct source_root *root = planner->want->roots.item[i];
		if (!root->is_file && strcmp(root->path, source) == 0)
			return root;
	}
	return NULL;
}

const char *prune_root_obstacle(struct planner *planner, const struct source_root *root)
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

void prune_keep(struct planner *planner, struct change *change, const char *reason)
{
	change_block(
		planner, change, CHANGE_BLOCKED, arena_format(planner->arena, "not removed: %s", reason));
	change->cause = CAUSE_LIMITS;
}

void prune_block(struct planner *planner, struct change *change, const char *reason)
{
	prune_keep(planner, change, reason);
	if (!planner->plan->prune_reason)
		planner->plan->prune_reason = reason;
}

const char *domain_words(const struct HaveDomain *domain)
{
	return domain->name ? domain->name : domain->uuid;
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
	const struct source_root *root = have->mark ? prune_root(planner, have->mark->source) : NULL;
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
	const char *root_says = prune_root_obstacle(planner, root);
	if (unsure)
		change_block(planner, change, CHANGE_UNKNOWN, unsure);
	else if (own)
		prune_keep(planner, change, own);
	else if (root_says)
		prune_block(planner, change, root_says);
	else {
		struct draft *gone = plan_stop(planner, change, name, have, have->mark->shutdown, NULL);
		gone->action.counted = true;
		draft_shred(planner, change, have->uuid, name, NULL, gone);
		prune_inline_volumes(planner, change, have, gone);
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
