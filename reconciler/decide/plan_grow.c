/* When a volume grows that a guest has. Where nobody has it, it grows at once (plan_volume.c). Else:
 *
 *   inline     live where its layers and the guest can     in the change of its domain
 *   declared   likewise, whoever has it                    in its own change
 *   either     else                                        in the change of the domain, between its stop and
 *                                                          its start, whatever it is restarted for
 *
 * A guest sees a device grow by itself. Of a file it has the loop device that xl made: the host looks at that
 * anew (disk.grow). */
#include "decide/planner.h"
#include "model/chain.h"
#include <string.h>

/* The volume as it is, if something of it is still to grow: nobody sees to it so far in this plan. */
static const struct HaveVolume *growing(struct planner *planner, const struct wanted_volume *volume)
{
	const struct volume_plan *plan = volume ? volume_plan_of(planner, volume) : NULL;
	return plan && plan->ready && !plan->grown && plan->have && KNOWN(plan->have, HaveVolume, state) &&
			       plan->have->state == volume_state_complete && diff_grows(volume, plan->have)
		       ? plan->have
		       : NULL;
}

void draft_growth_after(struct planner *planner, struct change *change, const struct wanted_volume *volume,
	const struct HaveDomain *domain, struct draft *after)
{
	const struct HaveVolume *have = growing(planner, volume);
	struct list others = {0}; /* struct draft */
	if (!have)
		return;
	/* an inline volume is with its own guest, or with none */
	const struct holder other = volume_holder(planner, have, domain, &others);
	if (other.domain && (other.surely || !volume->vdev))
		return;
	const uint32_t first = change->actions.count;
	draft_layers(planner, change, volume_plan_of(planner, volume), after, level_restart);
	for (uint32_t i = 0; i < others.count && first < change->actions.count; i++)
		draft_needs(planner, change->actions.item[first], others.item[i]);
}

void draft_growth_stopped(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have, struct draft *after)
{
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		if (!inline_volume(planner, disk))
			continue;
		plan_volume(planner, change, disk->volume, after);
		draft_growth_after(planner, change, disk->volume, have, after);
	}
}

void draft_grown_disk(struct planner *planner, struct change *change, const struct HaveDomain *domain,
	const struct Disk *disk, const struct wanted_volume *volume, struct draft *after)
{
	const char *name = domain->mark && domain->mark->name ? domain->mark->name : domain_words(domain);
	struct draft *draft = draft_add(planner, change, verb_disk_grow,
		arena_format(planner->arena, "Domain/%s", name), name, disk->vdev, after);
	draft->action.have = domain;
	draft->action.uid = domain->uuid;
	draft->action.disk = disk;
	draft->action.disk_volume = volume;
}

/* The layers grow, then each guest that keeps the volume as a file is shown its new size. */
static void grow_live(struct planner *planner, struct change *change, const struct wanted_volume *volume,
	struct draft *after)
{
	const struct HaveVolume *have = volume_plan_of(planner, volume)->have;
	const struct layer_row *top = layer_row_of(volume->chain.item[volume->chain.count - 1]);
	const uint32_t first = change->actions.count;
	const struct HaveDomain *domain;
	const struct Disk *disk;
	draft_layers(planner, change, volume_plan_of(planner, volume), after, level_live);
	if (first == change->actions.count)
		return;
	struct draft *last = change->actions.item[change->actions.count - 1];
	const bool shown = top->gives == FILE_DATA && last->action.layer + 1 == volume->chain.count;
	for (uint32_t at = 0; shown && (domain = have_holder(planner->have, have, &at, &disk));)
		if (!draft_taking_away(planner, domain, have))
			draft_grown_disk(planner, change, domain, disk, volume, last);
	for (uint32_t i = first; i < change->actions.count; i++)
		((struct draft *)change->actions.item[i])->action.blast = level_live;
}

void draft_growth_live(struct planner *planner, struct change *change, const struct wanted_volume *volume)
{
	plan_volume(planner, change, volume, NULL);
	if (growing(planner, volume))
		grow_live(planner, change, volume, NULL);
}

static bool is_growth(const struct difference *difference)
{
	return difference->verb == verb_volume_grow && !difference->refused && !difference->unknown;
}

/* Who has the volume and is not to see it grow, and why; NULL: nobody. */
static const char *objection(struct planner *planner, const struct HaveVolume *volume)
{
	const struct HaveDomain *domain;
	const struct Disk *disk;
	for (uint32_t at = 0; (domain = have_holder(planner->have, volume, &at, &disk));) {
		const struct wanted_domain *wanted = domain->mark && domain->mark->name
							     ? want_domain(planner->want, domain->mark->name)
							     : NULL;
		if (draft_taking_away(planner, domain, volume) || !wanted ||
			strcmp(wanted->uid, domain->uuid) != 0)
			continue;
		if (allowed_level(planner, wanted) < level_live)
			return arena_format(planner->arena,
				"Domain/%s has it, and a live change of that is not allowed (disruption is "
				"%s)",
				wanted->name, choice_level[allowed_level(planner, wanted)]);
	}
	return NULL;
}

/* The differences that another change does away with are its own. */
static void leave_to_other(struct change *change)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < change->difference_count; i++) {
		if (is_growth(&change->differences[i]))
			continue;
		change->differences[kept] = change->differences[i];
		change->difference_allowed[kept++] = change->difference_allowed[i];
	}
	change->difference_count = kept;
}

static void hold_back(struct planner *planner, struct change *change, const char *reason, enum cause cause)
{
	change_reason(planner, change, reason);
	if (cause > change->cause)
		change->cause = cause;
	if (change->actions.count)
		return;
	change->kind = CHANGE_BLOCKED;
	change->allowed = false;
}

/* What a live growth leaves: it waits for the guest. */
static void settle_staged(struct planner *planner, struct change *change, const struct HaveDomain *keeper)
{
	for (uint32_t i = 0; i < change->difference_count; i++)
		if (is_growth(&change->differences[i]) && change->differences[i].effect > level_live) {
			hold_back(planner, change,
				arena_format(planner->arena,
					"it grows when Domain/%s is restarted, which has it open",
					keeper->mark && keeper->mark->name ? keeper->mark->name
									   : domain_words(keeper)),
				CAUSE_STAGED);
			return;
		}
}

static void settle_live(struct planner *planner, struct change *change, const struct HaveVolume *have)
{
	bool any = false;
	for (uint32_t i = 0; i < change->difference_count; i++)
		any |= is_growth(&change->differences[i]) && change->differences[i].effect <= level_live;
	const char *why = any ? objection(planner, have) : NULL;
	if (why)
		hold_back(planner, change, why, CAUSE_LIMITS);
	if (!any || why)
		return;
	grow_live(planner, change, change->volume, NULL);
	for (uint32_t i = 0; i < change->difference_count; i++)
		change->difference_allowed[i] |=
			is_growth(&change->differences[i]) && change->differences[i].effect <= level_live;
	change->kind = CHANGE_LIVE;
	change->allowed = true;
}

static void settle(struct planner *planner, struct change *change)
{
	struct volume_plan *plan = volume_plan_of(planner, change->volume);
	const struct HaveVolume *have = growing(planner, change->volume);
	struct list after = {0}; /* struct draft */
	if (plan->grown && plan->grown != change)
		leave_to_other(change);
	if (!have && !plan->grown)
		hold_back(planner, change, "a guest has it, and it is not open", CAUSE_ERROR);
	if (!have)
		return;
	const struct HaveDomain *keeper = volume_holder(planner, have, NULL, &after).domain;
	if (keeper) {
		settle_live(planner, change, have);
		settle_staged(planner, change, keeper);
		return;
	}
	draft_growth_after(planner, change, change->volume, NULL, NULL);
	for (uint32_t i = 0; i < change->difference_count; i++)
		change->difference_allowed[i] |= is_growth(&change->differences[i]) && plan->grown == change;
}

void plan_growth(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->plan->changes.count; i++) {
		struct change *change = planner->plan->changes.item[i];
		bool grows = false;
		for (uint32_t k = 0; k < change->difference_count; k++)
			grows |= is_growth(&change->differences[k]);
		if (grows && change->volume && !change->volume->vdev)
			settle(planner, change);
	}
}
