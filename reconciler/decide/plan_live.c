/* Differences of a guest that runs: which of them may be changed, and the actions that change them in place.
 */
#include "decide/planner.h"
#include "model/quantity.h"
#include <string.h>

enum level allowed_level(const struct planner *planner, const struct wanted_domain *domain)
{
	static const enum level levels[] = {
		[disruption_none] = level_none,
		[disruption_live] = level_live,
		[disruption_reattach] = level_reattach,
		[disruption_restart] = level_restart,
		[disruption_recreate] = level_recreate,
	};
	const enum level own = levels[domain->spec->disruption];
	return planner->options->allow > own ? planner->options->allow : own;
}

static void draft_disk(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have, const struct difference *difference)
{
	struct draft *detach = NULL;
	if (difference->have_disk) {
		detach = draft_of(
			planner, change, verb_disk_detach, domain, have, difference->have_disk->vdev, NULL);
		detach->action.disk = difference->have_disk;
	}
	if (!difference->want_disk)
		return;
	struct volume_plan *volume = plan_volume(planner, change, difference->want_disk->volume, NULL);
	struct draft *attach = draft_of(
		planner, change, verb_disk_attach, domain, have, difference->want_disk->disk->vdev, detach);
	draft_needs(planner, attach, volume->last);
	if (detach)
		draft_needs(planner, detach, volume->last);
	attach->action.disk = difference->want_disk->disk;
	attach->action.disk_volume = difference->want_disk->volume;
}

/* Weight and cap are set by one action; what does not differ is left alone. */
static void draft_scheduler(struct planner *planner, struct change *change,
	const struct wanted_domain *domain, const struct HaveDomain *have)
{
	struct Scheduler *scheduler = type_new(planner->arena, &type_Scheduler);
	const char *words = "to";
	for (uint32_t i = 0; i < change->difference_count; i++) {
		const struct difference *difference = &change->differences[i];
		if (difference->verb != verb_domain_set_scheduler || !change->difference_allowed[i])
			continue;
		const int64_t number = *(const int64_t *)difference->want;
		const bool weight = difference->field == &type_Scheduler.fields[Scheduler_weight];
		if (weight)
			KNOW(scheduler, Scheduler, weight, number);
		else
			KNOW(scheduler, Scheduler, cap, number);
		words = arena_format(
			planner->arena, "%s %s %lld", words, difference->field->key, (long long)number);
	}
	draft_of(planner, change, verb_domain_set_scheduler, domain, have, words, NULL)->action.scheduler =
		scheduler;
}

static void draft_nic(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have, const struct difference *difference)
{
	struct draft *detach = NULL;
	if (difference->have_nic) {
		detach = draft_of(planner, change, verb_nic_detach, domain, have,
			difference->have_nic->name ? difference->have_nic->name : difference->have_nic->mac,
			NULL);
		detach->action.nic = difference->have_nic;
	}
	if (difference->want_nic) {
		struct draft *attach = draft_of(
			planner, change, verb_nic_attach, domain, have, difference->want_nic->name, detach);
		attach->action.nic = difference->want_nic;
	}
}

void draft_live(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have, uint32_t index)
{
	const struct difference *difference = &change->differences[index];
	for (uint32_t i = 0; i < index; i++) {
		const struct difference *earlier = &change->differences[i];
		if (!change->difference_allowed[i])
			continue;
		if (difference->verb == verb_domain_set_scheduler && earlier->verb == difference->verb)
			return;
		if ((difference->want_disk && earlier->want_disk == difference->want_disk) ||
			(difference->want_nic && earlier->want_nic == difference->want_nic))
			return;
	}
	char text[32];
	switch (difference->verb) {
	case verb_domain_set_memory: {
		struct draft *draft = draft_of(planner, change, difference->verb, domain, have,
			arena_format(planner->arena, "to %s", size_text(domain->spec->memory, text)), NULL);
		draft->action.number = domain->spec->memory;
		break;
	}
	case verb_domain_set_vcpus: {
		struct draft *draft = draft_of(planner, change, difference->verb, domain, have,
			arena_format(planner->arena, "to %d", (int)domain->spec->vcpus), NULL);
		draft->action.number = domain->spec->vcpus;
		break;
	}
	case verb_domain_set_cpus: {
		const char *cpus = *(const char *const *)difference->want;
		struct draft *draft = draft_of(planner, change, difference->verb, domain, have,
			arena_format(planner->arena, "to %s", cpus), NULL);
		draft->action.cpus = cpus;
		break;
	}
	case verb_domain_set_scheduler:
		draft_scheduler(planner, change, domain, have);
		break;
	case verb_domain_rename: {
		/* by the name that Xen knows it by: the manifest's may be the one it is to get */
		struct draft *draft = draft_add(planner, change, difference->verb, domain->object->text,
			have->name, arena_format(planner->arena, "to %s", domain->xen_name), NULL);
		draft->action.domain = domain;
		draft->action.have = have;
		draft->action.uid = domain->uid;
		break;
	}
	case verb_disk_attach:
	case verb_disk_detach:
		draft_disk(planner, change, domain, have, difference);
		break;
	case verb_disk_grow:
		draft_grown_disk(planner, change, have, difference->have_disk, difference->grows, NULL);
		break;
	case verb_volume_grow:
		draft_growth_live(planner, change, difference->grows);
		break;
	case verb_config_create:
		draft_config_live(planner, change, domain, have);
		break;
	case verb_nic_attach:
	case verb_nic_detach:
		draft_nic(planner, change, domain, have, difference);
		break;
	default:
		break;
	}
	for (uint32_t i = 0; i < change->actions.count; i++) {
		struct draft *draft = change->actions.item[i];
		if (draft->action.have == have && draft->action.blast < difference->effect)
			draft->action.blast = difference->effect;
		if (difference->at && draft->action.at == change->at && draft->action.have == have)
			draft->action.at = difference->at;
	}
}

/* One volume is never in two places of a guest: where a disk moves, it is taken away before it is given
 * again. */
void draft_moves(struct planner *planner, struct change *change)
{
	for (uint32_t i = 0; i < change->actions.count; i++) {
		struct draft *attach = change->actions.item[i];
		if (attach->action.verb != verb_disk_attach || attach->action.config)
			continue;
		const struct HaveVolume *volume = have_volume(planner->have, attach->action.disk_volume->uid);
		struct link link;
		if (!volume || !have_volume_link(volume, &link))
			continue;
		for (uint32_t k = 0; k < change->actions.count; k++) {
			struct draft *detach = change->actions.item[k];
			const struct Disk *disk = detach->action.disk;
			if (detach->action.verb == verb_disk_detach &&
				(text_equal(disk->id, link.id) || text_equal(disk->target, link.path)))
				draft_needs(planner, attach, detach);
		}
	}
}

/* A disk that is to be attached needs its volume and the right to use it, a nic its bridge. */
static const char *attach_obstacle(struct planner *planner, struct change *change,
	const struct wanted_domain *domain, const struct difference *difference)
{
	if (difference->want_nic)
		return nic_obstacle(planner, difference->want_nic);
	if (difference->verb == verb_volume_grow) {
		struct volume_plan *grows = plan_volume(planner, change, difference->grows, NULL);
		return grows->ready ? NULL : grows->blocked;
	}
	if (!difference->want_disk)
		return NULL;
	const char *obstacle = disk_obstacle(planner, difference->want_disk);
	if (obstacle)
		return obstacle;
	const char *conflict = claims_conflict(planner, domain, difference->want_disk);
	if (conflict)
		return conflict;
	struct volume_plan *volume = plan_volume(planner, change, difference->want_disk->volume, NULL);
	return volume->ready ? NULL : volume->blocked;
}

enum level draft_judge(struct planner *planner, struct change *change, const struct wanted_domain *domain)
{
	const enum level limit = allowed_level(planner, domain);
	const bool protected = domain->object->domain->metadata->protect;
	enum level done = level_none;
	for (uint32_t i = 0; i < change->difference_count; i++) {
		struct difference *difference = &change->differences[i];
		if (difference->effect > change->blast)
			change->blast = difference->effect;
		if (!difference->unknown && !difference->refused && difference->effect <= limit)
			difference->refused = attach_obstacle(planner, change, domain, difference);
		const enum level bound = difference->asked    ? level_data_loss
					 : difference->staged ? planner->options->allow
							      : limit;
		const bool shielded = protected && difference->effect >= level_recreate;
		change->difference_allowed[i] = !difference->unknown && !difference->refused && !shielded &&
						difference->effect <= bound;
		if (change->difference_allowed[i] && difference->effect > done)
			done = difference->effect;
	}
	return done;
}
