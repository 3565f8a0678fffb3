/* plan: WANT and HAVE go in, changes with their actions come out, in execution order. The story:
 *
 *   1. volumes that are declared, then domains, each against what was found    plan_volume.c, plan_domain.c
 *   2. what is owned and no longer wanted                    plan_prune.c, plan_prune_volume.c
 *   3. the digest of all that is gated, then caps and consent                   gate.c
 *   4. declared volumes that grow under their guests, or after them              plan_grow.c
 *   5. volumes that are bound though nobody has them                            plan_close.c
 *   6. stops one after another, actions numbered after what they need, summary  here
 *
 * Where `gc` asks, plan_collect.c stands in place of 1, 2, 4 and 5.
 */
#include "decide/planner.h"
#include <stdlib.h>
#include <string.h>

const char *const change_name[CHANGE_KINDS] = {
	"create", "live", "reattach", "restart", "stop", "recreate", "destroy", "blocked", "unknown"};

/* At most maxUnavailable guests are down on purpose at a time: each stop waits for an earlier one's last
 * action. */
static void stagger(struct planner *planner)
{
	struct list down = {0}; /* struct change */
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		struct change *change = planner->plan->changes.item[i];
		if (change->actions.count &&
			(change->kind == CHANGE_RESTART || change->kind == CHANGE_RECREATE ||
				(change->kind == CHANGE_STOP && change->blast >= level_stop)))
			list_add(planner->arena, &down, change);
	}
	const uint32_t most = (uint32_t)planner->want->host->maxUnavailable;
	for (uint32_t i = 0; i < down.count; i++) {
		if (i < most)
			continue;
		struct change *earlier = down.item[i - most], *change = down.item[i];
		draft_needs(
			planner, change->actions.item[0], earlier->actions.item[earlier->actions.count - 1]);
	}
}

/* Gives ids so that an action comes after all it needs. The depth is the length of one chain of needs. */
static void number(struct planner *planner, struct draft *draft)
{
	if (draft->numbered)
		return;
	draft->numbered = true;
	for (uint32_t i = 0; i < draft->needs.count; i++)
		number(planner, draft->needs.item[i]);
	struct action *action = &draft->action;
	action->needs = arena_array(planner->arena, uint32_t, draft->needs.count);
	for (uint32_t i = 0; i < draft->needs.count; i++)
		action->needs[action->needs_count++] = ((struct draft *)draft->needs.item[i])->action.id;
	list_add(planner->arena, &planner->plan->actions, action);
	action->id = planner->plan->actions.count;
}

static int by_object(const void *a, const void *b)
{
	return strcmp((*(struct change *const *)a)->object, (*(struct change *const *)b)->object);
}

static int by_id(const void *a, const void *b)
{
	const struct action *one = *(const struct action *const *)a, *two = *(const struct action *const *)b;
	return (one->id > two->id) - (one->id < two->id);
}

static void summarise(struct planner *planner)
{
	struct plan *plan = planner->plan;
	for (uint32_t i = 0; i < plan->changes.count; i++)
		plan->summary.count[((struct change *)plan->changes.item[i])->kind]++;
	for (uint32_t i = 0; i < planner->want->objects.count; i++)
		plan->summary.elsewhere += ((struct object *)planner->want->objects.item[i])->elsewhere;
}

static void list_unmanaged(struct planner *planner)
{
	const struct list *domains = &planner->have->found->domains;
	for (uint32_t i = 0; i < domains->count; i++) {
		const struct HaveDomain *domain = domains->item[i];
		if (owns_domain(planner, domain) || !KNOWN(domain, HaveDomain, owned))
			continue;
		list_add(planner->arena, &planner->plan->unmanaged,
			arena_format(
				planner->arena, "Domain/%s", domain->name ? domain->name : domain->uuid));
	}
}

static bool is_empty(const struct change *change)
{
	return !change->actions.count && !change->difference_count && !change->reason;
}

/* An object that is in order leaves no change behind: its memory is the next one's. */
static void drop_last_empty(struct planner *planner)
{
	struct plan *plan = planner->plan;
	struct change *last = plan->changes.item[plan->changes.count - 1];
	if (!is_empty(last))
		return;
	*last = (struct change){0};
	planner->spare = last;
	plan->changes.count--;
	plan->summary.unchanged++;
}

/* The same for what became empty later. */
static void drop_empty(struct plan *plan)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		struct change *change = plan->changes.item[i];
		if (is_empty(change))
			plan->summary.unchanged++;
		else
			plan->changes.item[kept++] = change;
	}
	plan->changes.count = kept;
}

static bool is_only(const struct planner *planner, const char *object)
{
	return !planner->options->only || strcmp(planner->options->only, object) == 0;
}

static void plan_wanted(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->want->volumes.count; i++) {
		const struct wanted_volume *volume = planner->want->volumes.item[i];
		if (volume->vdev || !is_only(planner, volume->object->text))
			continue;
		plan_declared_volume(planner, volume);
		drop_last_empty(planner);
	}
	for (uint32_t i = 0; i < planner->want->domains.count; i++) {
		const struct wanted_domain *domain = planner->want->domains.item[i];
		if (!is_only(planner, domain->object->text))
			continue;
		plan_domain(planner, domain);
		drop_last_empty(planner);
	}
	plan_prune(planner);
}

struct plan *plan_make(const struct want *want, const struct have *have, const struct plan_options *options,
	struct report *report)
{
	struct arena *arena = arena_new();
	struct plan *plan = arena_make(arena, struct plan);
	plan->arena = arena;
	ARENA_SCOPED scratch = arena_new();
	struct planner planner = {.arena = arena,
		.scratch = scratch,
		.want = want,
		.have = have,
		.options = options,
		.report = report,
		.plan = plan,
		.volumes = arena_array(arena, struct volume_plan, want->volumes.count),
		.images = arena_array(arena, struct image_plan, want->images.count)};
	for (uint32_t i = 0; i < want->volumes.count; i++) {
		planner.volumes[i].volume = want->volumes.item[i];
		planner.volumes[i].have = have_volume(have, planner.volumes[i].volume->uid);
	}
	for (uint32_t i = 0; i < want->domains.count; i++) {
		const struct wanted_domain *domain = want->domains.item[i];
		for (uint32_t k = 0; domain->spec->power != power_Stopped && k < domain->disks.count; k++) {
			const struct wanted_disk *disk = domain->disks.item[k];
			if (disk->volume)
				volume_plan_of(&planner, disk->volume)->used = true;
		}
	}
	find_unwanted(&planner);
	find_undescribed(&planner);
	planner.claims = claims_make(&planner);
	if (options->collect)
		plan_collect(&planner);
	else
		plan_wanted(&planner);
	gate_digest(&planner);
	gate_removals(&planner);
	if (!options->collect) {
		/* what is not removed keeps its volumes, and keeps them open */
		plan_growth(&planner);
		plan_close(&planner);
	}
	drop_empty(plan);
	list_sort(&plan->changes, by_object);
	stagger(&planner);
	for (uint32_t i = 0; i < plan->changes.count; i++) {
		struct change *change = plan->changes.item[i];
		for (uint32_t k = 0; k < change->actions.count; k++)
			number(&planner, change->actions.item[k]);
		if (change->actions.count > 1)
			qsort(change->actions.item, change->actions.count, sizeof *change->actions.item,
				by_id);
	}
	summarise(&planner);
	list_unmanaged(&planner);
	return plan;
}

void plan_free(struct plan *plan)
{
	if (plan)
		arena_free(plan->arena);
}

bool plan_empty(const struct plan *plan)
{
	return plan->changes.count == 0;
}
