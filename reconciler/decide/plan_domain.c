/* A domain that is wanted, against what was found under its UUID. What is found decides the branch:
 *
 *   host not observed, ownership not known, dying      unknown: nothing is done
 *   there, but not ours, or from other manifests       blocked
 *   there under another uid                            recreate, where that is allowed
 *   absent                                             create (wanted Running), nothing (wanted Stopped)
 *   half-built, or stopped by itself                   destroy what is left, create
 *   running or paused, wanted Stopped                  shut down, destroy
 *   running or paused, wanted Running                  differences, each by its effect and what is allowed
 */
#include "decide/planner.h"
#include <string.h>

static void worse(struct change *change, enum cause cause)
{
	if (cause > change->cause)
		change->cause = cause;
}

/* Says of what is not done why not. A change that only waits for a restart is staged; all else is a limit. */
static void explain(
	struct planner *planner, struct change *change, const struct wanted_domain *domain, bool anew)
{
	enum level beyond = level_none;
	bool unknown = false, staged = false;
	for (uint32_t i = 0; i < change->difference_count && !anew; i++) {
		const struct difference *difference = &change->differences[i];
		if (change->difference_allowed[i])
			continue;
		if (difference->unknown)
			unknown = true;
		else if (difference->refused) {
			change_reason(planner, change, difference->refused);
			worse(change, CAUSE_LIMITS);
		} else if (difference->staged) {
			staged = true;
		} else if (difference->effect > beyond)
			beyond = difference->effect;
	}
	if (staged) {
		change_reason(planner, change, "restart required (not allowed: config.onChange is stage)");
		worse(change, CAUSE_STAGED);
	}
	if (unknown) {
		change_reason(planner, change, "not everything about it could be found out");
		worse(change, CAUSE_ERROR);
	}
	if (beyond == level_none)
		return;
	worse(change, beyond == level_restart || beyond == level_reattach ? CAUSE_STAGED : CAUSE_LIMITS);
	if (domain->object->domain->metadata->protect && beyond >= level_recreate)
		change_reason(planner, change, "it is protected (metadata.protect)");
	else
		change_reason(planner, change,
			arena_format(planner->arena, "%s required (not allowed: disruption is %s)",
				choice_level[beyond], choice_level[allowed_level(planner, domain)]));
}

const struct HaveVolume *inline_volume(const struct planner *planner, const struct wanted_disk *disk)
{
	const struct HaveVolume *have =
		disk->volume && disk->volume->vdev ? volume_plan_of(planner, disk->volume)->have : NULL;
	return have && KNOWN(have, HaveVolume, state) &&
			       (have->state == volume_state_complete || have->state == volume_state_closed)
		       ? have
		       : NULL;
}

/* Differences of inline volumes count as differences of their domain; so does what of a declared one waits
 * for its restart. */
static void diff_volumes(
	struct planner *planner, const struct wanted_domain *domain, struct list *differences)
{
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		const struct HaveVolume *have = inline_volume(planner, disk);
		const struct HaveVolume *declared = disk->volume && !disk->volume->vdev
							    ? volume_plan_of(planner, disk->volume)->have
							    : NULL;
		if (have)
			diff_volume(planner->arena, planner->want, planner->have, disk->volume, have,
				differences);
		else if (declared && !disk->volume->object->refused)
			diff_staged_growth(planner->arena, planner->have, disk, declared, differences);
	}
}

/* Is what would be recorded of it what is recorded? Made in passing, because it mostly is. */
/* What of a record changes, for people: " (protect false -> true)"; NULL where it is not worth a word. */
static const char *record_words(struct planner *planner, const struct Record *want, const struct Record *have)
{
	const char *words = NULL;
	if (want->protect != have->protect)
		words = want->protect ? "from now on it is protected" : "it is not protected any more";
	if (!text_equal(want->source, have->source))
		words = arena_format(planner->arena, "%s%sfrom now on it belongs to the manifests in %s",
			words ? words : "", words ? "; " : "", want->source);
	return words ? arena_format(planner->arena, "(%s)", words) : NULL;
}

static bool record_same(struct planner *planner, const struct change *change,
	const struct wanted_domain *domain, const struct HaveDomain *have)
{
	struct planner passing = *planner;
	passing.arena = planner->scratch;
	const bool same = object_same(&type_Record, record_of(&passing, change, domain, have), have->mark);
	arena_reset(planner->scratch);
	return same;
}

/* What stopping and destroying is to this change: part of a restart, or the burial of what has ended. */
static void set_blast_of_stop(struct change *change, enum level blast)
{
	for (uint32_t i = 0; i < change->actions.count; i++) {
		struct action *action = &((struct draft *)change->actions.item[i])->action;
		if (verb_table[action->verb].stage == STAGE_STOP)
			action->blast = blast;
	}
}

/* Inline volumes that are there learn what their domain's manifest says of them now. */
static void label_inline_volumes(
	struct planner *planner, struct change *change, const struct wanted_domain *domain)
{
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_disk *disk = domain->disks.item[i];
		if (inline_volume(planner, disk))
			plan_label(planner, change, plan_volume(planner, change, disk->volume, NULL));
	}
}

static void plan_running(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	struct list differences = {0};
	diff_domain(planner->arena, planner->want, planner->have, domain, have, &differences);
	plan_config_differences(planner, domain, have, &differences);
	const uint32_t own = differences.count;
	diff_volumes(planner, domain, &differences);
	change_differences(planner, change, &differences);
	const enum level done = draft_judge(planner, change, domain);
	const bool anew = done >= level_restart;
	static const enum change_kind kinds[] = {
		[level_none] = CHANGE_LIVE,
		[level_live] = CHANGE_LIVE,
		[level_reattach] = CHANGE_REATTACH,
		[level_restart] = CHANGE_RESTART,
		[level_stop] = CHANGE_RESTART,
		[level_recreate] = CHANGE_RECREATE,
		[level_destroy] = CHANGE_RECREATE,
		[level_data_loss] = CHANGE_RECREATE,
	};
	change->kind = kinds[done];
	if (anew) {
		draft_again(planner, change, domain, have);
		if (!change->allowed)
			return;
		set_blast_of_stop(change, done);
		/* what could not be changed in place comes with the new guest */
		for (uint32_t i = 0; i < own; i++) {
			struct difference *difference = &change->differences[i];
			if (difference->unknown || difference->effect > done)
				continue;
			change->difference_allowed[i] = true;
			difference->refused = NULL;
		}
		for (uint32_t i = own; i < change->difference_count; i++)
			if (change->differences[i].verb == verb_volume_grow)
				change->difference_allowed[i] =
					volume_plan_of(planner, change->differences[i].grows)->grown ==
					change;
	} else {
		if (have->power == found_power_Paused)
			draft_of(planner, change, verb_domain_unpause, domain, have, NULL, NULL);
		for (uint32_t i = 0; i < change->difference_count; i++)
			if (change->difference_allowed[i])
				draft_live(planner, change, domain, have, i);
		draft_moves(planner, change);
		plan_config_running(planner, change, domain, have);
		label_inline_volumes(planner, change, domain);
		const bool stale = KNOWN(have, HaveDomain, markStale) && have->markStale;
		if (have->mark && (stale || !record_same(planner, change, domain, have))) {
			const struct Record *record = record_of(planner, change, domain, have);
			struct draft *draft = draft_of(planner, change, verb_domain_record, domain, have,
				record_words(planner, record, have->mark), NULL);
			draft->action.record = record;
			for (uint32_t i = 0; i + 1 < change->actions.count; i++)
				draft_needs(planner, draft, change->actions.item[i]);
		}
	}
	explain(planner, change, domain, anew);
	if (!change->actions.count && change->reason) {
		bool unknown = false;
		for (uint32_t i = 0; i < change->difference_count; i++)
			unknown |= change->differences[i].unknown;
		change->kind = unknown ? CHANGE_UNKNOWN : CHANGE_BLOCKED;
		change->allowed = false;
	}
}

const char *state_unsure(const struct HaveDomain *have)
{
	if (!KNOWN(have, HaveDomain, power) || have->power == found_power_Dying)
		return "it is being torn down, or its state is not known";
	if (have->power == found_power_Paused && !KNOWN(have, HaveDomain, halfBuilt))
		return "it is paused, and may just be built by somebody";
	return NULL;
}

/* May this domain be acted on at all? Otherwise the change says why not. */
static bool ours(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	if (!KNOWN(have, HaveDomain, owned)) {
		change_block(planner, change, CHANGE_UNKNOWN,
			"the records could not be read, so it is not known whose it is");
		return false;
	}
	if (!owns_domain(planner, have)) {
		change_block(planner, change, CHANGE_BLOCKED,
			arena_format(planner->arena,
				"a domain with its UUID (%s, domid %d) is there that is not ours: it is not "
				"touched",
				have->name ? have->name : "no name", (int)have->domid));
		return false;
	}
	const char *source = have->mark ? have->mark->source : NULL;
	if (source && domain->object->root && !planner->options->take_over &&
		!source_matches(source, domain->object->root)) {
		change_block(planner, change, CHANGE_BLOCKED,
			arena_format(planner->arena,
				"it belongs to the manifests in %s; --take-over makes it yours", source));
		change->cause = CAUSE_LIMITS;
		return false;
	}
	const char *unsure = state_unsure(have);
	if (unsure)
		change_block(planner, change, CHANGE_UNKNOWN, unsure);
	return !unsure;
}

/* What is left half-built goes also where the guest cannot be made anew: it never ran, holds memory and
 * perhaps disks, and others may wait for those. The change goes on saying what stands in the way. */
static void bury(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	change->kind = CHANGE_STOP;
	change->blast = level_none;
	change->allowed = true;
	plan_stop(planner, change, domain->name, have, domain->spec->shutdown, NULL);
}

static void plan_present(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *have)
{
	if (!ours(planner, change, domain, have))
		return;
	const bool half_built = KNOWN(have, HaveDomain, halfBuilt) && have->halfBuilt;
	const char *failed;
	if (have->power == found_power_Stopped && KNOWN(have, HaveDomain, ended) &&
		have->ended == ended_suspend) {
		change_block(planner, change, CHANGE_BLOCKED,
			"it is suspended, as an interrupted save leaves it: `xl save` it to a file, "
			"or destroy it by hand");
	} else if (domain->spec->power == power_Stopped) {
		change->kind = CHANGE_STOP;
		change->blast = have->power == found_power_Stopped || half_built ? level_none : level_stop;
		struct draft *stopped =
			plan_stop(planner, change, domain->name, have, domain->spec->shutdown, NULL);
		draft_shred(planner, change, domain->uid, domain->name, NULL, stopped);
		draft_growth_stopped(planner, change, domain, have, stopped);
		set_blast_of_stop(change, change->blast);
		label_inline_volumes(planner, change, domain);
	} else if ((half_built || have->power == found_power_Stopped) &&
		   (failed = config_obstacle(planner, change, domain))) {
		change->kind = CHANGE_STOP;
		change_reason(planner, change, failed);
		change->cause = CAUSE_ERROR;
		draft_shred(planner, change, domain->uid, domain->name, NULL,
			plan_stop(planner, change, domain->name, have, domain->spec->shutdown, NULL));
		set_blast_of_stop(change, level_none);
	} else if (half_built || have->power == found_power_Stopped) {
		change->kind = CHANGE_CREATE;
		change->detail = half_built
					 ? "left half-built by an interrupted creation"
					 : arena_format(planner->arena, "it ended by itself: %s",
						   KNOWN(have, HaveDomain, ended) ? choice_ended[have->ended]
										  : "reason not known");
		draft_again(planner, change, domain, have);
		if (!change->allowed && half_built)
			bury(planner, change, domain, have);
		set_blast_of_stop(change, level_none);
	} else if (!plan_config_failed(planner, change, domain, have))
		plan_running(planner, change, domain, have);
}

/* The guest of this name has another uid than is wanted now: for Xen and for its inline volumes it is another
 * guest. */
static void plan_former(struct planner *planner, struct change *change, const struct wanted_domain *domain,
	const struct HaveDomain *former)
{
	change->have = former;
	if (!ours(planner, change, domain, former))
		return;
	change->kind = CHANGE_RECREATE;
	change->blast = level_recreate;
	bool inline_volumes = false;
	for (uint32_t i = 0; i < domain->disks.count; i++) {
		const struct wanted_volume *volume =
			((const struct wanted_disk *)domain->disks.item[i])->volume;
		inline_volumes |= volume && volume->vdev;
	}
	change->detail = arena_format(planner->arena, "its uid changes from %s to %s%s", former->uuid,
		domain->uid,
		inline_volumes ? ": its inline volumes are new and empty, those it has are kept" : "");
	if (domain->object->domain->metadata->protect || former->mark->protect)
		change_block(planner, change, CHANGE_BLOCKED, "it is protected (metadata.protect)");
	else if (!planner->want->complete)
		change_block(planner, change, CHANGE_BLOCKED, "a source is broken or could not be read");
	else if (!(KNOWN(former, HaveDomain, halfBuilt) && former->halfBuilt) &&
		 allowed_level(planner, domain) < level_recreate)
		change_block(planner, change, CHANGE_BLOCKED,
			arena_format(planner->arena, "recreate required (not allowed: disruption is %s)",
				choice_level[allowed_level(planner, domain)]));
	else if (domain->spec->power == power_Stopped)
		plan_stop(planner, change, domain->name, former, domain->spec->shutdown, NULL);
	else
		draft_again(planner, change, domain, former);
	if (!change->allowed)
		change->cause = CAUSE_LIMITS;
	set_blast_of_stop(change, level_recreate);
}

void plan_domain(struct planner *planner, const struct wanted_domain *domain)
{
	const struct object *object = domain->object;
	struct change *change = change_add(planner, object->text, object, object->at);
	change->domain = domain;
	change->have = planner->have->known ? have_domain(planner->have, domain->uid) : NULL;
	const struct HaveDomain *former =
		planner->have->known && !change->have ? former_of(planner, domain) : NULL;
	if (object->refused) {
		report_error(planner->report, object->refused_at, object->text, NULL,
			"%s is not yet supported", object->refused);
		change_block(planner, change, CHANGE_BLOCKED,
			arena_format(planner->arena, "%s is not yet supported", object->refused));
	} else if (!planner->have->known) {
		change_block(planner, change, CHANGE_UNKNOWN,
			planner->have->why_unknown ? planner->have->why_unknown
						   : "the host could not be observed");
	} else if (change->have) {
		plan_present(planner, change, domain, change->have);
	} else if (former) {
		plan_former(planner, change, domain, former);
	} else if (domain->spec->power == power_Running) {
		change->kind = CHANGE_CREATE;
		draft_create(planner, change, domain, NULL, NULL);
	} else {
		change->kind = CHANGE_LIVE;
		draft_shred(planner, change, domain->uid, domain->name, NULL, NULL);
		draft_growth_stopped(planner, change, domain, NULL, NULL);
		label_inline_volumes(planner, change, domain);
	}
}
